"""What Asterisk calls an agent's ways to be reached: the phone that rings, the line that is kept up. Pure.

A queue rings a member's interface and goes by its state interface (generated/queues.conf). A line that is kept up is reached
through ``dialplans/session.conf``, by a Local channel that is gone once they talk (ADR 0013).
"""

from __future__ import annotations

import re

PHONE = "PJSIP/"
LINE = "Agent:"
"""app_agent_pool's device state of a line: in use in a talk, unavailable while there is none."""
_LINE = re.compile(r"Local/([a-z0-9]+)@join(?:-[0-9a-f]{8};[12])?").fullmatch


def interfaces(endpoint: str, *, session: bool) -> tuple[str, str]:
    """(what a queue rings, what it goes by)"""
    if session:
        return f"Local/{endpoint}@join", f"{LINE}{endpoint}"
    return f"{PHONE}{endpoint}", f"{PHONE}{endpoint}"


def endpoint_of(interface: str) -> str:
    """Whose interface or state interface this is."""
    return line_of(interface) or interface.removeprefix(PHONE).removeprefix(LINE)


def line_of(name: str) -> str:
    """Whose line this interface, or this channel on the way to it, leads to; "" for everything else."""
    found = _LINE(name)
    return found[1] if found else ""
