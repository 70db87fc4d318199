"""Telephony and SnapshotSource over ARI: the engine's commands become requests, refusals become events.

Law: ``perform`` never waits. Requests on one socket are carried out in order, so variables are set before the leg moves
on. A request whose outcome is unknown because the connection broke needs no answer: recovery compares after reconnecting.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core.agent import BoardEvent
from m3voip.core.causes import NORMAL_CLEARING
from m3voip.core.errors import ProviderError
from m3voip.core.parties import call_of_bridge
from m3voip.ports import Deliver, LegSeen, Names, Snapshot
from m3voip.providers.asterisk.ami import actions
from m3voip.providers.asterisk.ami.client import AmiClient
from m3voip.providers.asterisk.ami.errors import AmiError, UnsafeValue
from m3voip.providers.asterisk.ari import bridges, channels, media, system
from m3voip.providers.asterisk.ari.client import AriClient
from m3voip.providers.asterisk.ari.errors import AriDisconnected, AriError, AriNotSent, AriTimeout
from m3voip.providers.asterisk.ari.model import Channel
from m3voip.providers.asterisk.ari.pending import OnError
from m3voip.providers.asterisk.ari.request import Request
from m3voip.providers.asterisk.interfaces import PHONE
from m3voip.providers.asterisk.joining import TRANSFERS, forgivable, is_party_end, joining
from m3voip.providers.asterisk.ledger import FLOOR, read_mark
from m3voip.providers.asterisk.lines import CONTEXT, Lines
from m3voip.providers.asterisk.translate import INBOUND, UP, is_recorder, returned

log = structlog.get_logger()

LINE_RINGS_S = 30
"""How long a phone rings that is to keep its line up."""
NOT_FOUND = 404
GONE = (404, 422)
"""Subscribing says 422 of a channel that does not exist."""
CONFLICT = 409
"""ARI's answer when the channel has just left the application; its end is already on its way as an event."""

UNUSED_EVENTS = (
    "BridgeCreated", "BridgeDestroyed", "BridgeMerged", "ChannelCallerId", "ChannelConnectedLine", "ChannelCreated",
    "ChannelDialplan", "ChannelEnteredBridge", "ChannelHangupRequest", "ChannelLeftBridge",
    "ChannelStateChange", "ChannelTalkingFinished", "ChannelTalkingStarted", "ChannelToneDetected",
    "ChannelUserevent", "ChannelVarset", "ContactStatusChange", "DeviceStateChanged", "EndpointStateChange",
    "PeerStatusChange", "PlaybackContinuing", "PlaybackStarted", "RecordingFinished", "RecordingStarted",
    "TextMessageReceived",
)  # fmt: skip
"""Event types that Asterisk need not send: each costs it more to make than us to skip."""


class AsteriskTelephony:
    """One Asterisk. ``client`` is started and stopped by whoever wires the parts."""

    def __init__(
        self,
        *,
        client: AriClient,
        ami: AmiClient,
        app: str,
        names: Names,
        deliver: Deliver,
        now: Callable[[], datetime],
        on_line: Callable[[BoardEvent], None] = lambda _event: None,
    ) -> None:
        """``ami`` does the one thing that ARI cannot: bring channels that are elsewhere into our application. ``on_line`` is
        told when a line that was kept up is gone."""
        self._client = client
        self._ami = ami
        self._app = app
        self._names = names
        self._deliver = deliver
        self._now = now
        self.lines = Lines(self._watch_line, on_line)

    @property
    def connected(self) -> bool:
        """Whether commands would reach Asterisk now."""
        return self._client.connected

    def perform(self, command: do.Command) -> None:
        """Carry out a command; a refusal reaches the leg's mailbox as CommandFailed."""
        if isinstance(command, do.TakeInHand):
            self._take(command)
            return
        if isinstance(command, do.WatchLeg):
            self._ask_for_transfers(command.leg)
        try:
            for request in self._requests(command):
                self._client.submit(request, self._refused(command))
        except AriError as error:  # nothing was sent: a value off the whitelist
            self._fail(command, error.message, gone=is_party_end(command))

    async def snapshot(self) -> Snapshot:
        """Every channel, and the playbacks of those in our application."""
        try:
            seen = await self._client.snapshot()
            taken_at = self._now()
            node = seen.info.system.entity_id
            legs = {channel.id: self._leg(channel, node) for channel in seen.channels}
        except AriError as error:
            raise ProviderError(f"Asterisk's channels cannot be read: {error.message}", retryable=True) from error
        return Snapshot(node=node, node_started=seen.info.status.startup_time, taken_at=taken_at, legs=legs)

    async def is_playing(self, prompt: str) -> bool:
        """Whether a prompt still plays."""
        try:
            await self._client.call(media.get_playback(prompt))
        except AriError:
            return False
        return True

    def release(self, leg: str) -> None:
        """Hang up a leg that belongs to no call; a line that is kept up goes back to where it waits."""
        for request in self._let_go(leg, NORMAL_CLEARING):
            self._client.submit(request, _ignore)

    def start_line(self, endpoint: str, leg: str, name: str) -> None:
        """Call a phone, as ``name``; when it is picked up its line is kept up, as ``leg``."""
        call = channels.originate_into(
            CONTEXT, endpoint, f"{PHONE}{endpoint}", channel_id=leg, caller_name=name, timeout_s=LINE_RINGS_S
        )
        self._client.submit(call, _ignore)

    def end_line(self, leg: str) -> None:
        """Hang up a line that is kept up."""
        self._client.submit(channels.hangup(leg), _ignore)

    def _watch_line(self, leg: str) -> None:
        def refused(error: AriError) -> None:
            if error.status in GONE:
                self.lines.gone(leg)

        self._client.submit(system.subscribe(self._app, "channel", leg), refused)

    async def sweep(self, lives: Callable[[UUID], bool]) -> None:
        """Dissolve the bridges of calls that do not live."""
        try:
            for bridge in await self._client.call(bridges.list_all()):
                owner = call_of_bridge(bridge.id)
                if owner is not None and not lives(owner):
                    self._client.submit(bridges.destroy(bridge.id), _ignore)
        except AriError as error:
            raise ProviderError(f"Asterisk's bridges cannot be read: {error.message}", retryable=True) from error

    def watch(self, leg: str) -> None:
        """Subscribe to a leg's end; one that is gone already reaches its mailbox as CommandFailed."""

        def refused(error: AriError) -> None:
            if error.status in GONE:
                event = ev.CommandFailed(at=self._now(), command="Watch", why=error.message, gone=True)
                self._deliver(leg, event)

        self._client.submit(system.subscribe(self._app, "channel", leg), refused)

    def _requests(self, command: do.Command) -> list[Request[Any]]:
        match command:
            case do.Play():
                uris = [_media(item) for item in command.media]
                return [channels.play(command.leg, uris, playback_id=command.prompt)]
            case do.Answer():
                return [channels.answer(command.leg)]
            case do.StopPlaying():
                return [media.stop_playback(command.prompt)]
            case do.Hangup():
                return self._let_go(command.leg, command.cause)
            case do.SendToFloor():
                return self._send_on(command.leg, "floor", {})
            case do.SendToQueue():
                values = {
                    "M3_QUEUE": self._name("queue", self._names.queue(command.tenant_id, command.queue)),
                    "M3_QUEUE_TIMEOUT": str(command.timeout_s or ""),
                    "M3_RECORD": "yes" if command.record else "no",
                    "M3_CALL_ID": str(command.call_id),
                    "M3_BOX": self._names.box(command.tenant_id, command.box) or "",
                    "QUEUE_PRIO": str(command.priority),
                    # Queue()'s option c: the caller comes back to us when the agent hangs up first.
                    "M3_AFTER": "yes" if self._names.survey(command.tenant_id, command.queue) else "",
                }
                return self._send_on(command.leg, "to-queue", values)
            case do.SendToAgent():
                values = {
                    "M3_AGENT": (
                        agent := self._name("agent", self._names.endpoint(command.tenant_id, command.extension))
                    ),
                    "M3_JOIN": "yes" if self.lines.leg_of(agent) else "no",
                    "M3_EXTENSION": command.extension,
                    "M3_DIAL_TIMEOUT": str(command.timeout_s or ""),
                    "M3_RECORD": "yes" if command.record else "no",
                    "M3_CALL_ID": str(command.call_id),
                    "M3_BOX": self._names.box(command.tenant_id, command.box) or "",
                }
                return self._send_on(command.leg, "to-agent", values)
            case do.SendToVoicemail():
                box = self._name("mailbox", self._names.box(command.tenant_id, command.box))
                values = {"M3_BOX": box, "M3_CALL_ID": str(command.call_id)}
                return self._send_on(command.leg, "to-voicemail", values)
            case do.SendToConference():
                name = self._name("conference", self._names.conference(command.tenant_id, command.conference))
                values = {"M3_CONFERENCE": name, "M3_CALL_ID": str(command.call_id)}
                return self._send_on(command.leg, "to-conference", values)
            case do.TellAgent():
                return [channels.send_on(command.leg, context="agent-told", extension=command.told)]
            case _:
                requests = joining(command, self._app, self._names)
                if requests is None:
                    raise TypeError(f"no telephony command: {type(command).__name__}")
                return requests

    def _ask_for_transfers(self, leg: str) -> None:
        """A phone whose call is in a queue's hands still asks us first when its user wants to hand the call on."""
        self._ami.submit(actions.set_variable(leg, *TRANSFERS), lambda _error: None)

    def _take(self, command: do.TakeInHand) -> None:
        """Should the service be away when they arrive, the agent's channel finds the caller's by its name."""

        def refused(error: AmiError) -> None:
            self._fail(command, error.message, gone=False)

        try:
            if command.other:
                self._ami.submit(actions.set_variable(command.other, "M3_PEER", command.leg), lambda _error: None)
            self._ami.submit(actions.redirect(command.leg, command.other, context="taken"), refused)
        except UnsafeValue as error:
            self._fail(command, str(error), gone=False)

    def _let_go(self, leg: str, cause: int) -> list[Request[Any]]:
        endpoint = self.lines.endpoint_of(leg)
        if not endpoint:
            return [channels.hangup(leg, cause)]
        # Whoever was muted in a call is so no longer.
        return [channels.unmute(leg, "in"), channels.send_on(leg, context=CONTEXT, extension=endpoint)]

    def _send_on(self, leg: str, context: str, values: dict[str, str]) -> list[Request[Any]]:
        """The leg leaves our application; the subscription lets us hear of its end all the same."""
        return [
            system.subscribe(self._app, "channel", leg),
            *([channels.set_variables(leg, values)] if values else []),
            channels.send_on(leg, context=context, extension="s"),
        ]

    def _name(self, what: str, name: str | None) -> str:
        if name is None:
            raise AriError(NOT_FOUND, f"this {what} does not exist")
        return name

    def _refused(self, command: do.Command) -> OnError:
        def refused(error: AriError) -> None:
            if isinstance(error, AriTimeout):
                # Nobody knows whether it was carried out. Asking anew is how to find out; the caller is not to blame.
                self._client.restart("a request had no answer")
                return
            if isinstance(error, AriDisconnected | AriNotSent) or error.status == CONFLICT:
                return
            if forgivable(command, error):
                return
            self._fail(command, error.message, gone=error.status == NOT_FOUND or is_party_end(command))

        return refused

    def _fail(self, command: do.Command, why: str, *, gone: bool) -> None:
        event = ev.CommandFailed(at=self._now(), command=type(command).__name__, why=why, gone=gone)
        self._deliver(command.leg, event)

    def _leg(self, channel: Channel, node: str) -> LegSeen:
        app, _, rest = channel.dialplan.app_data.partition(",")
        inside = channel.dialplan.app_name == "Stasis" and app == self._app and not is_recorder(channel.id)
        args = tuple(rest.split(",")) if inside and rest else ()
        arrived = None
        if args[:1] == (INBOUND,):
            arrived = ev.CallArrived(
                at=channel.creationtime,
                leg=channel.id,
                node=node,
                created=channel.creationtime,
                did=args[1] if len(args) > 1 else "",
                caller=channel.caller.number,
                caller_name=channel.caller.name,
                answered=channel.state == UP,
            )
        return LegSeen(
            leg=channel.id,
            created=channel.creationtime,
            in_application=inside,
            arrived=arrived,
            returned=returned(args, self._now()),
            floor=self._floor(channel, node),
        )

    def _floor(self, channel: Channel, node: str) -> ev.FloorTook | None:
        mark = read_mark(channel.channelvars.get("M3_FLOOR_MARK", ""))
        if mark is None or mark.kind != FLOOR:
            return None
        created = channel.creationtime
        at = max(mark.at, created)  # the mark has whole seconds
        return ev.FloorTook(at=at, leg=channel.id, node=node, created=created, did=mark.did, caller=mark.caller)


def _media(item: str) -> str:
    """A command's media in ARI's words; see core.commands.Play."""
    kind, _, value = item.partition(":")
    match kind:
        case "prompt":
            return f"sound:/prompts/{value}"
        case "digits" | "number":
            return item
        case "silence":
            return f"sound:silence/{value}"
        case _:
            raise AriError(0, f"unknown media {kind}")


def _ignore(_error: AriError) -> None:
    """Nothing to do: what is gone is gone."""
