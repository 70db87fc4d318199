"""What storage counts. No number, name or call id is ever a label (bar E-12)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

UNSAVED_ROWS = Gauge("m3voip_facts_unsaved", "Facts in memory that Postgres does not have yet")
UNSAVED_AGE = Gauge("m3voip_facts_unsaved_age_seconds", "Age of the oldest fact that Postgres does not have yet")
JOURNAL_BEHIND = Gauge(
    "m3voip_facts_from_journal", "1 while facts wait in the journal because memory holds enough of them"
)
JOURNAL_FAILURES = Counter("m3voip_journal_failures", "Facts that could not be written to the journal (disk full?)")
BATCHES = Counter("m3voip_fact_batches", "Batches of facts committed")
ROWS = Counter("m3voip_facts_saved", "Facts committed")
COMMIT_SECONDS = Histogram(
    "m3voip_fact_commit_seconds",
    "Time to commit one batch of facts",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
COMMIT_FAILURES = Counter("m3voip_fact_commit_failures", "Failed attempts to commit a batch", ["why"])
OUT_OF_STEP = Counter("m3voip_facts_out_of_step", "Batches that did not follow what is stored: each is a bug")
REFUSED = Counter("m3voip_facts_refused", "Facts that Postgres refused for good, kept in a file: each is a bug")
