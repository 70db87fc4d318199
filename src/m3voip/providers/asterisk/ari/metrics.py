"""Counts and latencies of the ARI client, kept in plain integers and turned into Prometheus series only when scraped.

Law: labels are routes and event types from our own lists, never ids or numbers; counting costs less than a microsecond.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from m3voip.providers.asterisk.ari.request import Route

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0)
"""Upper bounds of the latency histogram in seconds."""


class RouteStats:
    """One route's answers by outcome and their latency (seconds, answered requests only)."""

    __slots__ = ("buckets", "outcomes", "route", "total")

    def __init__(self, route: Route) -> None:
        self.route = route
        self.outcomes: dict[str, int] = {}
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer."""
        outcome = "ok" if status < 400 else str(status)
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def unanswered(self, outcome: str) -> None:
        """Count `timeout`, `disconnected` or `not_sent`."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


class EventCount:
    """How many events of one type came."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen = 0


class AriMetrics(Collector):
    """Register with a prometheus `CollectorRegistry`. The attributes are written by the client."""

    def __init__(self) -> None:
        self.connected = False
        self.connects = 0
        self.disconnects: dict[str, int] = {}
        self.failed_connects = 0
        self.pending = 0
        self.queued = 0
        self.overruns = 0
        self.unknown_events = 0
        self.undecodable = 0
        self.late_answers = 0
        self.callback_errors = 0
        self._routes: dict[Route, RouteStats] = {}
        self._events: dict[str, EventCount] = {}

    def route(self, route: Route) -> RouteStats:
        """The counts of one route."""
        stats = self._routes.get(route)
        if stats is None:
            stats = self._routes[route] = RouteStats(route)
        return stats

    def event(self, kind: str) -> EventCount:
        """The count of one known event type."""
        return self._events.setdefault(kind, EventCount())

    def collect(self) -> Iterator[Metric]:
        """What a scrape shows."""
        yield GaugeMetricFamily("m3voip_ari_connected", "1 while the ARI socket is up", value=int(self.connected))
        yield GaugeMetricFamily("m3voip_ari_pending_requests", "Requests waiting for an answer", value=self.pending)
        yield GaugeMetricFamily("m3voip_ari_queued_events", "Events waiting for their consumer", value=self.queued)
        for name, text, value in (
            ("connects", "Sockets opened", self.connects),
            ("failed_connects", "Attempts to open a socket that failed", self.failed_connects),
            ("overruns", "Reconnects because the consumer of events was too far behind", self.overruns),
            ("unknown_events", "Events of a type we do not read", self.unknown_events),
            ("undecodable_messages", "Messages that did not fit their type", self.undecodable),
            ("late_answers", "Answers after their request had been given up", self.late_answers),
            ("callback_errors", "Exceptions in consumers of events", self.callback_errors),
        ):
            yield CounterMetricFamily(f"m3voip_ari_{name}", text, value=value)
        ended = CounterMetricFamily("m3voip_ari_disconnects", "Sockets that ended", labels=("reason",))
        for reason, count in self.disconnects.items():
            ended.add_metric((reason,), count)
        yield ended
        events = CounterMetricFamily("m3voip_ari_events", "Events by type", labels=("type",))
        for kind, entry in self._events.items():
            if entry.seen:
                events.add_metric((kind,), entry.seen)
        yield events
        yield from self._requests()

    def _requests(self) -> Iterator[Metric]:
        labels = ("method", "route")
        counts = CounterMetricFamily("m3voip_ari_requests", "Requests by outcome", labels=(*labels, "outcome"))
        latency = HistogramMetricFamily("m3voip_ari_request_seconds", "Time to the answer", labels=labels)
        for route, stats in self._routes.items():
            names = (route.method, route.template)
            for outcome, count in stats.outcomes.items():
                counts.add_metric((*names, outcome), count)
            running, buckets = 0, []
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), stats.buckets, strict=True):
                running += count
                buckets.append((bound, float(running)))
            latency.add_metric(names, buckets=buckets, sum_value=stats.total)
        yield counts
        yield latency
