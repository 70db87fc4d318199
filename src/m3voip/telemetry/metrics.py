"""Metrics: where every part of the service makes its counters, so that one scrape shows all of them.

Law: a name begins with ``m3voip_``; no label holds a number, a name, an id or anything else without a small fixed set
of values (bar E-12). What is made once per process may live in the library's own registry; what is made per object
(one API of several in a test) is made by that object's ``Meters``. A scrape shows both.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.02, 0.05, 0.12, 0.35, 1.0, 2.5)
"""Histogram bounds around the latencies the contract promises (120, 350 ms) and the 2 s budget."""

FORBIDDEN_LABELS = frozenset(
    {
        "call", "call_id", "caller", "number", "phone", "name", "did", "ani", "dnis", "channel", "leg", "email", "key",
        "id",
    }
)  # fmt: skip

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Meters:
    """Makes metrics in a registry of its own and renders them together with the process's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)

    def counter(self, name: str, doc: str, labels: Sequence[str] = ()) -> Counter:
        """A count that only grows; ``name`` without ``_total``."""
        _allowed(name, labels)
        return Counter(name, doc, labels, registry=self.registry)

    def gauge(self, name: str, doc: str, labels: Sequence[str] = ()) -> Gauge:
        """A figure that goes up and down."""
        _allowed(name, labels)
        return Gauge(name, doc, labels, registry=self.registry)

    def histogram(
        self, name: str, doc: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS
    ) -> Histogram:
        """A distribution, seconds unless ``buckets`` say otherwise."""
        _allowed(name, labels)
        return Histogram(name, doc, labels, buckets=buckets, registry=self.registry)

    def render(self) -> bytes:
        """The scrape, in Prometheus's text format (``CONTENT_TYPE``)."""
        return generate_latest(self.registry) + generate_latest(REGISTRY)


def _allowed(name: str, labels: Sequence[str]) -> None:
    if not name.startswith("m3voip_"):
        raise ValueError(f"metric {name!r} must begin with m3voip_")
    if bad := FORBIDDEN_LABELS.intersection(labels):
        raise ValueError(f"metric {name!r} must not carry the labels {sorted(bad)}: they name people or calls")
