"""How a talk and a call end, for all who can end them."""

from __future__ import annotations

from datetime import datetime

from m3voip.core import facts as f
from m3voip.core.call import State, Step, seconds
from m3voip.core.causes import UNKNOWN, EndReason


def talk_over(so_far: Step, at: datetime, *, by_caller: bool = False) -> Step:
    """Note the end of the talk that goes on, if one does and nobody has said so yet. Without ``by_caller`` it was the agent."""
    call = so_far.call
    if call.state not in (State.TALKING, State.IN_HAND) or call.talk_over:
        return so_far
    talked = seconds(call.connected_at, at)
    return so_far.note(at, f.TalkEnded(extension=call.agent, talked_s=talked, by_caller=by_caller))


def end(so_far: Step, at: datetime, reason: EndReason, cause: int = UNKNOWN) -> Step:
    """The one way a call ends."""
    call = so_far.call
    fact = f.CallEnded(reason=reason, cause=cause, duration_s=seconds(call.started_at, at), talk_s=call.talk_s)
    return so_far.note(at, fact).wait(None)
