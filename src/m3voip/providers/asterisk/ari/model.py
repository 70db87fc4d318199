"""ARI's objects as we read them: only the fields somebody uses; msgspec skips the rest while parsing.

Law: snapshots of Asterisk's view at one moment. They are never changed and never leave providers/asterisk.
Reference: rest-api/api-docs of Asterisk 22.10.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class CallerId(msgspec.Struct, frozen=True, gc=False):
    """Whoever a channel says it is; both texts come from outside and are not to be trusted."""

    name: str = ""
    number: str = ""


class Dialplan(msgspec.Struct, frozen=True, gc=False):
    """Where in the dialplan a channel is; `app_name` is `Stasis` while we own it."""

    context: str = ""
    exten: str = ""
    priority: int = 0
    app_name: str = ""
    app_data: str = ""


class ChannelRef(msgspec.Struct, frozen=True, gc=False):
    """What most events need of their channel."""

    id: str
    name: str = ""
    state: str = ""


class Channel(msgspec.Struct, frozen=True, gc=False):
    """A channel. `state`: Down, Rsrved, OffHook, Dialing, Ring, Ringing, Up, Busy, Unknown.
    `protocol_id` is the SIP Call-ID. `channelvars` holds what ari.conf lists."""

    id: str
    creationtime: datetime
    name: str = ""
    state: str = ""
    protocol_id: str = ""
    caller: CallerId = CallerId()
    connected: CallerId = CallerId()
    caller_rdnis: str = ""
    dialplan: Dialplan = Dialplan()
    language: str = ""
    channelvars: dict[str, str] = {}


class Bridge(msgspec.Struct, frozen=True, gc=False):
    """A bridge and the ids of the channels in it."""

    id: str
    creationtime: datetime
    bridge_type: str = ""
    bridge_class: str = ""
    technology: str = ""
    creator: str = ""
    name: str = ""
    channels: tuple[str, ...] = ()


class Playback(msgspec.Struct, frozen=True, gc=False):
    """A playback. `state`: queued, playing, continuing (to the next of several media), done, failed.
    `target_uri` is `channel:<id>` or `bridge:<id>`."""

    id: str
    target_uri: str = ""
    media_uri: str = ""
    state: str = ""


class LiveRecording(msgspec.Struct, frozen=True, gc=False):
    """A recording being made. Durations in seconds."""

    name: str
    target_uri: str = ""
    format: str = ""
    state: str = ""
    duration: int | None = None
    talking_duration: int | None = None
    silence_duration: int | None = None
    cause: str = ""


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """A SIP device as Asterisk sees it. `state`: online, offline, unknown."""

    technology: str
    resource: str
    state: str = "unknown"
    channel_ids: tuple[str, ...] = ()


class ContactInfo(msgspec.Struct, frozen=True, gc=False):
    """One registered address of an endpoint. `roundtrip_usec` is text in ARI."""

    uri: str
    contact_status: str
    aor: str
    roundtrip_usec: str = ""


class Application(msgspec.Struct, frozen=True, gc=False):
    """What a Stasis application owns and is subscribed to."""

    name: str
    channel_ids: tuple[str, ...] = ()
    bridge_ids: tuple[str, ...] = ()
    endpoint_ids: tuple[str, ...] = ()
    device_names: tuple[str, ...] = ()
    events_disallowed: tuple[dict[str, str], ...] = ()


class SystemInfo(msgspec.Struct, frozen=True, gc=False):
    """Which Asterisk this is; `entity_id` tells two servers apart."""

    version: str = ""
    entity_id: str = ""


class StatusInfo(msgspec.Struct, frozen=True, gc=False):
    """When Asterisk started; a change means that it lost its calls."""

    startup_time: datetime
    last_reload_time: datetime


class AsteriskInfo(msgspec.Struct, frozen=True, gc=False):
    """`GET asterisk/info`."""

    system: SystemInfo
    status: StatusInfo


class Module(msgspec.Struct, frozen=True, gc=False):
    """A loadable module. `status`: Running, Not Running."""

    name: str
    status: str = ""


class Variable(msgspec.Struct, frozen=True, gc=False):
    """One variable's value."""

    value: str


class RtpStatistics(msgspec.Struct, frozen=True, gc=False):
    """Figures of one channel's audio. Jitter and round trip in seconds; counts in packets.
    Direction names are Asterisk's: tx = sent by Asterisk."""

    txcount: int
    rxcount: int
    txploss: int
    rxploss: int
    txjitter: float | None = None
    rxjitter: float | None = None
    rtt: float | None = None


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """Everything Asterisk has, read after (re)connecting. Each list is at least as new as any event delivered before
    the snapshot was asked for; events after it may repeat what it already shows."""

    info: AsteriskInfo
    channels: tuple[Channel, ...]
    bridges: tuple[Bridge, ...]
    endpoints: tuple[Endpoint, ...]
