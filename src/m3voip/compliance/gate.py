"""The gate: the only place that can make a ``Clearance``. Every rule is asked, in the order of ``rules.RULES``, and one no is
enough. An emergency number passes all rules but the one without which there is nothing to dial through.

Law: ``clear`` is called in the transaction that has recorded the decision (storage/postgres/admin/attempts.py) and nowhere
else; tests/architecture/test_clearance.py sees to both.
"""

from __future__ import annotations

from uuid import UUID

from m3voip.compliance.evidence import Evidence
from m3voip.compliance.rules import RULES, caller_id, trunk
from m3voip.compliance.subject import Subject
from m3voip.core.clearance import Clearance, Decision, Kind, Verdict
from m3voip.core.seal import SEAL

EMERGENCY = "emergency"


def decide(subject: Subject, evidence: Evidence) -> Decision:
    """Ask every rule. Pure: the same evidence gives the same decision, now or years later."""
    verdicts = tuple(judge(subject, evidence) for judge in RULES.values())
    if subject.emergency:
        verdicts = tuple(_let_pass(one) for one in verdicts)
    return Decision(
        kind=Kind.EMERGENCY if subject.emergency else Kind.HAND_DIALLED,
        number=subject.number,
        caller_id=caller_id.choose(evidence),
        verdicts=verdicts,
    )


def clear(decision: Decision, *, attempt_id: UUID, tenant_id: UUID) -> Clearance | None:
    """The clearance of an attempt that has just been recorded; None where it was refused. Raises TypeError for a decision that
    not every rule was asked for."""
    if tuple(verdict.rule for verdict in decision.verdicts) != tuple(RULES):
        raise TypeError("this is no decision of the gate")
    if not decision.cleared:
        return None
    return Clearance(
        SEAL,
        attempt_id=attempt_id,
        tenant_id=tenant_id,
        number=decision.number,
        caller_id=decision.caller_id,
        kind=decision.kind,
    )


def _let_pass(verdict: Verdict) -> Verdict:
    """What the rule would have said stays written down."""
    if verdict.passed or verdict.rule == trunk.NAME:
        return verdict
    return Verdict(rule=verdict.rule, passed=True, inputs={**verdict.inputs, EMERGENCY: True, "otherwise": verdict.why})
