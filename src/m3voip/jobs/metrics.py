"""What the background jobs count."""

from __future__ import annotations

from prometheus_client import Counter

JOBS_DONE = Counter("m3voip_jobs_done", "Pieces of background work done", ["job"])
JOB_FAILURES = Counter(
    "m3voip_job_failures", "Pieces of background work that failed and wait for the next round", ["job"]
)
