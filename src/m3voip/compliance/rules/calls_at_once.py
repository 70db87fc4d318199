"""No more calls out at once than the tenant's cap: what a stolen key can cost at a time (bar S-02)."""

from __future__ import annotations

from m3voip.compliance.evidence import Evidence
from m3voip.compliance.subject import Subject
from m3voip.core.clearance import Verdict

NAME = "calls_at_once"


def judge(_: Subject, evidence: Evidence) -> Verdict:
    """Refuses one too many."""
    most, live = evidence.settings.max_calls, evidence.live
    return Verdict(
        rule=NAME,
        passed=live < most,
        inputs={"live": live, "most": most},
        why="" if live < most else f"{live} calls out go on already, and {most} are allowed at once",
        do="" if live < most else "wait until one ends, or raise maxCalls in PUT /v1/tm/dial-settings",
    )
