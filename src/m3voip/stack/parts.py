"""The parts of the stack. Apart from everything else, so that the command line knows them without importing them."""

PARTS = ("postgres", "asterisk", "agi", "service")
"""In the order of starting; stopped in reverse."""
