"""May a caller speak to this mailbox, for how long, and what is said first?

Asked as `AGI(agi://host/box,<box>@<context>)`. Sets M3_BOX_STATE (open, full, unknown), M3_MESSAGE_SECONDS and, where the box
has a greeting of its own, M3_GREETING; sets nothing when Postgres does not answer: then the standard greeting is played and
the message taken.
"""

from __future__ import annotations

from m3voip.providers.asterisk.agi.boxes import PhoneBoxes
from m3voip.providers.asterisk.agi.session import Session

BUDGET_S = 2.5
"""A greeting may have to be rendered; the dialplan gives up after three seconds."""


def answer(session: Session, boxes: PhoneBoxes) -> None:
    """Answer the question. The greeting comes last, because it may come too late."""
    session.allow(BUDGET_S)
    seen = boxes.store.seen(session.token(1))
    if seen is None:
        session.set("M3_BOX_STATE", "unknown")
        return
    session.set("M3_BOX_STATE", "full" if seen.full else "open")
    session.set("M3_MESSAGE_SECONDS", str(seen.seconds))
    if not seen.full:
        session.set("M3_GREETING", boxes.greeting(seen))
