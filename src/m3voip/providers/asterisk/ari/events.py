"""ARI's events, typed; the only list of those we understand (`EVENTS`).

Law: an event that is not here is counted and skipped without being parsed. Adding one is one Struct: its class name is
ARI's `type`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from m3voip.providers.asterisk.ari.model import (
    Bridge,
    Channel,
    ChannelRef,
    ContactInfo,
    Endpoint,
    LiveRecording,
    Playback,
)


class Event(msgspec.Struct, frozen=True, gc=False):
    """Common to all: when Asterisk says it happened (aware, milliseconds)."""

    timestamp: datetime


class StasisStart(Event, frozen=True, gc=False):
    """A channel is ours. `args` are what the dialplan (or originate) passed."""

    channel: Channel
    asterisk_id: str = ""
    args: tuple[str, ...] = ()
    replace_channel: ChannelRef | None = None


class StasisEnd(Event, frozen=True, gc=False):
    """A channel left our application: continued in the dialplan, moved, or hung up."""

    channel: ChannelRef


class ChannelCreated(Event, frozen=True, gc=False):
    """A subscribed channel came to be."""

    channel: Channel


class ChannelDestroyed(Event, frozen=True, gc=False):
    """A channel is gone. `cause` is Q.850, `tech_cause` the SIP status where known."""

    channel: Channel
    cause: int
    cause_txt: str = ""
    tech_cause: int | None = None


class ChannelHangupRequest(Event, frozen=True, gc=False):
    """Somebody wants the channel gone; `soft` when it was asked for on this side."""

    channel: ChannelRef
    cause: int | None = None
    tech_cause: int | None = None
    soft: bool = False


class ChannelStateChange(Event, frozen=True, gc=False):
    """The channel's state changed; see `Channel.state`."""

    channel: ChannelRef


class ChannelDtmfReceived(Event, frozen=True, gc=False):
    """A key was pressed and released."""

    channel: ChannelRef
    digit: str
    duration_ms: int = 0


class ChannelHold(Event, frozen=True, gc=False):
    """The far end put us on hold."""

    channel: ChannelRef
    musicclass: str = ""


class ChannelUnhold(Event, frozen=True, gc=False):
    """The far end took us off hold."""

    channel: ChannelRef


class ChannelVarset(Event, frozen=True, gc=False):
    """A variable was set; without a channel it is a global one."""

    variable: str
    value: str = ""
    channel: ChannelRef | None = None


class ChannelUserevent(Event, frozen=True, gc=False):
    """UserEvent() or POST events/user; the fields are free."""

    eventname: str
    userevent: dict[str, str] = {}
    channel: ChannelRef | None = None


class ChannelTalkingStarted(Event, frozen=True, gc=False):
    """Speech began on a channel with TALK_DETECT."""

    channel: ChannelRef


class ChannelTalkingFinished(Event, frozen=True, gc=False):
    """Speech ended; `duration` in milliseconds."""

    channel: ChannelRef
    duration: int = 0


class Dial(Event, frozen=True, gc=False):
    """Progress of an outgoing leg. `dialstatus`: empty at the start, then RINGING PROGRESS ANSWER BUSY NOANSWER CANCEL
    CONGESTION CHANUNAVAIL."""

    peer: Channel
    dialstatus: str = ""
    caller: ChannelRef | None = None
    dialstring: str = ""


class PlaybackStarted(Event, frozen=True, gc=False):
    """A medium started."""

    playback: Playback


class PlaybackContinuing(Event, frozen=True, gc=False):
    """One of several media ended and the next follows."""

    playback: Playback


class PlaybackFinished(Event, frozen=True, gc=False):
    """The whole playback ended, was stopped (`done`) or could not be played (`failed`)."""

    playback: Playback


class RecordingStarted(Event, frozen=True, gc=False):
    """A recording runs."""

    recording: LiveRecording


class RecordingFinished(Event, frozen=True, gc=False):
    """A recording is complete on Asterisk's disk."""

    recording: LiveRecording


class RecordingFailed(Event, frozen=True, gc=False):
    """A recording could not be made; `recording.cause` says why."""

    recording: LiveRecording


class BridgeCreated(Event, frozen=True, gc=False):
    """A bridge came to be."""

    bridge: Bridge


class BridgeDestroyed(Event, frozen=True, gc=False):
    """A bridge is gone."""

    bridge: Bridge


class ChannelEnteredBridge(Event, frozen=True, gc=False):
    """A channel joined a bridge; `bridge.channels` already holds it."""

    bridge: Bridge
    channel: ChannelRef | None = None


class ChannelLeftBridge(Event, frozen=True, gc=False):
    """A channel left a bridge."""

    bridge: Bridge
    channel: ChannelRef


class BridgeBlindTransfer(Event, frozen=True, gc=False):
    """Asterisk's core carried out a blind transfer. `result`: Fail, Invalid, Not Permitted, Success."""

    channel: ChannelRef
    result: str
    exten: str = ""
    context: str = ""
    transferee: ChannelRef | None = None
    replace_channel: ChannelRef | None = None
    is_external: bool = False


class BridgeAttendedTransfer(Event, frozen=True, gc=False):
    """Asterisk's core carried out an attended transfer. `result` as for blind ones."""

    transferer_first_leg: ChannelRef
    transferer_second_leg: ChannelRef
    result: str
    destination_type: str = ""
    transferee: ChannelRef | None = None
    transfer_target: ChannelRef | None = None
    replace_channel: ChannelRef | None = None
    is_external: bool = False


class ReferDestination(msgspec.Struct, frozen=True, gc=False):
    """Where a phone wants to transfer to; text from outside."""

    destination: str = ""
    protocol_id: str = ""


class ReferTo(msgspec.Struct, frozen=True, gc=False):
    """The target of a transfer handed to us."""

    requested_destination: ReferDestination = ReferDestination()
    destination_channel: ChannelRef | None = None
    connected_channel: ChannelRef | None = None


class ReferredBy(msgspec.Struct, frozen=True, gc=False):
    """Who asked for a transfer handed to us."""

    source_channel: ChannelRef
    connected_channel: ChannelRef | None = None


class ChannelTransfer(Event, frozen=True, gc=False):
    """A phone sent REFER and PJSIP_TRANSFER_HANDLING()=ari-only left it to us."""

    refer_to: ReferTo
    referred_by: ReferredBy
    state: str = ""


class EndpointStateChange(Event, frozen=True, gc=False):
    """A device went online or offline."""

    endpoint: Endpoint


class ContactStatusChange(Event, frozen=True, gc=False):
    """A device registered, vanished, or its round trip was measured."""

    endpoint: Endpoint
    contact_info: ContactInfo


class ApplicationReplaced(Event, frozen=True, gc=False):
    """Another client connected with our application name; handled by the client itself."""


EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}
"""ARI type → Struct."""
