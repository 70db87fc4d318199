"""A talk to begin a story with: a caller and an agent who hear each other, and a second agent close by."""

from __future__ import annotations

from m3voip.phones import Answer, Softphone
from m3voip.phones.incoming import IncomingCall
from m3voip.phones.outgoing import OutgoingCall
from tests.support.hearing import hears_music
from tests.support.office import Api, Json

CALLER, FIRST, SECOND = 440, 1870, 1230
"""What the caller, agent 101, and agent 104 say (Hz)."""


class Talk:
    """A caller and agent 101 who talk, and the phone of agent 104."""

    def __init__(
        self, api: Api, call_id: str, caller: OutgoingCall, agent: IncomingCall, other: Softphone, first: Softphone
    ) -> None:
        self.api, self.id, self.caller, self.agent, self.other = api, call_id, caller, agent, other
        self.agent_phone = first

    async def ask(self, what: str, *, expect: int = 202, **body: object) -> Json:
        return await self.api.ask("POST", f"/v1/tm/calls/{self.id}/{what}", expect=expect, json=body or None)

    async def consult(self, after: float = 0.2) -> IncomingCall:
        """Ask 104 for advice; returns their call once caller is held and both agents talk."""
        self.other.on_invite = Answer(after=after, tone=SECOND)
        await self.ask("consult", extension="104")
        second = await self.other.next_call(10, after=0)
        await second.hear_tone(FIRST, within=10)
        await self.agent.hear_tone(SECOND, within=10)
        await hears_music(self.caller, FIRST, SECOND)
        return second

    async def parties(self) -> dict[str, tuple[str, str]]:
        """Extension ("" is the caller) → role and place."""
        found = await self.api.get(f"/v1/tm/calls/{self.id}/parties")
        return {party["extension"]: (party["role"], party["place"]) for party in found["parties"]}

    async def all_parties(self) -> list[Json]:
        """As the API shows them."""
        found: list[Json] = (await self.api.get(f"/v1/tm/calls/{self.id}/parties"))["parties"]
        return found

    async def ended(self, number: str) -> Json:
        call = await self.api.ended(number)
        assert call["id"] == self.id
        return call
