"""The number exists as numbers go: it can be read, and its country has numbers like it."""

from __future__ import annotations

from m3voip.compliance.evidence import Evidence
from m3voip.compliance.subject import Subject
from m3voip.core.clearance import Input, Verdict

NAME = "number"


def judge(subject: Subject, evidence: Evidence) -> Verdict:
    """Refuses what cannot be read, and what no telephone has."""
    inputs: dict[str, Input] = {
        "typed": subject.typed,
        "region": evidence.settings.region,
        "emergency": subject.emergency,
    }
    if subject.valid:
        return Verdict(rule=NAME, passed=True, inputs=inputs)
    return Verdict(
        rule=NAME,
        passed=False,
        inputs=inputs,
        why="this is not a number that can be dialled",
        do="send it with its country code, for example +12025550143",
    )
