"""Kinds of fields that several verbs share, with their limits. The limits are checked when a tree is read and are in the
published schema. Names that reach the telephony node are whitelisted here (invariant 4)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from m3voip.ivr.prompts import Prompt

NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"
EXTENSION = r"^[0-9]{2,10}$"
CONFERENCE = r"^[0-9]{2,6}$"
VARIABLE = r"^[a-z][a-z0-9_]{0,31}$"

PATTERN_ADVICE = {
    NAME: "use up to 32 small letters, digits, - and _",
    EXTENSION: "an extension is 2 to 10 digits",
    CONFERENCE: "a conference's number is 2 to 6 digits",
    VARIABLE: "use up to 32 small letters, digits and _, beginning with a letter",
}
"""What to do when a value does not match its pattern."""

NEEDED = "x-needed"
"""Marks a field that lint demands although it can be read without (``dead-end``); the schema then requires it."""

NUMBER_TOO = "x-number-too"
"""Marks a text that looks like a number so often that the schema allows it without quotes."""

Value = Annotated[str, Meta(extra_json_schema={NUMBER_TOO: True})]
Target = Annotated[str, Meta(description="The node to go to next.", extra_json_schema={NEEDED: True})]
Overflow = Annotated[
    str, Meta(description="The node for callers whom no agent took.", extra_json_schema={NEEDED: True})
]
OnError = Annotated[
    str, Meta(description="The node to go to when there was no good answer in time.", extra_json_schema={NEEDED: True})
]
End = Annotated[str, Meta(description="The node to go to next; without it the call ends here.")]
Say = Annotated[Prompt, Meta(description="What the caller hears: a text, or {file: name.wav}.")]
Queue = Annotated[str, Meta(pattern=NAME, description="The queue's name.")]
Box = Annotated[str, Meta(pattern=NAME, description="The mailbox's name.", extra_json_schema={NUMBER_TOO: True})]
NoBox = Annotated[str, Meta(description="Mailbox of last resort, should the service be away when the wait ends.")]
Extension = Annotated[
    str, Meta(pattern=EXTENSION, description="The agent's extension.", extra_json_schema={NUMBER_TOO: True})
]
Conference = Annotated[
    str, Meta(pattern=CONFERENCE, description="The conference's number.", extra_json_schema={NUMBER_TOO: True})
]
Variable = Annotated[str, Meta(pattern=VARIABLE, description="The variable that keeps what the caller typed.")]
KeyWait = Annotated[int, Meta(ge=1, le=60, description="Seconds to wait for a key once the prompt has ended.")]
Retries = Annotated[int, Meta(ge=0, le=9, description="How many more times to ask after the first.")]
RingTime = Annotated[int, Meta(ge=5, le=300, description="Seconds to ring before giving up.")]
QueueTime = Annotated[int, Meta(ge=0, le=14400, description="Seconds to wait in the queue; 0 = no limit.")]
Priority = Annotated[
    int,
    Meta(
        ge=0,
        le=10,
        description="Callers with a higher number are served first; the variable priority of the call counts if it is higher.",
    ),
]
BargeIn = Annotated[bool, Meta(description="Whether a key interrupts the prompt.")]
Record = Annotated[bool, Meta(description="Whether the talk is recorded (the law's rules can still forbid it).")]
Sensitive = Annotated[
    bool, Meta(description="True: the digits are never stored; only the next http node may send them.")
]
Budget = Annotated[
    int, Meta(ge=100, le=5000, description="Milliseconds the CRM may take; the caller waits in silence.")
]
