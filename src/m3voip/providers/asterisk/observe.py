"""What AMI tells, in the engine's words: events of calls in queues, and what queues and phones look like. Pure.

``uniqueid`` of queue events is the caller's channel, so it names the leg. Members are named by extension
(``MemberName``), their phones by ``PJSIP/<endpoint>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from hashlib import blake2b

from m3voip.core import agent as ag
from m3voip.core import device as dv
from m3voip.core import events as ev
from m3voip.core.codecs import ChannelFormats, steps
from m3voip.providers.asterisk.ami import events as ami
from m3voip.providers.asterisk.ami.actions import Queues
from m3voip.providers.asterisk.interfaces import LINE, PHONE, endpoint_of, line_of

_CONTACT = {"Created": True, "Reachable": True, "NonQualified": True, "Unreachable": False, "Removed": False}
_SIP = "PJSIP"
"""Asterisk's name of the service that phones log in to."""
_PHONE = re.compile(r"e[0-9a-f]{10}").fullmatch
"""An agent's endpoint; carriers have registrations, too."""
_REACHABLE = {"Reachable": True, "Unreachable": False}
"""By contact status; the others (Created, Updated, NonQualified, Unknown) do not tell."""


def call_event(
    event: ami.AmiEvent, now: datetime, leg_of_line: Callable[[str], str] = lambda _endpoint: ""
) -> tuple[str, ev.Event] | None:
    """(leg, event) for what concerns one call. ``leg_of_line``: the leg of the line that is kept up at a phone; the queue
    names the channel that leads there, which is gone in a moment."""
    at = event.at(now)
    match event:
        case ami.QueueCallerJoin():
            return event.uniqueid, ev.QueueJoined(at=at, queue=event.queue, position=event.position)
        case ami.QueueCallerAbandon():
            return event.uniqueid, ev.QueueAbandoned(at=at, queue=event.queue, position=event.position)
        case ami.AgentCalled():
            return event.uniqueid, ev.AgentOffered(at=at, extension=event.member_name)
        case ami.AgentRingNoAnswer():
            rang = event.ring_time
            return event.uniqueid, ev.AgentDidNotAnswer(at=at, extension=event.member_name, rang_ms=rang)
        case ami.AgentDump():  # hung up during the queue's announcement: the caller waits on
            return event.uniqueid, ev.AgentDidNotAnswer(at=at, extension=event.member_name)
        case ami.AgentConnect():
            line = line_of(event.dest_channel)
            agent_leg = leg_of_line(line) if line else event.dest_uniqueid
            return event.uniqueid, ev.AgentAnswered(
                at=at, extension=event.member_name, agent_leg=agent_leg, line=bool(line)
            )
        case ami.AgentComplete():
            by_caller = event.reason == "caller"
            return event.uniqueid, ev.AgentLeft(at=at, extension=event.member_name, by_caller=by_caller)
        case _:
            return None


def board_event(event: ami.AmiEvent) -> ag.BoardEvent | None:
    """What changes on the board."""
    match event:
        case ami.QueueMemberRemoved():
            return ag.MemberGone(queue=event.queue, endpoint=endpoint_of(event.interface))
        case ami.QueueMemberStatus() | ami.QueueMemberAdded() | ami.QueueMemberPause() | ami.QueueMemberPenalty():
            return _member(event)
        case ami.QueueCallerJoin():
            return ag.CallerWaiting(queue=event.queue, leg=event.uniqueid, position=event.position)
        case ami.QueueCallerLeave() | ami.QueueCallerAbandon():
            return ag.CallerGone(queue=event.queue, leg=event.uniqueid)
        case ami.DeviceStateChange() if event.device.startswith((PHONE, LINE)):
            line, device = event.device.startswith(LINE), ag.device_of(event.state)
            return ag.DeviceSeen(endpoint=endpoint_of(event.device), device=device, line=line)
        case ami.AgentLogin():
            return ag.LineSeen(endpoint=event.agent, leg=event.uniqueid)
        case ami.ContactStatus() if event.contact_status in _CONTACT:
            reachable = _CONTACT[event.contact_status]
            return ag.ContactSeen(endpoint=event.endpoint_name, contact=event.uri, reachable=reachable)
        case _:
            return None


def phone_event(event: ami.AmiEvent, now: datetime) -> dv.PhoneEvent | None:
    """What changes about a phone."""
    at = event.at(now)
    match event:
        case ami.ContactStatus() if not _PHONE(event.aor):
            return None
        case ami.ContactStatus() if event.contact_status == "Removed":
            return dv.ContactGone(endpoint=event.aor, uri=event.uri, at=at)
        case ami.ContactStatus():
            microseconds = int(event.roundtrip_usec) if event.roundtrip_usec.isdigit() else 0
            return dv.ContactSeen(
                endpoint=event.aor,
                uri=event.uri,
                at=at,
                reachable=_REACHABLE.get(event.contact_status),
                round_trip_ms=microseconds / 1000 or None,
            )
        case ami.ChallengeResponseFailed() if event.service == _SIP:
            return dv.LoginRefused(
                endpoint=event.account_id, at=at, address=_remote(event.remote_address), attempt=_attempt(event)
            )
        case ami.InvalidAccountID() if event.service == _SIP:
            return dv.NameUnknown(address=_remote(event.remote_address), attempt=_attempt(event), at=at)
        case _:
            return None


def _remote(told: str) -> str:
    """IPV4/UDP/192.0.2.7/5060: the third part."""
    parts = told.split("/")
    return parts[2] if len(parts) == 4 else ""


def _attempt(event: ami.ChallengeResponseFailed | ami.InvalidAccountID) -> str:
    """Nobody keeps the names that strangers try: they may be numbers."""
    told = f"{event.session_id}\0{event.account_id}".encode(errors="replace")
    return blake2b(told, digest_size=8).hexdigest()


def channel_formats(channels: tuple[ami.Status, ...]) -> list[ChannelFormats]:
    """What channels speak. A channel is named ``PJSIP/<endpoint>-<number>``."""
    return [
        ChannelFormats(
            device=endpoint_of(one.channel).rpartition("-")[0],
            from_it=steps(one.readtrans) or steps(one.readformat),
            to_it=steps(one.writetrans) or steps(one.writeformat),
        )
        for one in channels
        if one.channel.startswith(PHONE)
    ]


def whole_board(
    queues: Queues, devices: Iterable[ami.DeviceStateChange], lines: Iterable[ami.Agents] = ()
) -> Iterator[ag.BoardEvent]:
    """A fresh reading of everything, as the events that make a board of it."""
    yield ag.BoardCleared()
    for queue in queues.queues:
        yield ag.QueueSeen(queue=queue.queue)
    for member in queues.members:
        yield _member(member)
    for entry in queues.waiting:
        yield ag.CallerWaiting(
            queue=entry.queue, leg=entry.uniqueid, position=entry.position, waited_s=float(entry.wait)
        )
    for device in devices:
        seen = board_event(device)
        if seen is not None:
            yield seen
    for line in lines:
        if line.uniqueid:
            yield ag.LineSeen(endpoint=line.agent, leg=line.uniqueid)


_Member = ami.QueueMember | ami.QueueMemberStatus | ami.QueueMemberAdded | ami.QueueMemberPause | ami.QueueMemberPenalty


def _member(seen: _Member) -> ag.MemberSeen:
    return ag.MemberSeen(
        queue=seen.queue,
        endpoint=endpoint_of(seen.interface or seen.state_interface),
        extension=seen.member_name,
        device=ag.device_of(str(seen.status)),
        paused=seen.paused,
        reason=seen.paused_reason,
        penalty=seen.penalty,
        calls_taken=seen.calls_taken,
        line=bool(line_of(seen.interface)),
    )
