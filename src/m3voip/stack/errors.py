"""What can be wrong with the machine or the checkout, said so that an operator knows what to do."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot be prepared or started; the message names the cause and the remedy."""
