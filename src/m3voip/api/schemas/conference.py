"""Conferences, who is in one, and meetings on the wire."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, model_validator

from m3voip.api.fields import Extension, Person, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.queue_settings import Music
from m3voip.api.schemas.recording import RECORDING

ID = "019ab0c4-7777-7a31-9f00-3b1c2d4e5f60"
MEETING_ID = "019ab0c8-1111-7a31-9f00-3b1c2d4e5f60"


def _pin(text: str) -> str:
    if text and not (text.isascii() and text.isdigit() and 4 <= len(text) <= 10):
        raise ValueError("must be 4 to 10 digits, or empty for none.")
    return text


Pin = Annotated[
    str, AfterValidator(_pin), Field(max_length=10, description="4 to 10 digits, or empty for none; never shown again")
]
MaxParties = Annotated[int, Field(ge=2, le=500, description="more are not let in; moderators always are")]
Record = Annotated[
    Literal["always", "on_demand", "never"],
    Field(description="always: from the first party on, which everybody is told; on_demand: by the API"),
]
Announce = Annotated[bool, Field(description="a tone when somebody joins or leaves")]
LockedAtStart = Annotated[bool, Field(description="only moderators get in until one of them unlocks it")]
Wait = Annotated[bool, Field(description="participants hear music until a moderator is there")]
Alone = Annotated[Music, Field(description="what somebody alone hears: a music on hold class, or none")]


class NewConference(Sent):
    """A conference to be made. Its number may not be an agent's extension."""

    number: Extension
    name: Person = ""
    pin: Pin = ""
    moderator_pin: Pin = ""
    max_parties: MaxParties = 50
    record: Record = "never"
    music: Alone = "default"
    announce: Announce = True
    locked_at_start: LockedAtStart = False
    wait_for_moderator: Wait = False
    active: bool = True
    model_config = examples({"number": "800", "name": "Daily", "pin": "2468", "moderatorPin": "135791"})

    @model_validator(mode="after")
    def _can_be_held(self) -> Self:
        if (self.locked_at_start or self.wait_for_moderator) and not self.moderator_pin:
            raise ValueError("moderatorPin: is needed for waitForModerator and lockedAtStart.")
        if self.pin and self.pin == self.moderator_pin:
            raise ValueError("moderatorPin: must differ from pin.")
        return self


class ConferenceChange(Sent):
    """What to change; what is left out stays. In effect for who joins next; a meeting that goes on keeps its limits."""

    number: Extension = unset()
    name: Person = unset()
    pin: Pin = unset()
    moderator_pin: Pin = unset()
    max_parties: MaxParties = unset()
    record: Record = unset()
    music: Alone = unset()
    announce: Announce = unset()
    locked_at_start: LockedAtStart = unset()
    wait_for_moderator: Wait = unset()
    active: bool = unset()
    model_config = examples({"pin": "8642"})


_CONFERENCE: dict[str, JsonValue] = {
    "id": ID, "number": "800", "name": "Daily", "hasPin": True, "hasModeratorPin": True, "maxParties": 50,
    "record": "never", "music": "default", "announce": True, "lockedAtStart": False, "waitForModerator": False,
    "active": True, "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class Conference(Wire):
    """A conference: what people call to talk together."""

    id: UUID
    number: str = Field(description="what agents' phones dial, and what a tree's conference verb names")
    name: str
    has_pin: bool
    has_moderator_pin: bool
    max_parties: int
    record: Literal["always", "on_demand", "never"]
    music: str
    announce: bool
    locked_at_start: bool
    wait_for_moderator: bool
    active: bool
    created_at: Time
    updated_at: Time
    model_config = examples(_CONFERENCE)


class ConferencePage(Page[Conference]):
    """Conferences in the order they were made."""

    model_config = page_of(_CONFERENCE)


_PARTY: dict[str, JsonValue] = {
    "partyId": "1763892000.12", "callId": None, "number": "101", "moderator": True, "muted": False, "waiting": False,
    "joinedAt": "2026-11-23T10:00:00Z",
}  # fmt: skip


class Party(Wire):
    """Somebody in the conference now."""

    party_id: str
    call_id: UUID | None = Field(description="null for an agent's own phone call")
    number: str = Field(description="the caller's number, or the agent's extension")
    moderator: bool
    muted: bool
    waiting: bool = Field(description="hears music until a moderator is there")
    joined_at: Time | None = Field(description="null for the moment until it is written down")
    model_config = examples(_PARTY)


class Roster(Wire):
    """Who is in the conference now, in the order of joining; asked of Asterisk at this moment."""

    meeting_id: UUID | None = Field(
        description="null when nobody is in it, and for the moment until it is written down"
    )
    locked: bool
    recording: bool
    parties: list[Party]
    model_config = examples({"meetingId": MEETING_ID, "locked": False, "recording": False, "parties": [_PARTY]})


_MEETING: dict[str, JsonValue] = {
    "id": MEETING_ID, "conferenceId": ID, "number": "800", "name": "Daily", "startedAt": "2026-11-23T10:00:00Z",
    "endedAt": "2026-11-23T10:15:00Z", "parties": 3,
}  # fmt: skip


class Meeting(Wire):
    """One holding of a conference: from the first party that joined to the last that left."""

    id: UUID
    conference_id: UUID
    number: str
    name: str
    started_at: Time
    ended_at: Time | None = Field(description="null while it goes on")
    parties: int = Field(description="how many joined; who came back counts again")
    model_config = examples(_MEETING)


class MeetingPage(Page[Meeting]):
    """Meetings, newest first."""

    model_config = page_of(_MEETING)


_STAY: dict[str, JsonValue] = {
    "partyId": "1763892000.12", "callId": None, "number": "101", "moderator": True,
    "joinedAt": "2026-11-23T10:00:00Z", "leftAt": "2026-11-23T10:15:00Z",
}  # fmt: skip


class Stay(Wire):
    """One party in a meeting, from joining to leaving."""

    party_id: str
    call_id: UUID | None
    number: str
    moderator: bool
    joined_at: Time
    left_at: Time | None
    model_config = examples(_STAY)


_RECORDED: dict[str, JsonValue] = {name: value for name, value in RECORDING.items() if name != "callId"}


class MeetingRecording(Wire):
    """A recording of a meeting: everybody together. `POST /v1/tm/recordings/{recordingId}/link` makes a link to it."""

    id: UUID
    duration_sec: float
    size_bytes: int
    sha256: str
    media_type: str
    stored_at: Time
    model_config = examples(_RECORDED)


class MeetingDetail(Meeting):
    """A meeting with everybody who was in it and its recordings."""

    stays: list[Stay]
    recordings: list[MeetingRecording]
    model_config = examples({**_MEETING, "stays": [_STAY], "recordings": [_RECORDED]})
