"""What is asked of calls in progress, and who is in one, on the wire."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from m3voip.api.fields import DIALLED, Extension, Number, Sent, Wire, examples
from m3voip.api.schemas.call import ID
from m3voip.core.call import State
from m3voip.core.parties import Place, Role, TargetKind

TargetName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
    Field(description="an extension, a queue's name, a mailbox's number, or a node of the call's tree"),
]
DialledNumber = Annotated[
    str,
    StringConstraints(pattern=DIALLED),
    Field(description="number outside: E.164, as it is dialled in the tenant's own country, or an emergency number"),
]
Inside = Literal[TargetKind.EXTENSION, TargetKind.QUEUE, TargetKind.VOICEMAIL, TargetKind.NODE]
Keys = Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D]{1,32}$"), Field(description="0-9 * # A-D")]


class Transfer(Sent):
    """Where the caller is handed on to: `kind` and `name`, or `number` for one outside (see `add` for `callerId`)."""

    kind: Inside | None = None
    name: TargetName | None = None
    number: DialledNumber | None = None
    caller_id: Number | None = None
    model_config = examples(
        {"kind": "queue", "name": "support"}, {"kind": "extension", "name": "102"}, {"number": "+12025550143"}
    )


class Guest(Sent):
    """Another agent, by `extension`, or a number outside, by `number`. `callerId` is the number shown to the latter: one that is
    verified; left out, the tenant's, the trunk's, or the one that was called."""

    extension: Extension | None = None
    number: DialledNumber | None = None
    caller_id: Number | None = None
    model_config = examples({"extension": "102"}, {"number": "+12025550143"})


class Dropped(Sent):
    """A guest: an agent or a number outside."""

    extension: Extension | None = None
    number: Number | None = None
    model_config = examples({"extension": "102"}, {"number": "+12025550143"})


class Other(Sent):
    """Another agent."""

    extension: Extension
    model_config = examples({"extension": "102"})


class Muting(Sent):
    """Whose voice is muted; without an extension the caller's."""

    extension: Extension | None = None
    on: bool = True
    model_config = examples({"extension": "101", "on": True})


class Digits(Sent):
    """Keys for the caller's side."""

    digits: Keys
    model_config = examples({"digits": "12#"})


class Parked(Wire):
    """Where the call can be picked up."""

    ok: bool = True
    slot: int = Field(description="dial *8 and this number, or pick the call up by its id")
    model_config = examples({"ok": True, "slot": 701})


class PartyInCall(Wire):
    """One who is in the call."""

    role: Role
    extension: str = Field(description="empty for the caller and for numbers outside")
    number: str = Field(default="", description="a number outside; empty for others")
    place: Place = Field(description="`main`: with the caller; `aside`: away from them, on hold or consulting")
    answered: bool = Field(description="false while the phone rings")
    muted: bool


class Parties(Wire):
    """Who is in a call at this moment."""

    call_id: UUID
    state: State
    slot: int | None = Field(description="where the call is parked")
    parties: list[PartyInCall] = Field(description="empty while nobody talks to the caller")
    model_config = examples(
        {
            "callId": ID, "state": "in_hand", "slot": None,
            "parties": [
                {"role": "caller", "extension": "", "number": "", "place": "main", "answered": True, "muted": False},
                {"role": "agent", "extension": "101", "number": "", "place": "aside", "answered": True, "muted": False},
                {"role": "guest", "extension": "102", "number": "", "place": "aside", "answered": False, "muted": False},
            ],
        }
    )  # fmt: skip
