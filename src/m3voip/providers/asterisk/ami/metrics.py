"""Counts of the AMI client; see `link_metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from m3voip.providers.asterisk.link_metrics import LinkMetrics


class AmiMetrics(LinkMetrics):
    """Register with a prometheus `CollectorRegistry`. The attributes are written by the client."""

    def __init__(self) -> None:
        super().__init__("m3voip_ami")
        self._actions: Counter[tuple[str, str]] = Counter()

    def count(self, action: str, outcome: str) -> None:
        """Count an action: ok, refused, timeout, disconnected, not_sent."""
        self._actions[action, outcome] += 1

    def count_unknown(self) -> None:
        """Count an event nobody reads."""
        self.unknown_events += 1

    def collect(self) -> Iterator[Metric]:
        """What a scrape shows."""
        yield from super().collect()
        actions = CounterMetricFamily("m3voip_ami_actions", "Actions by outcome", labels=("action", "outcome"))
        for names, count in self._actions.items():
            actions.add_metric(names, count)
        yield actions
