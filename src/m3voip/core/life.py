"""The life of a call. Everything that changes a call's state lives in this file and in the tree it follows.

Theory of operation: ``step(call, event, now, flow)`` answers one event with facts (stored), commands (carried out) and the
new state, which is the fold of the facts. Glare is normal: two transports report the same hang-up, so an event that comes
late changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core import hand, survey
from m3voip.core import requests as rq
from m3voip.core.asking import asked
from m3voip.core.call import Call, Flow, State, Step, seconds
from m3voip.core.causes import CALL_REJECTED, UNKNOWN, EndReason, QueueExit
from m3voip.core.ending import end, talk_over
from m3voip.core.handing import ring, send_on
from m3voip.core.parties import Target, TargetKind

CLOSING_WAIT = timedelta(seconds=1)
"""How long a call whose leg is gone waits for the queue's last words (was it answered, who hung up): two transports report
one call, and they are not ordered."""

QUEUE_WORDS = (
    ev.QueueJoined, ev.AgentOffered, ev.AgentDidNotAnswer, ev.AgentAnswered, ev.AgentLeft, ev.QueueAbandoned, ev.TimeUp,
)  # fmt: skip
"""What may still matter after the leg is gone."""


# fmt: off
def step(call: Call, event: ev.Event, now: datetime, flow: Flow | None) -> Step:
    """Answer one event. This is the whole life of a call. ``flow`` is the tree the call follows, None if it has none."""
    match call.state, event:
        case State.ENDED, _:                              return Step(call)
        case State.NEW, ev.CallArrived():                 return arrive(call, event, now, flow)
        case State.NEW, ev.FloorTook():                   return floor_took_new(call, event)
        case State.NEW, _:                                return Step(call)
        case _, ev.CallArrived():                         return Step(call)
        case _, ev.Remarked():                            return remarked(call, event)
        case _, ev.TelephonyRestarted():                  return end(talk_over(Step(call), event.at), event.at, EndReason.TELEPHONY_RESTARTED)
        case _, _ if call.hung_up and not isinstance(event, QUEUE_WORDS):
                                                          return Step(call)  # the leg is gone: only the queue's last words are awaited
        case State.IN_HAND, _:                            return hand.step(call, event, now, flow)
        case State.TALKING, rq.Request():                 return asked(Step(call), event, now, flow)
        case State.TALKING, ev.OfParty():                 return hand.beside(call, event, now, flow)
        case _, (rq.Request() | ev.OfParty()):            return Step(call)
        case State.TALKING, ev.CallerHungUp():            return close_talk(call, event, now)
        case (State.QUEUED | State.FLOOR), ev.CallerHungUp() if waits(call) and not call.gave_up:
                                                          return Step(replace(call, hung_up=event)).wait(now + CLOSING_WAIT)
        case _, ev.CallerHungUp():                        return hung_up(call, event)
        case State.IVR, ev.LegLeft():                     return hung_up(call, ev.CallerHungUp(at=event.at, cause=call.ending_cause))
        case _, ev.LegLeft():                             return Step(call)
        case _, ev.CommandFailed():                       return command_failed(call, event, now)
        case _, ev.HangupRequested():                     return Step(call).hang_up(call.ending or EndReason.COMPLETED)
        case State.IVR, ev.ServiceLeaves():               return leave_to_floor(call, event)
        case _, ev.ServiceLeaves():                       return Step(call)
        case _, ev.Recovered():                           return resume(call, event, now, flow)
        case State.IVR, (ev.SurveyReady() | ev.TimeUp() | ev.CallerPressed() | ev.PromptFinished()) if call.to_survey:
                                                          return survey.at_door(call, event, now, flow)
        case _, ev.SurveyReady():                         return Step(call)
        case State.IVR, (ev.CallerPressed() | ev.PromptFinished() | ev.TimeUp() | ev.CrmAnswered() | ev.CrmFailed() | ev.AgentFound()):
                                                          return follow(call, event, now, flow)
        case _, ev.FloorTook():                           return floor_took(call, event)
        case (State.QUEUED | State.FLOOR), ev.QueueJoined():
                                                          return joined(call, event)
        case (State.QUEUED | State.RINGING | State.FLOOR), ev.AgentOffered():
                                                          return Step(call).note(event.at, f.OfferMade(extension=event.extension))
        case (State.QUEUED | State.RINGING | State.FLOOR), ev.AgentAnswered():
                                                          return connect(call, event)
        case State.RINGING, ev.DialAnswered():            return connect(call, ev.AgentAnswered(at=event.at, extension=call.agent, agent_leg=event.agent_leg))
        case (State.QUEUED | State.FLOOR), ev.QueueAbandoned():
                                                          return gave_up(call, event)
        case (State.QUEUED | State.FLOOR), ev.TimeUp() if call.hung_up:
                                                          return hung_up(call, call.hung_up)
        case (State.FLOOR | State.TALKING), ev.QueueLeft() if call.floor:
                                                          return talk_over(Step(call), event.at).note(event.at, exited(call, event))
        case (State.QUEUED | State.TALKING), ev.QueueLeft():
                                                          return queue_left(call, event, now, flow)
        case State.TALKING, ev.QueueJoined() if call.connected_at is not None and event.at >= call.connected_at:
                                                          return back_in_queue(call, event)
        case State.TALKING, ev.AgentLeft() if event.extension == call.agent:
                                                          return talk_ended(call, event)
        case State.TALKING, ev.AgentLeft() if call.returned:
                                                          return Step(call)  # of the talk before
        case State.TALKING, ev.TimeUp():                  return closed(call)
        case (State.RINGING | State.TALKING), ev.DialLeft() if not call.floor:
                                                          return dial_left(call, event, now, flow)
        case State.VOICEMAIL, ev.VoicemailLeft():         return voicemail_left(call, event, now, flow)
        case State.FLOOR, ev.VoicemailLeft():             return floor_over(call, event)
        case State.CONFERENCE, ev.ConferenceLeft():       return conference_left(call, event, now, flow)
        case State.CONFERENCE, ev.ConferenceMuted():      return Step(call).note(event.at, f.ConferenceMuted(muted=event.muted))
        case _, ev.AgentDidNotAnswer():                   return Step(call).note(event.at, f.OfferMissed(extension=event.extension, rang_ms=event.rang_ms))
        case _, ev.AgentLeft() if call.agent_leg:         return Step(call)  # of the talk from which the caller was taken
        case _, (ev.PromptFinished() | ev.TimeUp() | ev.CallerPressed() | ev.DialAnswered() | ev.QueueAbandoned() | ev.AgentFound()
                 | ev.ConferenceMuted()):
                                                          return Step(call)  # the echo of what the caller has left
        case _, (ev.QueueLeft() | ev.DialLeft() | ev.VoicemailLeft() | ev.ConferenceLeft()):
                                                          return astray(call, event, now, flow)
        case _:                                           return unexpected(call, event)
# fmt: on


def arrive(call: Call, event: ev.CallArrived, now: datetime, flow: Flow | None) -> Step:
    """Write the call down and start its tree; without a tree (unknown DID, blocked caller) let it go."""
    first = Step(call).note(
        event.at,
        f.CallStarted(
            leg=event.leg,
            did=event.did,
            caller=event.caller,
            caller_name=event.caller_name,
            tree=flow.name if flow else "",
            tree_version=flow.version if flow else 0,
        ),
    )
    if flow is None:
        return first.hang_up(EndReason.REJECTED, CALL_REJECTED)
    return flow.start(first if event.answered else first.do(do.Answer(leg=event.leg)), event.at, now)


def floor_took_new(call: Call, event: ev.FloorTook) -> Step:
    """Write down a call that came and was served while the service was away."""
    started = f.CallStarted(leg=event.leg, did=event.did, caller=event.caller)
    return Step(call).note(event.created, started).note(event.at, f.FloorServed())


def floor_took(call: Call, event: ev.FloorTook) -> Step:
    """From now on this call is out of our hands: no deadline, no command."""
    return Step(call) if call.state is State.FLOOR else Step(call).note(event.at, f.FloorServed()).wait(None)


def floor_over(call: Call, event: ev.VoicemailLeft) -> Step:
    """The floor's last station lies behind the caller, who stands before us again because we are back."""
    return Step(call).note(event.at, f.VoicemailDone(box=event.box, status=event.status)).hang_up(EndReason.COMPLETED)


def leave_to_floor(call: Call, event: ev.ServiceLeaves) -> Step:
    """The caller is in a tree that will have nobody to follow it."""
    if call.ending is not None:
        return Step(call)
    # A leg goes on only when nothing plays to it any more.
    quiet = (do.StopPlaying(leg=call.leg, prompt=call.cursor.prompt),) if call.cursor.prompt else ()
    return Step(call).note(event.at, f.FloorServed()).do(*quiet, do.SendToFloor(leg=call.leg)).wait(None)


def remarked(call: Call, event: ev.Remarked) -> Step:
    """Write down what somebody says about the call, once."""
    known = f.remark_id(event.remark) in call.remarks
    return Step(call) if known else Step(call).note(event.at, event.remark)


def follow(call: Call, event: ev.Event, now: datetime, flow: Flow | None) -> Step:
    """Let the tree answer. A call whose tree is gone cannot go on: that is a bug elsewhere, so it ends and says so."""
    return onward(Step(call), event, now, flow)


def onward(so_far: Step, event: ev.Event, now: datetime, flow: Flow | None) -> Step:
    """Go on in the tree, unless the call is being hung up already."""
    if so_far.call.ending is not None:
        return so_far
    return lost_tree(so_far) if flow is None else flow.answer(so_far, event, now)


def lost_tree(so_far: Step) -> Step:
    """End a call whose tree can no longer be had."""
    return so_far.hang_up(EndReason.FAILED)


def joined(call: Call, event: ev.QueueJoined, so_far: Step | None = None) -> Step:
    """Note the position in the queue."""
    if call.joined:
        return Step(call)
    return (so_far or Step(call)).note(event.at, f.QueuePositionKnown(queue=event.queue, position=event.position))


def back_in_queue(call: Call, event: ev.QueueJoined) -> Step:
    """The agent's line was lost in mid-talk, and the dialplan has put the caller at the head of the queue: another visit."""
    entered = f.QueueEntered(queue=call.queue, visit=call.visits + 1, record=call.recorded, returned=True)
    so_far = talk_over(Step(call), event.at).note(event.at, entered)
    if call.floor:
        so_far = so_far.note(event.at, f.FloorServed())
    return joined(so_far.call, event, so_far).wait(call.due_at if call.hung_up else None)


def connect(call: Call, event: ev.AgentAnswered) -> Step:
    """Agent and caller talk. The wait runs from our sending the caller to the queue; for a dial node there is none."""
    queued = call.state is not State.RINGING
    waited = seconds(call.queued_at, event.at) if queued else 0.0
    fact = f.CallConnected(
        extension=event.extension,
        agent_leg=event.agent_leg,
        queue=call.queue if queued else "",
        waited_s=waited,
        line=event.line,
        survey=event.survey if queued and not call.floor else "",
    )
    talking = Step(call).note(event.at, fact).wait(call.due_at if call.hung_up else None)
    return talking.do(do.WatchLeg(leg=event.agent_leg)) if event.agent_leg and call.ending is None else talking


def waits(call: Call) -> bool:
    """Whether the caller is in a queue, as far as we know."""
    return call.state is State.QUEUED or (call.state is State.FLOOR and call.joined)


def gave_up(call: Call, event: ev.QueueAbandoned) -> Step:
    """The queue lost its caller. By itself that says little (app_queue says so of a timeout, too); with the leg gone it
    is an abandonment."""
    if call.hung_up:
        return hung_up(call, call.hung_up, event.position)
    return Step(replace(call, gave_up=True))


def abandon(so_far: Step, at: datetime, position: int = 0) -> Step:
    """Count a caller who left the queue, once."""
    call = so_far.call
    if call.abandoned:
        return so_far
    fact = f.QueueCallAbandoned(queue=call.queue, waited_s=seconds(call.queued_at, at), position=position)
    return so_far.note(at, fact)


def exited(call: Call, event: ev.QueueLeft) -> f.QueueExited:
    """Leaving a queue, with the wait since we sent the caller there."""
    return f.QueueExited(queue=call.queue, exit=event.exit, waited_s=seconds(call.queued_at, event.at))


def queue_left(call: Call, event: ev.QueueLeft, now: datetime, flow: Flow | None) -> Step:
    """Back from the queue without an agent: the tree's overflow decides. Back from the talk, because the agent hung up first:
    the survey that the queue wants."""
    back = talk_over(Step(call), event.at).note(event.at, exited(call, event))
    if call.state is State.TALKING and event.exit is QueueExit.CONTINUED and call.survey_after and call.ending is None:
        return survey.enter(back, call.survey_after, event.at, now, by_queue=True)
    return onward(back, event, now, flow)


def talk_ended(call: Call, event: ev.AgentLeft) -> Step:
    """The talk is over; when the leg is already gone this was the word we waited for."""
    if call.talk_over:
        return Step(call)
    talked = seconds(call.connected_at, event.at)
    fact = f.TalkEnded(extension=event.extension, talked_s=talked, by_caller=event.by_caller)
    over = Step(call).note(event.at, fact)
    return closed(over.call, over) if call.hung_up else over


def close_talk(call: Call, event: ev.CallerHungUp, now: datetime) -> Step:
    """The caller's leg is gone: end now if the talk's end is known, else wait a moment for it."""
    gone = Step(replace(call, hung_up=event))
    return closed(gone.call) if call.talk_over else gone.wait(now + CLOSING_WAIT)


def closed(call: Call, so_far: Step | None = None) -> Step:
    """End a talk whose leg is gone, computing the talk time ourselves if nobody said it."""
    so_far = so_far or Step(call)
    if call.hung_up is None:
        return so_far
    at = call.hung_up.at
    if not call.talk_over:
        talked = seconds(call.connected_at, at)
        so_far = so_far.note(at, f.TalkEnded(extension=call.agent, talked_s=talked, by_caller=call.ending is None))
    reason = EndReason.AGENT_HUNG_UP if so_far.call.agent_hung_up else EndReason.CALLER_HUNG_UP
    return end(so_far, at, call.ending or reason, call.hung_up.cause)


def dial_left(call: Call, event: ev.DialLeft, now: datetime, flow: Flow | None) -> Step:
    """Back from ringing one agent."""
    back = talk_over(Step(call), event.at).note(event.at, f.DialEnded(extension=event.extension, status=event.status))
    if call.transfer is None or back.call.ending is not None:
        return onward(back, event, now, flow)
    if call.state is State.TALKING:
        return back.hang_up(EndReason.AGENT_HUNG_UP)  # the tree was left behind when the caller was handed on
    if call.transfer_by:  # nobody took the caller: back to who handed them on, once
        again = f.TransferOrdered(extension="", target=Target(kind=TargetKind.EXTENSION, name=call.transfer_by))
        return ring(back.note(event.at, again), event.at)
    return onward(back, event, now, flow)


def voicemail_left(call: Call, event: ev.VoicemailLeft, now: datetime, flow: Flow | None) -> Step:
    """Back from the mailbox."""
    back = Step(call).note(event.at, f.VoicemailDone(box=event.box, status=event.status))
    if call.transfer is not None and back.call.ending is None:
        return back.hang_up(EndReason.COMPLETED)  # the tree was left behind when the caller was handed on
    return onward(back, event, now, flow)


def conference_left(call: Call, event: ev.ConferenceLeft, now: datetime, flow: Flow | None) -> Step:
    """Back from the conference, or not let in."""
    stayed = seconds(call.met_at, event.at)
    fact = f.ConferenceDone(conference=call.conference, exit=event.exit, stayed_s=stayed)
    return onward(Step(call).note(event.at, fact), event, now, flow)


def hung_up(call: Call, event: ev.CallerHungUp, position: int = 0) -> Step:
    """The caller's leg is gone outside a talk: in a queue that is an abandonment."""
    so_far = Step(call)
    if waits(call):
        so_far = abandon(so_far, event.at, position)
    return end(so_far, event.at, call.ending or EndReason.CALLER_HUNG_UP, event.cause)


def command_failed(call: Call, event: ev.CommandFailed, now: datetime) -> Step:
    """A refused command: a vanished leg ends the call; anything else is noted, and the caller is let go rather than
    left in silence."""
    if event.gone:
        return step(call, ev.CallerHungUp(at=event.at, cause=UNKNOWN), now, None)
    noted = Step(call).note(event.at, f.CommandRefused(command=event.command, why=event.why))
    return noted if call.ending else noted.hang_up(EndReason.FAILED)


def resume(call: Call, event: ev.Recovered, now: datetime, flow: Flow | None) -> Step:
    """Carry on where the caller is. A leg that waits for us goes on in its tree; one that a queue has needs nothing."""
    found = Step(call).note(event.at, f.CallResumed(state=call.state.value))
    if call.ending is not None:
        return found.hang_up(call.ending)  # the order may have been lost with the connection
    if not event.in_application:
        return found
    if call.to_survey and call.state is State.IVR:
        return survey.door(found, now)
    if call.transfer is not None and call.state in (State.QUEUED, State.RINGING, State.VOICEMAIL):
        return send_on(found)  # handed on, but the order was lost with the connection
    return lost_tree(found) if flow is None else flow.resume(found, event, now)


def unexpected(call: Call, event: ev.Event) -> Step:
    """Keep what makes no sense, for the person who will ask."""
    return Step(call).note(event.at, f.EventUnexpected(state=call.state.value, event=type(event).__name__))


def astray(call: Call, event: ev.Event, now: datetime, flow: Flow | None) -> Step:
    """The caller stands before us, back from where we never knew them to be. Whatever went wrong, they must not be left in
    silence: the tree goes on from where it believes to be."""
    noted = unexpected(call, event)
    if call.ending is not None:
        return noted
    return lost_tree(noted) if flow is None else flow.resume(noted, ev.Recovered(at=event.at, in_application=True), now)
