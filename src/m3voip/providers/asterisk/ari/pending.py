"""Requests on their way: each gets exactly one outcome — an answer, a refusal, a timeout, or the end of the connection.

Law: one table and one sweep for all deadlines; no timer and no task per request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from m3voip.providers.asterisk.ari.codec import Answer, refusal
from m3voip.providers.asterisk.ari.errors import AriDisconnected, AriError, AriReplaced, AriTimeout
from m3voip.providers.asterisk.ari.metrics import AriMetrics, RouteStats
from m3voip.providers.asterisk.ari.request import Request

OnError = Callable[[AriError], None]


class Waiting:
    """One request. Exactly one of `future` and `on_error` is set."""

    __slots__ = ("deadline", "future", "on_error", "request", "started", "stats")

    def __init__(
        self,
        request: Request[Any],
        stats: RouteStats,
        started: float,
        deadline: float,
        *,
        future: asyncio.Future[Answer] | None = None,
        on_error: OnError | None = None,
    ) -> None:
        self.request = request
        self.stats = stats
        self.started = started
        self.deadline = deadline
        self.future = future
        self.on_error = on_error

    def answer(self, answer: Answer, now: float) -> None:
        """Deliver Asterisk's answer; a caller that no longer waits is not disturbed."""
        self.stats.answered(answer.status_code, now - self.started)
        if answer.status_code >= 400:
            self.fail(refusal(answer))
        elif self.future is not None and not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: AriError) -> None:
        """Deliver an error."""
        if self.on_error is not None:
            self.on_error(error)
        elif self.future is not None and not self.future.done():
            self.future.set_exception(error)


class PendingRequests:
    """All requests of one connection, by request id."""

    def __init__(self, metrics: AriMetrics) -> None:
        self._metrics = metrics
        self._waiting: dict[str, Waiting] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[str]:
        return iter(self._waiting)

    def add(self, waiting: Waiting) -> str:
        """Take a request in; returns its id on this connection."""
        self._last_id += 1
        request_id = str(self._last_id)
        self._waiting[request_id] = waiting
        return request_id

    def settle(self, request_id: str, answer: Answer, now: float) -> None:
        """An answer came; one for a request already given up is only counted."""
        waiting = self._waiting.pop(request_id, None)
        if waiting is None:
            self._metrics.late_answers += 1
        else:
            waiting.answer(answer, now)

    def give_up(self, request_id: str, error: AriError, outcome: str) -> None:
        """A request gets no answer; without effect when it has its outcome already."""
        waiting = self._waiting.pop(request_id, None)
        if waiting is not None:
            waiting.stats.unanswered(outcome)
            waiting.fail(error)

    def sweep(self, now: float) -> None:
        """Time out what is overdue."""
        for request_id in [key for key, waiting in self._waiting.items() if waiting.deadline <= now]:
            route = self._waiting[request_id].request.route
            self.give_up(request_id, AriTimeout(f"no answer to {route}"), "timeout")

    def end(self, reason: str, *, replaced: bool = False) -> None:
        """The connection is over: everything that waits fails at once."""
        for request_id in list(self._waiting):
            error = AriReplaced() if replaced else AriDisconnected(f"connection ended: {reason}")
            self.give_up(request_id, error, "disconnected")
