"""Whom a supervisor can hear in a call."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from m3voip.core.call import Call, State
from m3voip.core.parties import Role


class Watched(Struct, frozen=True, kw_only=True):
    """Whose work is heard: an agent's leg of a call."""

    call_id: UUID
    agent: str
    leg: str


def watch(call: Call, extension: str = "") -> Watched | str:
    """The agent's leg in a call (``extension``: which agent's), or why nobody can be heard there, in a sentence."""
    if call.state is State.TALKING and call.agent_leg and not call.talk_over and extension in ("", call.agent):
        return Watched(call_id=call.id, agent=call.agent, leg=call.agent_leg)
    if call.floor or (call.state is State.TALKING and not call.agent_leg):
        return "the agent's phone is not known: the call was answered while the service was away"
    if call.state is State.IN_HAND and call.transfer is None:
        for party in call.parties.values():
            mine = party.role is Role.AGENT or (extension and party.role is Role.GUEST and party.here)
            if mine and party.extension and extension in ("", party.extension):  # else it is a number outside
                return Watched(call_id=call.id, agent=party.extension, leg=party.leg)
    return "no agent talks in this call"


def talks(call: Call, extension: str) -> bool:
    """Whether this extension is in the call, or is being called into it."""
    if call.state is State.TALKING:
        return extension == call.agent
    return any(party.extension == extension for party in call.parties.values())
