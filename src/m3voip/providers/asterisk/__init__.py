"""Asterisk 22 behind the ports: ARI controls, AMI observes, AGI answers. The word "channel" lives only here."""
