"""The only wiring: which parts there are, who is given whom, in which order they start and stop.

Start: Postgres first (the journal's rest goes in, open calls are read), then Asterisk (what was missed is told), then the
API says ready. Two ways to stop, neither drops a call:
SIGTERM is for good: not ready, new callers go to the floor, callers in a tree have ``drain_timeout`` to get through it and
are handed to the floor then. SIGINT is for a restart: everybody stays where they are and the next process adopts them.
Both end streams, flush facts and leave.
A task that fails ends the process with its error; whoever supervises it starts the next one.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import reduce

import structlog
import uvicorn
import uvloop

from m3voip.api.app import create_api
from m3voip.api.deps import ApiDeps
from m3voip.api.live import EventHub
from m3voip.api.server import make_server
from m3voip.config import Settings
from m3voip.core import events as ev
from m3voip.core.call import Call, evolve
from m3voip.core.errors import M3voipError
from m3voip.engine.board import Board
from m3voip.engine.calls import Calls, SystemClock
from m3voip.engine.configuration import ConfigurationKeeper
from m3voip.engine.directory import DirectoryKeeper
from m3voip.engine.recovery import Recovery
from m3voip.engine.routing import CurrentDirectory, Route, route
from m3voip.engine.watchdog import Watchdog
from m3voip.health import Checks
from m3voip.jobs.recordings import RecordingsJob
from m3voip.jobs.rounds import Rounds
from m3voip.jobs.trees import TreeFiles
from m3voip.jobs.voicemail import VoicemailJob
from m3voip.providers.asterisk.node import AsteriskNode, NodeControl
from m3voip.providers.crm.http import CrmHttp
from m3voip.providers.speech.flite import Flite
from m3voip.providers.speech.library import PromptLibrary
from m3voip.storage.codec import StoredEvent
from m3voip.storage.postgres.calls import PostgresCalls
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.listener import Listener
from m3voip.storage.postgres.office import OfficeStore
from m3voip.storage.postgres.pool import api_pool, engine_pool, writer_connection
from m3voip.storage.postgres.writer import EventWriter
from m3voip.storage.vault.folder import FolderVault
from m3voip.telemetry import logs

log = structlog.get_logger()

PATROL_S = 30.0
JOB_ROUND_S = 5.0
DAY_S = 24 * 3600.0
FLUSH_S = 10.0
DRAIN_LOOK_S = 0.1
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
        self.offices = OfficeStore(self.engine_pool)
        self.call_store = PostgresCalls(self.engine_pool, self.commits)
        self.vault = FolderVault(settings.vault_dir)
        # deciding
        self.directory = CurrentDirectory()
        self.crm = CrmHttp(origin=settings.crm_url, deliver=self._deliver, now=self.clock.now)
        self.node = AsteriskNode(
            settings,
            names=self.directory,
            clock=self.clock,
            deliver=self._deliver,
            on_board=lambda event: self.board.take(event),  # noqa: PLW0108  # made below
            on_board_lost=lambda: self.board.lost(),  # noqa: PLW0108  # made below
            on_lost=lambda: self.recovery.lost(),  # noqa: PLW0108  # made below
            on_listening=self._listening,
            on_observing=lambda: self.recovery.review(),  # noqa: PLW0108  # made below
            on_message=lambda: self.voicemail_rounds.nudge(),  # noqa: PLW0108  # made below
        )
        self.calls = Calls(
            event_log=self.writer,
            telephony=self.node.telephony,
            crm=self.crm,
            clock=self.clock,
            router=self._route,
            explain=lambda leg: self.recovery.explain(leg),  # noqa: PLW0108  # made below
            trace=settings.log_level == "debug",
        )
        self.recovery = Recovery(
            calls=self.calls, source=self.node.telephony, ledger=self.node.ledger, finder=self.call_store
        )
        self.board = Board(
            clock=self.clock, names=self.directory, call_of=self.calls.id_of_leg, call_with=self.calls.id_of_agent
        )
        # configuration
        speech = PromptLibrary(
            engine=Flite(), folder=settings.prompts_dir, recordings=settings.trees_dir / RECORDED_FILES
        )
        self.directory_keeper = DirectoryKeeper(
            current=self.directory, speech=speech, trees=self.offices, default_tenant=settings.tenant_id
        )
        self.configuration = ConfigurationKeeper(
            read=self.offices.read,
            appliers=(("calls", self.directory_keeper.update), ("asterisk", self.node.provision)),
        )
        self.trees = TreeFiles(
            folder=settings.trees_dir,
            store=self.offices,
            speech=speech,
            tenant_id=settings.tenant_id,
            changed=self._woken,
        )
        # jobs
        self.recordings = RecordingsJob(
            spool=settings.asterisk_spool,
            vault=self.vault,
            calls=self.call_store,
            finder=self.call_store,
            clock=self.clock,
        )
        self.voicemail = VoicemailJob(
            spool=settings.asterisk_spool,
            vault=self.vault,
            calls=self.call_store,
            finder=self.call_store,
            clock=self.clock,
        )
        self.recording_rounds = Rounds("recordings", self.recordings.run_once, JOB_ROUND_S)
        self.voicemail_rounds = Rounds("voicemail", self.voicemail.run_once, JOB_ROUND_S)
        self.rounds = (
            self.recording_rounds,
            self.voicemail_rounds,
            Rounds("patrol", self._patrol, PATROL_S),
            Rounds("partitions", self.offices.ensure_partitions, DAY_S),
        )

    def api_server(self) -> uvicorn.Server:
        """The HTTP side."""
        checks = Checks(self.engine_pool, self.node, self.writer, self.configuration)
        deps = ApiDeps(
            settings=self.settings,
            pool=self.api_pool,
            live=self.board,
            control=NodeControl(self.node, self.calls.hang_up),
            hub=self.hub,
            vault=self.vault,
            clock=self.clock,
            checks=checks.all(),
            draining=self.stopping.is_set,
        )
        return make_server(create_api(deps), host=self.settings.api_host, port=self.settings.api_port)

    async def adopt_open_calls(self) -> None:
        """Take over what an earlier process left: first its journal goes into Postgres, then the open calls are read."""
        await self.writer.flush()
        adopted = []
        for rows in (await self.call_store.open_calls()).values():
            call = reduce(evolve, rows, Call(id=rows[0].call_id, tenant_id=rows[0].tenant_id))
            flow = await self.directory_keeper.flow(call.tenant_id, call.tree, call.tree_version) if call.tree else None
            adopted.append((call, flow))
        self.calls.adopt(adopted)
        log.info("service.adopted", calls=len(adopted))

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
        await self.node.settle()

    def _committed(self, events: Iterable[StoredEvent]) -> None:
        events = list(events)
        self.hub.publish(events)
        if any(event.kind == CALL_ENDED for event in events):
            self.recording_rounds.nudge()

    def _deliver(self, leg: str, event: ev.Event) -> None:
        self.recovery.hear(leg, event)

    def _route(self, event: ev.CallArrived | ev.FloorTook) -> Route:
        return route(self.directory.now, event.did, event.caller, self.clock.now(), self.settings.tenant_id)

    async def _listening(self, deaf_since: datetime | None) -> None:
        await self.recovery.reconcile(deaf_since)
        self.configuration.wake()

    async def _patrol(self) -> None:
        if self.node.telephony.connected:
            await self.recovery.patrol()

    async def _woken(self) -> None:
        self.configuration.wake()


async def run(settings: Settings) -> None:
    """The service's whole life, until SIGTERM or SIGINT."""
    service = Service(settings)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, service.stop, True)
    loop.add_signal_handler(signal.SIGINT, service.stop, False)
    await service.engine_pool.open()
    await service.api_pool.open()
    server = service.api_server()
    async with asyncio.TaskGroup() as tasks:

        def start(name: str, work: Callable[[], Awaitable[object]]) -> asyncio.Task[object]:
            return tasks.create_task(_named(work), name=name)

        running = [start("writer", service.writer.run), start("api", server.serve), start("watchdog", Watchdog().run)]
        begin = start("begin", lambda: _begin(service, start, running))
        await service.stopping.wait()
        log.info("service.stopping", live_calls=len(service.calls), for_good=service.for_good)
        if service.for_good:
            await service.drain()
        begin.cancel()
        await _stop(service, server, running)
    await service.engine_pool.close()
    await service.api_pool.close()
    log.info("service.stopped")


async def _begin(
    service: Service,
    start: Callable[[str, Callable[[], Awaitable[object]]], asyncio.Task[object]],
    running: list[asyncio.Task[object]],
) -> None:
    """Postgres, then Asterisk, then everything that may wait. Postgres or Asterisk being away only delays this."""
    listener = Listener(
        writer_connection(service.settings.engine_dsn.get_secret_value()),
        {"m3voip_config": lambda _: service.configuration.wake()},
    )
    running.append(start("configuration", service.configuration.run))
    running.append(start("config-notices", listener.run))
    await service.configuration.ready.wait()
    await _until_it_works("trees.load", service.trees.load_all)
    service.configuration.wake()
    await _until_it_works("calls.adopt", service.adopt_open_calls)
    running.append(start("crm", service.crm.run))
    running.append(start("recovery", service.recovery.run))
    running.extend(start(name, work) for name, work in service.node.tasks())
    running.append(start("trees", service.trees.run))
    running.extend(start(rounds.name, rounds.run) for rounds in service.rounds)


async def _until_it_works(what: str, work: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await work()
        except (M3voipError, OSError) as error:
            log.warning("service.waiting", for_=what, why=str(error), next_s=1)
            await asyncio.sleep(1)
        else:
            return


async def _stop(service: Service, server: uvicorn.Server, running: list[asyncio.Task[object]]) -> None:
    """Not ready any more, streams ended, facts in Postgres, connections closed. What is unsaved stays in the journal."""
    service.hub.close()
    server.should_exit = True
    writer, api, *others = running
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    service.calls.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_S):
            await service.writer.flush()
    await asyncio.gather(api, return_exceptions=True)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    service.writer.close()


async def _named(work: Callable[[], Awaitable[object]]) -> object:
    return await work()


def serve(settings: Settings) -> None:
    """``m3voip serve``: blocks until the service has stopped."""
    logs.set_up(level=settings.log_level, as_json=settings.log_json)
    uvloop.run(run(settings))
