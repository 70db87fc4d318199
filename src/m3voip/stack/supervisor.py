"""`m3voip stack supervise`: the process that keeps an instance's parts alive until it is told to stop.

Law: SIGTERM or Ctrl-C stops in order and lets calls finish for a while; a second one stops waiting. If it is killed
instead, the parts live on with their calls, and the next supervisor adopts them.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Collection

import structlog

from m3voip.stack import logs
from m3voip.stack.errors import StackError
from m3voip.stack.parts import PARTS
from m3voip.stack.runfile import Publisher
from m3voip.stack.stack import Stack

DRAIN_SECONDS = 10.0
_ROTATE_EVERY_SECONDS = 10.0
_log = structlog.get_logger()


async def supervise(instance: str | None = None, parts: Collection[str] = PARTS) -> int:
    """Run until stopped. Returns the exit status: 0 after a stop, 1 if the stack could not be started."""
    _log_plainly()
    stack = Stack(instance=instance, parts=parts, seeded=True, drain_seconds=DRAIN_SECONDS)
    publisher = Publisher(stack)
    stop = _Stop(stack, publisher)
    try:
        async with stack, asyncio.TaskGroup() as group:
            publisher.enter("ready")
            _log.info("stack.ready", instance=stack.folders.instance)
            group.create_task(_rotate(stack), name="stack.rotate")
            await asyncio.Event().wait()  # until the signal cancels us
    except (StackError, OSError) as error:
        _log.error("stack.failed", error=str(error))
        publisher.enter("failed", error=str(error))
        return 1
    except asyncio.CancelledError:
        if not stop.asked:
            raise
    publisher.enter("stopped")
    _log.info("stack.stopped", instance=stack.folders.instance)
    return 0


class _Stop:
    """What SIGTERM and SIGINT do: the first one ends starting or waiting, each further one kills what is left."""

    def __init__(self, stack: Stack, publisher: Publisher) -> None:
        self.asked = False
        self._stack, self._publisher = stack, publisher
        self._main = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self.asked:
            self._stack.kill()
            return
        self.asked = True
        self._publisher.enter("stopping")
        if self._main is not None:
            self._main.cancel()


async def _rotate(stack: Stack) -> None:
    while True:
        # A banned address that goes on makes Asterisk write a line for each of its requests.
        for path in (*stack.folders.log.glob("*.log"), stack.folders.asterisk_log / "messages.log"):
            logs.rotate(path)
        await asyncio.sleep(_ROTATE_EVERY_SECONDS)


def _log_plainly() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
