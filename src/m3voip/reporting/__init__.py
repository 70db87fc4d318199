"""Reports: every formula once (``measures``). Pure."""
