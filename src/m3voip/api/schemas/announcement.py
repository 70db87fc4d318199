"""What queues say, on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from m3voip.api.fields import Sent, examples
from m3voip.ivr.prompts import FILE_NAME


def _sayable(text: str) -> str:
    if not any(letter.isalnum() for letter in text) or "{" in text or "}" in text:
        raise ValueError("must have words to say, and no braces: a queue knows no variables.")
    return text


Words = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=500), AfterValidator(_sayable)]
FileName = Annotated[str, StringConstraints(pattern=rf"^{FILE_NAME.pattern}$")]


class Announcement(Sent):
    """A text to be spoken, or a file of the prompt folder."""

    text: Words | None = None
    file: FileName | None = Field(default=None, description="like welcome.wav, in the folder `prompts` of the trees")
    model_config = examples({"text": "Sales call."}, {"file": "sales.wav"})

    @model_validator(mode="after")
    def _one(self) -> Announcement:
        if (self.text is None) == (self.file is None):
            raise ValueError("must have either text or file.")
        return self


JoinAnnouncement = Annotated[Announcement | None, Field(description="heard by the caller before the wait begins")]
AgentAnnouncement = Annotated[
    Announcement | None, Field(description="heard by the agent before the talk begins, and not by the caller")
]
PeriodicAnnouncements = Annotated[
    list[Announcement], Field(max_length=10, description="heard by waiting callers, one after the other")
]
