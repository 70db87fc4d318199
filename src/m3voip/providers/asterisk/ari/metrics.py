"""Counts and latencies of the ARI client, kept in plain integers and turned into Prometheus series only when scraped.

Law: labels are routes and event types from our own lists, never ids or numbers; counting costs less than a microsecond.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from m3voip.providers.asterisk.ari.request import Route
from m3voip.providers.asterisk.link_metrics import LinkMetrics

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


class AriMetrics(LinkMetrics):
    """Register with a prometheus `CollectorRegistry`. The attributes are written by the client."""

    def __init__(self) -> None:
        super().__init__("m3voip_ari")
        self.queued = 0
        self.overruns = 0
        self._routes: dict[Route, RouteStats] = {}

    def route(self, route: Route) -> RouteStats:
        """The counts of one route."""
        stats = self._routes.get(route)
        if stats is None:
            stats = self._routes[route] = RouteStats(route)
        return stats

    def collect(self) -> Iterator[Metric]:
        """What a scrape shows."""
        yield from super().collect()
        yield GaugeMetricFamily("m3voip_ari_queued_events", "Events waiting for their consumer", value=self.queued)
        yield CounterMetricFamily(
            "m3voip_ari_overruns", "Reconnects because the consumer of events was too far behind", value=self.overruns
        )
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
