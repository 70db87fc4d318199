"""Clearances for tests, by the gate itself: an easy one to pass."""

from __future__ import annotations

from uuid import UUID

from m3voip.compliance import gate
from m3voip.compliance.evidence import DialSettings, Evidence
from m3voip.compliance.subject import read
from m3voip.config import DEFAULT_TENANT
from m3voip.core.clearance import Clearance

ATTEMPT = UUID(int=77)


def a_clearance(number: str = "+12025550143", caller_id: str = "+12025550100", attempt: UUID = ATTEMPT) -> Clearance:
    """For a number in the United States."""
    evidence = Evidence(
        settings=DialSettings(region="US", max_calls=1, max_calls_per_min=1), listed=False, shown=caller_id, offers=(),
        verified=frozenset({caller_id}), live=0, recent=0, trunks=("a",), trunks_skipped=(),
    )  # fmt: skip
    clearance = gate.clear(gate.decide(read(number, "US"), evidence), attempt_id=attempt, tenant_id=DEFAULT_TENANT)
    assert clearance is not None
    return clearance
