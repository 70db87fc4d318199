"""Counts of one link to Asterisk, kept in plain integers and turned into Prometheus series only when scraped.

Law: labels come from our own lists (reasons, routes, event types), never from ids or numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class EventCount:
    """How many events of one type came."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen = 0


class LinkMetrics(Collector):
    """Register with a prometheus `CollectorRegistry`. The attributes are written by the client. `prefix`: `m3voip_ari`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.connected = False
        self.connects = 0
        self.failed_connects = 0
        self.disconnects: dict[str, int] = {}
        self.pending = 0
        self.unknown_events = 0
        self.undecodable = 0
        self.late_answers = 0
        self.callback_errors = 0
        self._events: dict[str, EventCount] = {}

    def event(self, kind: str) -> EventCount:
        """The count of one known event type."""
        return self._events.setdefault(kind, EventCount())

    def collect(self) -> Iterator[Metric]:
        """What a scrape shows."""
        prefix = self._prefix
        yield GaugeMetricFamily(f"{prefix}_connected", "1 while the link is up", value=int(self.connected))
        yield GaugeMetricFamily(f"{prefix}_pending_requests", "Requests waiting for an answer", value=self.pending)
        for name, text, value in (
            ("connects", "Links opened", self.connects),
            ("failed_connects", "Attempts to open a link that failed", self.failed_connects),
            ("unknown_events", "Events of a type we do not read", self.unknown_events),
            ("undecodable_messages", "Messages that did not fit their type", self.undecodable),
            ("late_answers", "Answers after their request had been given up", self.late_answers),
            ("callback_errors", "Exceptions in consumers of events", self.callback_errors),
        ):
            yield CounterMetricFamily(f"{prefix}_{name}", text, value=value)
        ended = CounterMetricFamily(f"{prefix}_disconnects", "Links that ended", labels=("reason",))
        for reason, count in self.disconnects.items():
            ended.add_metric((reason,), count)
        yield ended
        events = CounterMetricFamily(f"{prefix}_events", "Events by type", labels=("type",))
        for kind, entry in self._events.items():
            if entry.seen:
                events.add_metric((kind,), entry.seen)
        yield events
