"""One Asterisk as the service sees it: ARI to control, AMI to observe, its ledgers, its provisioning; and when it is heard.

Law: whoever listens is told once per (re)connection, after the socket is open and before commands are relied on, so that
what was missed can be caught up with. The file ``alive`` keeps when we last heard, for the next process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import REGISTRY

from m3voip.config import Settings
from m3voip.core.agent import BoardEvent, MemberGone, MemberSeen
from m3voip.core.codecs import ChannelFormats, Costs, read_costs
from m3voip.core.conference import ConferenceEvent
from m3voip.core.device import PhoneEvent
from m3voip.core.errors import ProviderError
from m3voip.core.office import Office
from m3voip.core.trunks import TrunkEvent
from m3voip.ports import Clock, Deliver, Names
from m3voip.providers.asterisk import control, observe, trunks
from m3voip.providers.asterisk.ami import actions
from m3voip.providers.asterisk.ami.client import AmiAccess, AmiClient
from m3voip.providers.asterisk.ami.errors import AmiError
from m3voip.providers.asterisk.ami.events import AmiEvent, ContactStatus, Reload
from m3voip.providers.asterisk.ari import system
from m3voip.providers.asterisk.ari.client import AriAccess, AriClient
from m3voip.providers.asterisk.ari.errors import AriError
from m3voip.providers.asterisk.ari.events import ChannelDestroyed
from m3voip.providers.asterisk.ari.events import Event as AriEvent
from m3voip.providers.asterisk.conferences import AsteriskConferences, conference_event
from m3voip.providers.asterisk.interfaces import interfaces
from m3voip.providers.asterisk.lamps import AsteriskLamps
from m3voip.providers.asterisk.ledger import LedgerFiles
from m3voip.providers.asterisk.provision.from_office import provisioning
from m3voip.providers.asterisk.provision.writer import Provisioner
from m3voip.providers.asterisk.refusals import RefusalLog
from m3voip.providers.asterisk.registrations import Registrations
from m3voip.providers.asterisk.telephony import UNUSED_EVENTS, AsteriskTelephony
from m3voip.providers.asterisk.translate import agent_asks, from_ari

log = structlog.get_logger()

ALIVE_S = 1.0
MARGIN = timedelta(seconds=20)
"""A path that swallows everything is noticed after 15 s; until then we believed to hear."""


class AsteriskNode:
    """Give it to the wiring; run ``tasks()``."""

    def __init__(
        self,
        settings: Settings,
        *,
        names: Names,
        clock: Clock,
        deliver: Deliver,
        on_board: Callable[[BoardEvent], None],
        on_phone: Callable[[PhoneEvent], None],
        on_board_lost: Callable[[], None],
        on_lost: Callable[[], None],
        on_listening: Callable[[datetime | None], Awaitable[None]],
        on_observing: Callable[[], Awaitable[None]],
        on_conference: Callable[[ConferenceEvent], None],
        on_asked: Callable[[str, str, str], None],
        on_trunk: Callable[[TrunkEvent], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._on_board = on_board
        self._on_lost = on_lost
        self._on_listening = on_listening
        self._on_observing = on_observing
        self._on_conference = on_conference
        self._on_asked = on_asked
        self._on_trunk = on_trunk
        self._alive = settings.journal_dir / "alive"
        self._deaf_since: datetime | None = None
        self.caught_up = False
        self._board_stale = asyncio.Event()
        self._ari = AriClient(
            AriAccess(
                base_url=f"http://{settings.ari_host}:{settings.ari_port}/ari",
                user=settings.ari_user,
                password=settings.ari_password.get_secret_value(),
                app=settings.ari_app,
                drop_events=UNUSED_EVENTS,
            ),
            on_event=self._heard,
            on_connected=self._connected,
            on_disconnected=self._disconnected,
        )
        REGISTRY.register(self._ari.metrics)
        self._ami = AmiClient(
            AmiAccess(
                host=settings.ami_host,
                port=settings.ami_port,
                user=settings.ami_user,
                secret=settings.ami_secret.get_secret_value(),
            ),
            on_event=self._observed,
            on_connected=self._read_board,
            on_disconnected=lambda _reason: on_board_lost(),
        )
        REGISTRY.register(self._ami.metrics)
        self.telephony = AsteriskTelephony(
            client=self._ari, ami=self._ami, app=settings.ari_app, names=names, deliver=deliver, now=clock.now,
            on_line=on_board,
        )  # fmt: skip
        self._lines = self.telephony.lines
        self._by_line: set[tuple[str, str]] = set()
        """Memberships, (queue, endpoint), by which calls are joined to a line."""
        self.conferences = AsteriskConferences(self._ami, self._ari, settings.ari_app)
        self.ledger = LedgerFiles(settings.asterisk_log)
        self.lamps = AsteriskLamps(settings.asterisk_spool, self._ami)
        self._provisioner = Provisioner(settings.generated_dir, self)
        self._registrations = Registrations(
            settings.asterisk_socket, tell=on_phone, now=clock.now, connected=lambda: self.observed
        )
        self._refusals = RefusalLog(settings.asterisk_log, tell=on_phone, now=clock.now)

    @property
    def observed(self) -> bool:
        """Whether AMI is connected."""
        return self._ami.connected

    def tasks(self) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
        """What has to run, by name."""
        yield "ari", self._ari.run
        yield "ami", self._ami.run
        yield "board", self._refresh_board
        yield "phones", self._registrations.run
        yield "refusals", self._refusals.run
        yield "alive", self._keep_alive

    async def provision(self, office: Office) -> None:
        """Write Asterisk's generated files and reload what changed. Raises ProviderError while Asterisk is away."""
        modules = await self._provisioner.apply(provisioning(office, self._settings.tenant_id))
        if modules:
            log.info("asterisk.provisioned", modules=modules)

    async def reload(self, module: str) -> None:
        """For the provisioner."""
        try:
            await self._ari.call(system.reload_module(module))
        except AriError as error:
            raise ProviderError(f"{module} could not be reloaded: {error.message}", retryable=True) from error

    def hold(self, queue: str, endpoint: str, reason: str, failed: Callable[[], None]) -> None:
        """Port MemberControl: pause or unpause a member of ``app_queue``."""

        def refused(error: AmiError) -> None:
            log.warning("member.not_held", why=error.message, action="it is tried again")
            failed()

        interface, _ = interfaces(endpoint, session=(queue, endpoint) in self._by_line)
        held = actions.queue_pause(interface, paused=bool(reason), queue=queue, reason=reason)
        self._ami.submit(held, refused)

    async def channel_formats(self) -> list[ChannelFormats]:
        """What every channel speaks and goes through (``engine.codecs.CodecSource``)."""
        try:
            return observe.channel_formats(await self._ami.call(actions.channels()))
        except AmiError as error:
            raise ProviderError(f"Asterisk's channels cannot be read: {error.message}", retryable=True) from error

    async def translation_costs(self) -> Costs:
        """Asterisk's table of costs; the only place it shows it is its command line."""
        try:
            return read_costs(
                await control.command(self._settings.asterisk_socket, "core show translation", seconds=2.0)
            )
        except OSError as error:  # TimeoutError is one
            raise ProviderError(f"Asterisk's control socket does not answer: {error}", retryable=True) from error

    async def settle(self) -> None:
        """Returns when every command given so far has been carried out, or Asterisk is away: requests are carried out
        in order, so an answered ping means that what came before it is done."""
        with suppress(AriError):
            await self._ari.call(system.ping())

    def _heard(self, event: AriEvent) -> None:
        asked = agent_asks(event)
        if asked is not None:
            self._on_asked(*asked)
            return
        translated = from_ari(event, self._lines.leg_of)
        if translated is not None:
            self._deliver(*translated)
        if isinstance(event, ChannelDestroyed):
            self._lines.gone(event.channel.id, event.cause)

    async def _connected(self) -> None:
        if self._deaf_since is None:
            self._deaf_since = await asyncio.to_thread(self._last_alive)
        info = await self._ari.call(system.info())
        self.ledger.node = info.system.entity_id
        try:
            await self._on_listening(self._deaf_since)
        except ProviderError as error:  # the client drops the connection then, and we begin anew
            raise AriError(0, f"could not catch up: {error}", retryable=True) from error
        self._lines.watch_all()
        self.caught_up = True

    def _disconnected(self, _reason: str) -> None:
        if self.caught_up or self._deaf_since is None:
            self._deaf_since = self._clock.now() - MARGIN
        self.caught_up = False
        self._on_lost()

    def _observed(self, event: AmiEvent) -> None:
        now = self._clock.now()
        translated = observe.call_event(event, now, self._lines.leg_of)
        if translated is not None:
            self._deliver(*translated)
        change = observe.board_event(event)
        if change is not None:
            self._board_changed(change)
        trunk = trunks.trunk_event(event)
        if trunk is not None:
            self._on_trunk(trunk)
        phone = observe.phone_event(event, now)
        if phone is not None:
            self._registrations.hear(phone)
        meeting = conference_event(event, now)
        if meeting is not None:
            self._on_conference(meeting)
        match event:
            case ContactStatus(contact_status="NonQualified"):  # it is new; what it is only the list tells
                self._registrations.look()
            case Reload():  # members that came or went by provisioning are announced by nothing else
                self._board_stale.set()
            case _:
                pass

    def _board_changed(self, change: BoardEvent) -> None:
        """Whoever hears of it may order something at once, so what we need for that is noted first."""
        match change:
            case MemberSeen(line=True):
                self._by_line.add((change.queue, change.endpoint))
            case MemberSeen() | MemberGone():
                self._by_line.discard((change.queue, change.endpoint))
            case _:
                self._lines.take(change)
        self._on_board(change)

    async def _read_board(self) -> None:
        queues = await self._ami.call(actions.queue_status())
        devices = await self._ami.call(actions.device_states())
        lines = await self._ami.call(actions.lines())
        for change in observe.whole_board(queues, devices, lines):
            self._board_changed(change)
        self._registrations.look()
        for trunk in await trunks.read(self._settings.asterisk_socket):
            self._on_trunk(trunk)
        await self._on_observing()

    async def _refresh_board(self) -> None:
        while True:
            await self._board_stale.wait()
            self._board_stale.clear()
            try:
                await self._read_board()
            except AmiError as error:
                log.warning("board.unreadable", why=error.message, action="it is read again at the next connection")

    def _last_alive(self) -> datetime | None:
        try:
            return datetime.fromtimestamp(self._alive.stat().st_mtime, UTC) - MARGIN
        except FileNotFoundError:
            return None

    async def _keep_alive(self) -> None:
        """Only while we hear: the mark says from when on the ledger matters."""
        while True:
            if self.caught_up:
                await asyncio.to_thread(self._alive.touch)
            await asyncio.sleep(ALIVE_S)
