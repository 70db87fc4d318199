"""What AMI tells, in the engine's words: events of calls in queues, and what queues and phones look like. Pure.

``Uniqueid`` of queue events is the caller's channel, so it names the leg. Members are named by extension
(``MemberName``), their phones by ``PJSIP/<endpoint>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from m3voip.core import agent as ag
from m3voip.core import events as ev

_TECH = "PJSIP/"


def call_event(event: Mapping[str, str], now: datetime) -> tuple[str, ev.Event] | None:
    """(leg, event) for what concerns one call."""
    get = event.get
    leg, at = get("Uniqueid", ""), _moment(event, now)
    match get("Event", ""):
        case "QueueCallerJoin":
            return leg, ev.QueueJoined(at=at, queue=get("Queue", ""), position=_int(get("Position", "")))
        # QueueCallerAbandon is left out: app_queue sends it for a timeout, too. The leg's own end tells them apart.
        case "AgentCalled":
            return leg, ev.AgentOffered(at=at, extension=get("MemberName", ""))
        case "AgentRingNoAnswer":
            rang = _int(get("RingTime", ""))
            return leg, ev.AgentDidNotAnswer(at=at, extension=get("MemberName", ""), rang_ms=rang)
        case "AgentConnect":
            return leg, ev.AgentAnswered(at=at, extension=get("MemberName", ""))
        case "AgentComplete":
            by_caller = get("Reason", "") == "caller"
            return leg, ev.AgentLeft(at=at, extension=get("MemberName", ""), by_caller=by_caller)
        case _:
            return None


def board_events(event: Mapping[str, str]) -> Iterator[ag.BoardEvent]:
    """What changes on the board."""
    get = event.get
    queue = get("Queue", "")
    match get("Event", ""):
        case "QueueParams":
            yield ag.QueueSeen(queue=queue)
        case "QueueMember" | "QueueMemberStatus" | "QueueMemberAdded" | "QueueMemberPause":
            yield _member(event)
        case "QueueMemberRemoved":
            yield ag.MemberGone(queue=queue, endpoint=_endpoint(get("Interface", "")))
        case "QueueEntry":
            yield ag.CallerWaiting(
                queue=queue,
                leg=get("Uniqueid", ""),
                position=_int(get("Position", "")),
                waited_s=float(_int(get("Wait", ""))),
            )
        case "QueueCallerJoin":
            yield ag.CallerWaiting(queue=queue, leg=get("Uniqueid", ""), position=_int(get("Position", "")))
        case "QueueCallerLeave" | "QueueCallerAbandon":
            yield ag.CallerGone(queue=queue, leg=get("Uniqueid", ""))
        case "DeviceStateChange":
            device = get("Device", "")
            if device.startswith(_TECH):
                yield ag.DeviceSeen(endpoint=_endpoint(device), device=ag.device_of(get("State", "")))
        case _:
            return


def is_new_message(event: Mapping[str, str]) -> bool:
    """Whether a mailbox may hold something new."""
    return event.get("Event") == "MessageWaiting"


def _member(event: Mapping[str, str]) -> ag.MemberSeen:
    get = event.get
    interface = get("Interface") or get("Location") or get("StateInterface", "")
    return ag.MemberSeen(
        queue=get("Queue", ""),
        endpoint=_endpoint(interface),
        extension=get("MemberName") or get("Name", ""),
        device=ag.device_of(get("Status", "")),
        paused=get("Paused", "0") == "1",
        reason=get("PausedReason", ""),
        penalty=_int(get("Penalty", "")),
        calls_taken=_int(get("CallsTaken", "")),
    )


def _endpoint(interface: str) -> str:
    return interface.removeprefix(_TECH)


def _moment(event: Mapping[str, str], now: datetime) -> datetime:
    """manager.conf's ``timestampevents``: seconds since 1970 with microseconds."""
    try:
        return datetime.fromtimestamp(float(event.get("Timestamp", "")), UTC)
    except ValueError:
        return now


def _int(text: str) -> int:
    return int(text) if text.isdigit() else 0
