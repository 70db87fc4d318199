"""No more calls out in any minute than the tenant's cap (bar S-02)."""

from __future__ import annotations

from m3voip.compliance.evidence import Evidence
from m3voip.compliance.subject import Subject
from m3voip.core.clearance import Verdict

NAME = "calls_per_minute"


def judge(_: Subject, evidence: Evidence) -> Verdict:
    """Refuses one too many."""
    most, recent = evidence.settings.max_calls_per_min, evidence.recent
    return Verdict(
        rule=NAME,
        passed=recent < most,
        inputs={"recent": recent, "most": most},
        why="" if recent < most else f"{recent} calls out began within a minute, and {most} are allowed",
        do="" if recent < most else "wait a minute, or raise maxCallsPerMin in PUT /v1/tm/dial-settings",
    )
