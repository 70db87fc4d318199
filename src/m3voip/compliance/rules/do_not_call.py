"""Nobody is called who is in the tenant's do-not-call register."""

from __future__ import annotations

from m3voip.compliance.evidence import Evidence
from m3voip.compliance.subject import Subject
from m3voip.core.clearance import Verdict

NAME = "do_not_call"


def judge(subject: Subject, evidence: Evidence) -> Verdict:
    """Refuses who is listed."""
    return Verdict(
        rule=NAME,
        passed=not evidence.listed,
        inputs={"digits": subject.digits, "listed": evidence.listed},
        why="the number is in your do-not-call register" if evidence.listed else "",
        do="do not call it; whoever has the right to may take it out by DELETE /v1/tm/dnc/{id}"
        if evidence.listed
        else "",
    )
