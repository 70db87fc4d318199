"""What stands behind the ports: Asterisk, speech, the CRM. Each knows core and ports, never the engine."""
