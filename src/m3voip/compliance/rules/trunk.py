"""There is a trunk that can carry the call now. The one rule that holds for emergency numbers, too."""

from __future__ import annotations

from m3voip.compliance.evidence import Evidence
from m3voip.compliance.subject import Subject
from m3voip.core.clearance import Verdict

NAME = "trunk"


def judge(_: Subject, evidence: Evidence) -> Verdict:
    """Refuses when there is none."""
    why = do = ""
    if not evidence.trunks:
        why = "no trunk can carry the call now"
        do = (
            f"look at the trunks: {'; '.join(evidence.trunks_skipped)}"
            if evidence.trunks_skipped
            else "connect a carrier with a host by POST /v1/tm/trunks"
        )
    return Verdict(
        rule=NAME,
        passed=not why,
        inputs={"trunks": evidence.trunks, "skipped": evidence.trunks_skipped},
        why=why,
        do=do,
    )
