"""One AMI connection: login, actions out, answers and events in.

Law: as for ARI, the reader only reads and hands over; every action gets exactly one outcome; when the connection ends,
everything pending fails in the same instant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from time import monotonic
from typing import Any

import msgspec
import structlog
from panoramisk.actions import Action
from panoramisk.message import Message

from m3voip.providers.asterisk.ami import actions
from m3voip.providers.asterisk.ami.actions import AmiAction
from m3voip.providers.asterisk.ami.errors import AmiDisconnected, AmiError, AmiNotSent, AmiTimeout
from m3voip.providers.asterisk.ami.events import EVENTS, AmiEvent, FullyBooted, read
from m3voip.providers.asterisk.ami.metrics import AmiMetrics
from m3voip.providers.asterisk.ami.protocol import AmiProtocol, ListAction, Peer, as_dicts
from m3voip.providers.asterisk.supervised import LoginRefused
from m3voip.providers.asterisk.timing import Heartbeat, LinkTiming

_log = structlog.get_logger(__name__)

_WANTED = frozenset(name.encode() for name in EVENTS)
Done = Callable[[list[dict[str, str]], AmiError | None], None]


class AmiConnection:
    """See the module's law, and `supervised.Connection`."""

    def __init__(
        self,
        host: str,
        port: int,
        login: AmiAction[None],
        *,
        deliver: Callable[[AmiEvent], None],
        metrics: AmiMetrics,
        timing: LinkTiming,
    ) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.booted = asyncio.Event()
        self._address = (host, port)
        self._login = login
        self._deliver = deliver
        self._metrics = metrics
        self._timing = timing
        self._heartbeat = Heartbeat(timing, monotonic())
        self._pending: dict[str, tuple[Action, float]] = {}
        self._protocol: AmiProtocol | None = None
        self._over = False
        self._logged_in = False

    async def open(self) -> None:
        """Connect and log in."""
        peer = Peer(on_event=self._take, on_lost=self.end)
        loop = asyncio.get_running_loop()
        _, self._protocol = await loop.create_connection(
            lambda: AmiProtocol(peer, _WANTED, self._metrics.count_unknown), *self._address
        )
        answered: asyncio.Future[AmiError | None] = loop.create_future()
        try:
            self.send(self._login, self._timing.request_s, lambda _messages, error: _settle(answered, error))
            error = await answered
        except BaseException:
            self.end("not opened")
            raise
        if error is not None:
            self.end("not opened")
            if isinstance(error, AmiDisconnected | AmiTimeout | AmiNotSent):
                raise ConnectionError(error.message)
            raise LoginRefused(error.message)
        self._logged_in = True
        self._heartbeat.pong(monotonic())

    def send(self, wanted: AmiAction[Any], timeout_s: float, done: Done) -> None:
        """Send an action; never blocks. `done` is called once, with the answer or an error, possibly before this
        returns."""
        if self._over or self._protocol is None or not (self._logged_in or wanted is self._login):
            self._metrics.count(wanted.name, "not_sent")
            done([], AmiNotSent())
            return
        kind = ListAction if wanted.items else Action
        action = kind({"Action": wanted.name, **dict(wanted.fields)}, as_list=wanted.items)
        self._pending[action.id] = (action, monotonic() + timeout_s)
        action.future.add_done_callback(lambda future: self._done(action, wanted, future, done))
        self._protocol.send(action, as_list=wanted.items)

    def end(self, reason: str) -> None:
        """Declare the connection dead and fail what waits; without effect the second time."""
        if self._over:
            return
        self._over = True
        if not self.ended.done():
            self.ended.set_result(reason)
        for action, _deadline in list(self._pending.values()):
            self._give_up(action, AmiDisconnected(f"connection ended: {reason}"))
        if self._protocol is not None:
            self._protocol.close()

    def helpers(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs while the connection lives."""
        yield "watch", self._watch()

    async def _watch(self) -> None:
        while not self._over:
            await asyncio.sleep(self._timing.tick_s)
            now = monotonic()
            if self._heartbeat.stalled(now):
                continue
            for action in [action for action, deadline in self._pending.values() if deadline <= now]:
                self._give_up(action, AmiTimeout(f"no answer to {action['Action']}"))
            self._metrics.pending = len(self._pending)
            if self._heartbeat.ping_due(now):
                self.send(actions.ping(), self._timing.dead_after_s, self._ponged)
            if self._heartbeat.dead(now):
                self.end("no sign of life")

    def _ponged(self, _messages: object, error: AmiError | None) -> None:
        if error is None:
            self._heartbeat.pong(monotonic())

    def _give_up(self, action: Action, error: AmiError) -> None:
        self._pending.pop(action.id, None)
        if self._protocol is not None:
            self._protocol.responses.pop(action.id, None)
        if not action.future.done():
            action.future.set_exception(error)

    def _done(
        self, action: Action, wanted: AmiAction[Any], future: asyncio.Future[Message | list[Message]], done: Done
    ) -> None:
        self._pending.pop(action.id, None)
        error = future.exception()
        if error is not None:
            assert isinstance(error, AmiError)
            self._metrics.count(wanted.name, type(error).__name__.removeprefix("Ami").lower())
            done([], error)
            return
        messages = as_dicts(future.result())
        refused = [message for message in messages[:1] if message.get("Response") != "Success"]
        self._metrics.count(wanted.name, "refused" if refused else "ok")
        done(messages, AmiError(refused[0].get("Message", "refused")) if refused else None)

    def _take(self, message: Message) -> None:
        headers = dict(message.items())
        try:
            event = read(EVENTS, headers)
        except msgspec.ValidationError:
            self._metrics.undecodable += 1
            return
        if event is None:
            return
        if isinstance(event, FullyBooted):
            self.booted.set()
        self._metrics.event(type(event).__name__).seen += 1
        self._deliver(event)


def _settle(future: asyncio.Future[AmiError | None], error: AmiError | None) -> None:
    if not future.done():
        future.set_result(error)
