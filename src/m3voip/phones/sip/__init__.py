"""SIP as far as a test phone needs it (RFC 3261): messages, digest, transports, transactions, dialogs."""
