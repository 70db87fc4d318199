"""The life of the service's process: what starts after what, and how it leaves.

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
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
import uvicorn
import uvloop

from m3voip.app import Service
from m3voip.config import Settings
from m3voip.core.errors import M3voipError
from m3voip.engine.watchdog import Watchdog
from m3voip.storage.postgres.listener import Listener
from m3voip.storage.postgres.pool import writer_connection
from m3voip.telemetry import logs

log = structlog.get_logger()

FLUSH_S = 10.0


def serve(settings: Settings) -> None:
    """``m3voip serve``: blocks until the service has stopped."""
    logs.set_up(level=settings.log_level, as_json=settings.log_json)
    uvloop.run(run(settings))


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

        running = [start("writer", service.write), start("api", server.serve), start("watchdog", Watchdog().run)]
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
        {
            "m3voip_config": lambda _: service.configuration.wake(),
            "m3voip_voicemail": lambda _: service.messages_changed(),
        },
    )
    running.append(start("configuration", service.configuration.run))
    running.append(start("notices", listener.run))
    await service.configuration.ready.wait()
    await _until_it_works("trees.load", service.trees.load_all)
    service.configuration.wake()
    await _until_it_works("calls.adopt", service.adopt_open_calls)
    running.append(start("crm", service.crm.run))
    running.append(start("preferred-agents", service.preferred_agents.run))
    running.append(start("recovery", service.recovery.run))
    running.append(start("recovery of newcomers", service.recovery.settle))
    running.append(start("meetings", service.meetings.run))
    running.append(start("supervisions", service.supervisions.run))
    running.append(start("attempts", service.outbound.run))
    running.extend(start(name, work) for name, work in service.node.tasks())
    running.append(start("trees", service.trees.run))
    running.append(start("secrets", service.secrets.run))
    running.append(start("bans", service.bans.run))
    running.append(start("phone-tests", service.phone_tests.run))
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
    service.outbound.close()
    service.agents.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_S):
            await service.flush()
    await asyncio.gather(api, return_exceptions=True)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    service.close()


async def _named(work: Callable[[], Awaitable[object]]) -> object:
    return await work()
