"""The only wiring: which parts there are and who is given whom. When they start and stop is in ``lifecycle``."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import reduce
from uuid import UUID

import structlog
import uvicorn

from m3voip.api.app import create_api
from m3voip.api.deps import ApiDeps
from m3voip.api.live import EventHub
from m3voip.api.server import make_server
from m3voip.config import Settings
from m3voip.core import events as ev
from m3voip.core.agent import AgentState, BoardEvent
from m3voip.core.call import Call, evolve
from m3voip.core.commands import TellAgent
from m3voip.core.device import PhoneEvent
from m3voip.core.facts import Recorded
from m3voip.core.office import Office
from m3voip.engine.agents import Agents
from m3voip.engine.announcements import Announcements
from m3voip.engine.bans import Bans
from m3voip.engine.board import Board, LiveView
from m3voip.engine.calls import Calls, SystemClock
from m3voip.engine.codecs import Codecs
from m3voip.engine.configuration import ConfigurationKeeper
from m3voip.engine.control import CallControl
from m3voip.engine.directory import DirectoryKeeper
from m3voip.engine.meetings import Meetings
from m3voip.engine.metrics import STEP_FAILURES
from m3voip.engine.outbound import Outbound
from m3voip.engine.phone_dispositions import WORD, PhoneDispositions
from m3voip.engine.phone_tests import PhoneTests
from m3voip.engine.phones import Phones
from m3voip.engine.preferred import PreferredAgents
from m3voip.engine.recovery import Recovery
from m3voip.engine.routing import CurrentDirectory, Route, route
from m3voip.engine.secrets import SecretKeeper
from m3voip.engine.sessions import Sessions
from m3voip.engine.supervisions import Supervisions
from m3voip.health import Checks
from m3voip.jobs.lamps import LampKeeper
from m3voip.jobs.meetings import MeetingRecordingsJob
from m3voip.jobs.recordings import RecordingsJob
from m3voip.jobs.remarks import Remarks
from m3voip.jobs.rounds import Rounds
from m3voip.jobs.trees import TreeFiles
from m3voip.jobs.voicemail import VoicemailJob
from m3voip.jobs.voicemail_changes import VoicemailChanges
from m3voip.jobs.voicemail_retention import VoicemailRetention
from m3voip.providers.asterisk.node import AsteriskNode
from m3voip.providers.asterisk.phone_call import PhoneCaller
from m3voip.providers.crm.http import CrmHttp
from m3voip.providers.speech.flite import Flite
from m3voip.providers.speech.library import PromptLibrary
from m3voip.storage.codec import StoredEvent
from m3voip.storage.metrics import UNSAVED_AGE, UNSAVED_ROWS
from m3voip.storage.postgres.agents import AgentCommits, PostgresAgents
from m3voip.storage.postgres.attempts import PostgresAttempts
from m3voip.storage.postgres.bans import PostgresBans
from m3voip.storage.postgres.calls import PostgresCalls
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.meetings import MeetingStore
from m3voip.storage.postgres.office import OfficeStore
from m3voip.storage.postgres.pool import api_pool, engine_pool, writer_connection
from m3voip.storage.postgres.remarks import PostgresRemarks
from m3voip.storage.postgres.supervisions import PostgresSupervisions
from m3voip.storage.postgres.voicemail import PostgresVoicemail
from m3voip.storage.postgres.writer import EventWriter
from m3voip.storage.vault.folder import FolderVault

log = structlog.get_logger()

PATROL_S = 30.0
AGENTS_WINDOW_S = 0.2
"""A commit costs what it costs, and nobody waits for these."""
JOB_ROUND_S = 2.0
LAMP_ROUND_S = 30.0
RETENTION_ROUND_S = 600.0
DAY_S = 24 * 3600.0
DRAIN_LOOK_S = 0.1
SETTLE_S = 2.0
CALL_ENDED = "call.ended"
RECORDED_FILES = "prompts"
"""Folder beside the trees with the sound files that they may play."""


class Service:
    """All parts of one service process, made but not started."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.stopping = asyncio.Event()
        self.for_good = True
        # storage
        engine_dsn = settings.engine_dsn.get_secret_value()
        self.engine_pool = engine_pool(engine_dsn)
        self.api_pool = api_pool(settings.api_dsn.get_secret_value())
        self.hub = EventHub()
        self.commits = Commits(self._committed)
        self.writer = EventWriter(
            journal_dir=settings.journal_dir, connect=writer_connection(engine_dsn), commits=self.commits
        )
        self.agent_writer = EventWriter(
            journal_dir=settings.journal_dir / "agents",
            connect=writer_connection(engine_dsn),
            commits=AgentCommits(),
            window_s=AGENTS_WINDOW_S,
        )
        self._measure_unsaved()
        self.offices = OfficeStore(self.engine_pool)
        self.agent_store = PostgresAgents(self.engine_pool)
        self.call_store = PostgresCalls(self.engine_pool, self.commits)
        self.vault = FolderVault(settings.vault_dir)
        # deciding
        self.directory = CurrentDirectory()
        self.phones = Phones(names=self.directory, clock=self.clock)
        self.bans = Bans(
            store=PostgresBans(self.engine_pool, settings.tenant_id),
            clock=self.clock,
            here=self.phones.addresses,
            wake=lambda: self.configuration.wake(),  # noqa: PLW0108  # made below
            never=settings.never_banned,
        )
        self.crm = CrmHttp(origin=settings.crm_url, deliver=self._deliver, now=self.clock.now)
        self.preferred_agents = PreferredAgents(
            last_agents=self.call_store,
            is_free=self._is_free,
            deliver=self._deliver,
            clock=self.clock,
        )
        self.node = AsteriskNode(
            settings,
            names=self.directory,
            clock=self.clock,
            deliver=self._deliver,
            on_board=self._board_changed,
            on_phone=self._phone_heard,
            on_board_lost=self._board_lost,
            on_lost=lambda: self.recovery.lost(),  # noqa: PLW0108  # made below
            on_listening=self._listening,
            on_observing=self._observing,
            on_conference=lambda event: self.meetings.take(event),  # noqa: PLW0108  # made below
            on_asked=self._asked_by_phone,
            on_trunk=lambda event: self.outbound.seen(event),  # noqa: PLW0108  # made below
        )
        self.outbound = Outbound(
            telephony=self.node.telephony,
            source=self.node.telephony,
            store=PostgresAttempts(self.engine_pool),
            clock=self.clock,
            ask=lambda call_id, request: self.calls.ask(call_id, request),  # noqa: PLW0108  # made below
            default_tenant=settings.tenant_id,
        )
        self.calls = Calls(
            event_log=self.writer,
            telephony=self.outbound,
            crm=self.crm,
            agents=self.preferred_agents,
            clock=self.clock,
            router=self._route,
            explain=lambda leg: self.recovery.explain(leg),  # noqa: PLW0108  # made below
            surveys=self.directory,
            on_facts=self._call_changed,
            outside=self.outbound.hear,
            has_phone=lambda tenant_id, extension: self.directory.endpoint(tenant_id, extension) is not None,
            trace=settings.log_level == "debug",
        )
        self.control = CallControl(self.calls, self.node.telephony)
        self.recovery = Recovery(
            calls=self.calls, source=self.node.telephony, ledger=self.node.ledger, finder=self.call_store
        )
        self.supervision_store = PostgresSupervisions(self.engine_pool)
        self.supervisions = Supervisions(
            calls=self.calls,
            telephony=self.node.telephony,
            source=self.node.telephony,
            store=self.supervision_store,
            clock=self.clock,
        )
        self.meetings = Meetings(
            node=self.node.conferences,
            ledger=self.node.ledger,
            notes=MeetingStore(self.engine_pool),
            clock=self.clock,
            call_of=self.calls.id_of_leg,
            deliver=self._deliver,
            locked_at_start=self.directory.is_locked_at_start,
        )
        self.agents = Agents(
            event_log=self.agent_writer,
            control=self.node,
            clock=self.clock,
            calls=lambda: self.calls,
            default_tenant=settings.tenant_id,
            grace_s=int(settings.phone_grace.total_seconds()),
        )
        self.remark_store = PostgresRemarks(self.engine_pool)
        self.phone_dispositions = PhoneDispositions(
            store=self.remark_store,
            agents=self.agents,
            tell=self._tell,
            clock=self.clock,
            random_bytes=secrets.token_bytes,
        )
        self.board = Board(clock=self.clock, names=self.directory, call_of=self.calls.id_of_leg)
        self.phone_tests = PhoneTests(caller=PhoneCaller(settings, self.node.channel_formats), clock=self.clock)
        self.codecs = Codecs(source=self.node, default_tenant=settings.tenant_id)
        # configuration
        speech = PromptLibrary(
            engine=Flite(), folder=settings.prompts_dir, recordings=settings.trees_dir / RECORDED_FILES
        )
        self.directory_keeper = DirectoryKeeper(
            current=self.directory, speech=speech, trees=self.offices, default_tenant=settings.tenant_id
        )
        self.announcements = Announcements(speech)
        self.secrets = SecretKeeper(clock=self.clock, end=self.offices.end_secrets)
        self.configuration = ConfigurationKeeper(
            read=self.offices.read,
            appliers=(
                ("calls", self.directory_keeper.update),
                ("trunks", self.outbound.update),
                ("agents", self.agents.update),
                ("secrets", self.secrets.update),
                ("phones", self.phones.update),
                ("bans", self.bans.update),
                ("codecs", self.codecs.update),
                ("asterisk", self._provision),
            ),
        )
        self.trees = TreeFiles(
            folder=settings.trees_dir,
            store=self.offices,
            speech=speech,
            tenant_id=settings.tenant_id,
            changed=self._woken,
        )
        self._make_jobs(settings)

    def _make_jobs(self, settings: Settings) -> None:
        """Durable work in the background."""
        self.recordings = RecordingsJob(
            spool=settings.asterisk_spool,
            vault=self.vault,
            calls=self.call_store,
            finder=self.call_store,
            clock=self.clock,
        )
        self.meeting_recordings = MeetingRecordingsJob(
            spool=settings.asterisk_spool, vault=self.vault, meetings=MeetingStore(self.engine_pool), clock=self.clock
        )
        self.voicemail = VoicemailJob(
            spool=settings.asterisk_spool,
            vault=self.vault,
            calls=self.call_store,
            finder=self.call_store,
            clock=self.clock,
        )
        self.voicemail_store = PostgresVoicemail(self.engine_pool)
        self.voicemail_changes = VoicemailChanges(store=self.voicemail_store, calls=self.call_store)
        self.lamps = LampKeeper(store=self.voicemail_store, lamps=self.node.lamps, default_tenant=settings.tenant_id)
        self.voicemail_retention = VoicemailRetention(store=self.voicemail_store, vault=self.vault)
        self.remarks = Remarks(store=self.remark_store, calls=self.call_store, live=self.calls.remark)
        self.remark_rounds = Rounds("remarks", self.remarks.run_once, JOB_ROUND_S)
        self.change_rounds = Rounds("voicemail-changes", self.voicemail_changes.run_once, JOB_ROUND_S)
        self.lamp_rounds = Rounds("lamps", self._set_lamps, LAMP_ROUND_S)
        self.recording_rounds = Rounds("recordings", self.recordings.run_once, JOB_ROUND_S)
        self.voicemail_rounds = Rounds("voicemail", self.voicemail.run_once, JOB_ROUND_S)
        self.rounds = (
            self.recording_rounds,
            self.voicemail_rounds,
            self.change_rounds,
            self.remark_rounds,
            self.lamp_rounds,
            Rounds("voicemail-retention", self.voicemail_retention.run_once, RETENTION_ROUND_S),
            Rounds("meeting_recordings", self.meeting_recordings.run_once, JOB_ROUND_S),
            Rounds("patrol", self._patrol, PATROL_S),
            Rounds("partitions", self.offices.ensure_partitions, DAY_S),
        )

    def api_server(self) -> uvicorn.Server:
        """The HTTP side."""
        checks = Checks(self.engine_pool, self.node, (self.writer, self.agent_writer), self.configuration)
        deps = ApiDeps(
            settings=self.settings,
            pool=self.api_pool,
            live=LiveView(self.board, self.agents),
            agents=self.agents,
            phones=self.phones,
            phone_tests=self.phone_tests,
            codecs=self.codecs,
            control=self.control,
            supervisions=self.supervisions,
            sessions=Sessions(agents=self.agents, control=self.node.telephony, clock=self.clock),
            dialling=self.outbound,
            hub=self.hub,
            vault=self.vault,
            clock=self.clock,
            checks=checks.all(),
            conferences=self.node.conferences,
            draining=self.stopping.is_set,
        )
        return make_server(create_api(deps), host=self.settings.api_host, port=self.settings.api_port)

    async def adopt_open_calls(self) -> None:
        """Take over what an earlier process left: first its journal goes into Postgres, then the open calls are read."""
        await self.writer.flush()
        adopted = []
        for rows in (await self.call_store.open_calls()).values():
            try:
                call = reduce(evolve, rows, Call(id=rows[0].call_id, tenant_id=rows[0].tenant_id))
            except Exception:  # a bug must cost one call at most, never the start of the service
                STEP_FAILURES.inc()
                log.exception("call.unreadable", call_id=str(rows[0].call_id), facts=len(rows))
                continue
            flow = await self.directory_keeper.flow(call.tenant_id, call.tree, call.tree_version) if call.tree else None
            adopted.append((call, flow))
            self.outbound.adopt(call, rows)
        self.calls.adopt(adopted)
        await self.agent_writer.flush()
        await self.agents.adopt(await self.agent_store.saved())
        for endpoint, leg in self.agents.lines():
            self.node.telephony.lines.keep(endpoint, leg)
        self.supervisions.adopt(await self.supervision_store.open())
        log.info("service.adopted", calls=len(adopted))

    async def write(self) -> None:
        """The writers' task. Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.writer.run(), name="writer-calls")
            tasks.create_task(self.agent_writer.run(), name="writer-agents")

    async def flush(self) -> None:
        """Returns when everything written down so far is in Postgres; that may be never, so give it a timeout."""
        await self.writer.flush()
        await self.agent_writer.flush()

    def close(self) -> None:
        """Let go of the journals, after ``write`` has ended."""
        self.writer.close()
        self.agent_writer.close()

    def stop(self, for_good: bool) -> None:
        """A signal asks us to leave."""
        self.for_good = for_good
        self.stopping.set()

    async def drain(self) -> None:
        """New callers go to the floor; those in a tree may finish it, within limits."""
        self.calls.leave()
        limit = self.clock.now() + self.settings.drain_timeout
        while self.calls.in_trees() and self.clock.now() < limit:  # noqa: ASYNC110  # callers come and go one by one
            await asyncio.sleep(DRAIN_LOOK_S)
        self.calls.hand_over()
        self.supervisions.leave()
        await self.node.settle()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self.supervisions.settle()

    def _measure_unsaved(self) -> None:
        UNSAVED_ROWS.set_function(lambda: self.writer.unsaved_rows() + self.agent_writer.unsaved_rows())
        UNSAVED_AGE.set_function(lambda: max(self.writer.unsaved_age(), self.agent_writer.unsaved_age()))

    def _committed(self, events: Iterable[StoredEvent]) -> None:
        events = list(events)
        self.hub.publish(events)
        if any(event.kind == CALL_ENDED for event in events):
            self.recording_rounds.nudge()
            self.voicemail_rounds.nudge()
            self.remark_rounds.nudge()

    def _deliver(self, leg: str, event: ev.Event) -> None:
        if self.supervisions.owns(leg):
            self.supervisions.deliver(leg, event)
        else:
            self.recovery.hear(leg, event)

    def _call_changed(self, call: Call, rows: Sequence[Recorded]) -> None:
        self.agents.heard(call, rows)
        self.supervisions.call_changed(call)

    def _board_lost(self) -> None:
        self.board.lost()
        self.phones.lost()

    def _route(self, event: ev.CallArrived | ev.FloorTook) -> Route:
        return route(self.directory.now, event.did, event.caller, self.clock.now(), self.settings.tenant_id)

    def _board_changed(self, event: BoardEvent) -> None:
        self.board.take(event)
        self.agents.take(event)

    def _asked_by_phone(self, leg: str, endpoint: str, what: str) -> None:
        if what.isdecimal():
            person = self.agents.person_at(endpoint)
            at = self.clock.now()
            if person and self.control.pick_up(leg, person.tenant_id, person.extension, int(what), at):
                return
        if what.startswith(WORD):
            self.phone_dispositions.ask(leg, endpoint, what.removeprefix(WORD))
        else:
            self._tell(leg, self.agents.ask_by_phone(endpoint, what))

    def _tell(self, leg: str, told: str) -> None:
        self.node.telephony.perform(TellAgent(leg=leg, told=told))

    def _phone_heard(self, event: PhoneEvent) -> None:
        self.phones.take(event)
        self.bans.take(event)

    def _is_free(self, tenant_id: UUID, extension: str) -> bool:
        """Whether an agent could take a call now; False while that is not known."""
        agent = self.agents.agent(tenant_id, extension)
        return agent is not None and agent.registered and agent.state == AgentState.AVAILABLE.value

    async def _listening(self, deaf_since: datetime | None) -> None:
        await self.recovery.reconcile(deaf_since)
        await self.outbound.reconcile()
        self.agents.compare()
        await self.supervisions.reconcile()
        self.configuration.wake()

    async def _patrol(self) -> None:
        if self.node.telephony.connected:
            await self.recovery.patrol()
            await self.outbound.reconcile()
            self.agents.compare()

    def messages_changed(self) -> None:
        """Postgres says so: by the API, by phone, or because one came."""
        self.change_rounds.nudge()
        self.lamp_rounds.nudge()

    async def _observing(self) -> None:
        self.agents.settle()
        self.meetings.review()
        self.lamps.forget()
        self.lamp_rounds.nudge()
        await self.recovery.review()

    async def _set_lamps(self) -> None:
        if self.node.observed:
            await self.lamps.run_once()

    async def _provision(self, office: Office) -> None:
        await self.node.provision(await self.announcements.render(office))

    async def _woken(self) -> None:
        self.configuration.wake()
