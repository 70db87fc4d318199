"""Asterisk's events in the engine's words. Pure; everything else in the program sees only the right-hand side.

The caller's channel id is the leg's name. Text in these events comes from the outside world and stays data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from m3voip.core import events as ev
from m3voip.core.causes import conference_exit, queue_exit
from m3voip.providers.asterisk.ari import events as ari
from m3voip.providers.asterisk.interfaces import line_of
from m3voip.providers.asterisk.joining import PARTY, TAKEN

INBOUND = "inbound"
"""First Stasis argument of a new caller; those of returning legs are in ``returned``. dialplans/*.conf passes them."""

RECORDER = "recorder-"
"""How our channel that records a conference is called; its far half's name has ``;2`` behind it. It belongs to no call."""
AGENT_ASKS = "agent_asks"
"""That of an agent's phone that dialled a code (dialplans/from-agent.conf)."""

_CHANNEL = "channel:"
_PHONE = re.compile(r"PJSIP/([a-z0-9]+)-[0-9a-f]{8}")
UP = "Up"
"""An answered channel's state."""


def is_recorder(channel: str) -> bool:
    """Whether a channel records a conference."""
    return channel.startswith(RECORDER)


def from_ari(event: ari.Event, leg_of_line: Callable[[str], str] = lambda _endpoint: "") -> tuple[str, ev.Event] | None:
    """(leg, event), or None for what the engine does not care about. ``leg_of_line``: see observe.call_event."""
    match event:
        case ari.ChannelDtmfReceived():
            return event.channel.id, ev.CallerPressed(at=event.timestamp, digit=event.digit)
        case ari.PlaybackFinished():
            playback = event.playback
            if not playback.target_uri.startswith(_CHANNEL):
                return None
            return playback.target_uri[len(_CHANNEL) :], ev.PromptFinished(at=event.timestamp, prompt=playback.id)
        case ari.StasisEnd():
            # The last word on a channel that hangs up in our application; ChannelDestroyed comes only for those we
            # subscribed to when we sent them on.
            return event.channel.id, ev.LegLeft(at=event.timestamp)
        case ari.ChannelDestroyed():
            return event.channel.id, ev.CallerHungUp(
                at=event.timestamp, cause=event.cause, status=event.tech_cause or None
            )
        case ari.Dial(caller=None, dialstatus="RINGING" | "PROGRESS"):
            return event.peer.id, ev.DialRings(at=event.timestamp)
        case ari.Dial():
            if event.dialstatus != "ANSWER" or event.caller is None:
                return None
            line = line_of(event.peer.name)
            return event.caller.id, ev.DialAnswered(
                at=event.timestamp, agent_leg=leg_of_line(line) if line else event.peer.id
            )
        case ari.StasisStart():
            return _entered(event)
        case ari.ChannelHold():
            return event.channel.id, ev.PhoneHeld(at=event.timestamp, on=True)
        case ari.ChannelUnhold():
            return event.channel.id, ev.PhoneHeld(at=event.timestamp, on=False)
        case ari.ChannelTransfer():
            to = event.refer_to.requested_destination.destination
            whole = event.refer_to.destination_channel is None and to.isascii() and to.isdigit()
            source = event.referred_by.source_channel.id
            return source, ev.PhoneTransfers(at=event.timestamp, to=to if whole else "")
        case _:
            return None


def _entered(event: ari.StasisStart) -> tuple[str, ev.Event] | None:
    channel, args = event.channel, event.args
    if args[:1] == (INBOUND,):
        return channel.id, ev.CallArrived(
            at=event.timestamp,
            leg=channel.id,
            node=event.asterisk_id,
            created=channel.creationtime,
            did=args[1] if len(args) > 1 else "",
            caller=channel.caller.number,
            caller_name=channel.caller.name,
            answered=channel.state == UP,
        )
    if args[:1] in ((TAKEN,), (PARTY,)):
        return channel.id, ev.LegArrived(at=event.timestamp)
    back = returned(args, event.timestamp)
    return None if back is None else (channel.id, back)


def agent_asks(event: ari.Event) -> tuple[str, str, str] | None:
    """(leg, endpoint, what) for an agent's phone that dialled a code. Who it is says the channel's name, which Asterisk makes
    of the endpoint that has authenticated; nothing that the phone sends is believed."""
    if not isinstance(event, ari.StasisStart) or event.args[:1] != (AGENT_ASKS,):
        return None
    phone = _PHONE.fullmatch(event.channel.name)
    return event.channel.id, phone[1] if phone else "", event.args[1] if len(event.args) > 1 else ""


def returned(args: tuple[str, ...], at: datetime) -> ev.Event | None:
    """A leg that came back from where we sent it."""
    if len(args) < 2:
        return None
    what, name, status = args[0], args[1], args[2] if len(args) > 2 else ""
    match what:
        case "queue_left":
            return ev.QueueLeft(at=at, queue=name, exit=queue_exit(status))
        case "dial_left":
            return ev.DialLeft(at=at, extension=name, status=status)
        case "voicemail_left":
            return ev.VoicemailLeft(at=at, box=name, status=status)
        case "conference_left":
            return ev.ConferenceLeft(at=at, conference=name, exit=conference_exit(status))
        case _:
            return None
