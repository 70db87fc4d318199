"""Audio of a test phone: G.711, tones, RTP on one shared ticker, and an ear that remembers what it heard."""
