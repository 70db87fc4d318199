"""Where does this number lead while the service is away?

Asked as `AGI(agi://host/did,<digits>,<caller>)`. Sets M3_FLOOR_QUEUE and M3_FLOOR_BOX, either may be empty; sets neither when the
number has no place or Postgres does not answer, and then the dialplan's own file decides.
"""

from __future__ import annotations

from m3voip.providers.asterisk.agi.answers import FloorAnswers
from m3voip.providers.asterisk.agi.session import Session


def answer(session: Session, answers: FloorAnswers) -> None:
    """Answer the question."""
    floor = answers.floor_for(session.digits("digits", 1), session.digits("caller", 2))
    if floor is not None:
        session.set("M3_FLOOR_QUEUE", floor.queue)
        session.set("M3_FLOOR_BOX", floor.box)
