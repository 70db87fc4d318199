"""What the dialplan may ask: one file a question, one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from m3voip.providers.asterisk.agi.answers import FloorAnswers
from m3voip.providers.asterisk.agi.boxes import PhoneBoxes
from m3voip.providers.asterisk.agi.questions import blocked, box, did, messages
from m3voip.providers.asterisk.agi.session import Session

Question = Callable[[Session, FloorAnswers], None]
BoxQuestion = Callable[[Session, PhoneBoxes], None]

QUESTIONS: Mapping[str, Question] = {
    "did": did.answer,
    "blocked": blocked.answer,
}
"""By the path of the FastAGI address."""

BOX_QUESTIONS: Mapping[str, BoxQuestion] = {
    "box": box.answer,
}
"""About mailboxes."""

DIALOGUES: Mapping[str, BoxQuestion] = {
    "messages": messages.own,
    "any-messages": messages.anybody,
}
"""With a person, who takes time."""
