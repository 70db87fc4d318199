"""Is this caller turned away?

Asked as `AGI(agi://host/blocked,<caller>,<digits of the number called>)`. Sets M3_BLOCKED to yes or no; sets nothing
when Postgres does not answer: a caller is never turned away by a fault.
"""

from __future__ import annotations

from m3voip.providers.asterisk.agi.answers import FloorAnswers
from m3voip.providers.asterisk.agi.session import Session


def answer(session: Session, answers: FloorAnswers) -> None:
    """Answer the question."""
    caller, called = session.digits("number", 1), session.digits("did", 2)
    session.set("M3_BLOCKED", "yes" if caller and answers.is_blocked(caller, called) else "no")
