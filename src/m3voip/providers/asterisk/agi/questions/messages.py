"""The menu of a mailbox, by telephone. Not a question: a dialogue, as long as the agent wishes.

Asked as `AGI(agi://host/messages,<box>@<context>)` from a phone that the box belongs to, and as
`AGI(agi://host/any-messages,<context>)` from any phone of a company, where box and PIN are asked for. A wrong PIN three times
ends it. Ends without success when it cannot go on; the dialplan says so then.
"""

from __future__ import annotations

from m3voip.core.errors import ProviderError
from m3voip.providers.asterisk.agi.boxes import PhoneBoxes
from m3voip.providers.asterisk.agi.line import Line
from m3voip.providers.asterisk.agi.menu import BoxMenu
from m3voip.providers.asterisk.agi.session import Session

TRIES = 3


def own(session: Session, boxes: PhoneBoxes) -> None:
    """The phone's own box, without a PIN."""
    seen = boxes.store.seen(session.token(1))
    if seen is None:
        raise ProviderError("a phone's mailbox does not exist", retryable=False)
    BoxMenu(Line(session, boxes), boxes, seen).run()


def anybody(session: Session, boxes: PhoneBoxes) -> None:
    """Any box of the company, by its PIN."""
    line = Line(session, boxes)
    for sorry in ("", *(["That is not right. "] * (TRIES - 1))):
        box = line.ask(f"{sorry}Please type the number of the mailbox, then pound.", most=10)
        pin = line.ask("And its PIN, then pound.", most=10) if box else ""
        seen = boxes.store.by_pin(session.token(1), box, pin) if pin else None
        if seen is not None:
            BoxMenu(line, boxes, seen).run()
            return
    line.say("That is not right. Goodbye.")
