"""What can be wrong with the machine or the checkout, said so that an operator knows what to do."""

from __future__ import annotations

from m3voip.core.errors import M3voipError


class StackError(M3voipError):
    """The stack cannot be prepared or started; the message names the cause and the remedy."""
