"""What the dialplan may ask: one file a question, one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from m3voip.providers.asterisk.agi.answers import FloorAnswers
from m3voip.providers.asterisk.agi.questions import blocked, did
from m3voip.providers.asterisk.agi.session import Session

Question = Callable[[Session, FloorAnswers], None]

QUESTIONS: Mapping[str, Question] = {
    "did": did.answer,
    "blocked": blocked.answer,
}
"""By the path of the FastAGI address."""
