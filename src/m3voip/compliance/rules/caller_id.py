"""The number that is shown is one that is verified to be the tenant's (bar S-15). Without one nothing is dialled."""

from __future__ import annotations

from m3voip.compliance.evidence import Evidence
from m3voip.compliance.subject import Subject
from m3voip.core.clearance import Verdict

NAME = "caller_id"


def judge(_: Subject, evidence: Evidence) -> Verdict:
    """Refuses one that is not verified, and none at all."""
    chosen = choose(evidence)
    why = ""
    if evidence.shown and not chosen:
        why = "this caller id is not verified to be yours"
    elif not chosen:
        why = "there is no verified caller id to show"
    return Verdict(
        rule=NAME,
        passed=bool(chosen),
        inputs={"asked": evidence.shown, "offers": evidence.offers, "verified": tuple(sorted(evidence.verified))},
        why=why,
        do="verify the number by POST /v1/tm/caller-ids" if why else "",
    )


def choose(evidence: Evidence) -> str:
    """The one that was asked for, or else the first of the offers that is verified; "" when there is none."""
    wanted = (evidence.shown,) if evidence.shown else evidence.offers
    return next((number for number in wanted if number in evidence.verified), "")
