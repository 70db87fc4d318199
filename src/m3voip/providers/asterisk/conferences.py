"""Conferences over AMI: what they tell in the engine's words, and orders about them (ports.ConferenceNode).

Law: a question is answered by Asterisk at that moment; nothing about a running conference is kept here, so nothing drifts.
AMI's own recording of conferences takes a right that is as good as a shell, so a recorder is a party of ours that says
nothing (dialplans/to-conference.conf); it is in no roster and no meeting's history.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar
from uuid import UUID

from m3voip.core import conference as co
from m3voip.core.errors import ProviderError
from m3voip.providers.asterisk.ami import conferences as do
from m3voip.providers.asterisk.ami import events as ami
from m3voip.providers.asterisk.ami.actions import AmiAction
from m3voip.providers.asterisk.ami.client import AmiClient
from m3voip.providers.asterisk.ami.errors import AmiError, AmiNotSent
from m3voip.providers.asterisk.ari import channels
from m3voip.providers.asterisk.ari.client import AriClient
from m3voip.providers.asterisk.ari.errors import AriError
from m3voip.providers.asterisk.translate import RECORDER, is_recorder

T = TypeVar("T")

SO_ALREADY = (404, 409)
"""ARI's answers to hanging up a recorder that is not there, and to making one that is."""


class AsteriskConferences:
    """All conferences of one Asterisk."""

    def __init__(self, client: AmiClient, ari: AriClient, app: str) -> None:
        self._client = client
        self._ari = ari
        self._app = app

    async def roster(self, conference: UUID) -> co.Roster | None:
        """Who is in it now; None when nobody is."""
        name = co.conference_name(conference)
        rooms = await self._ask(do.running())
        room = next((one for one in rooms or () if one.conference == name), None)
        if room is None:
            return None
        parties = await self._ask(do.parties(name)) or ()
        people = tuple(_party(one) for one in parties if not is_recorder(one.uniqueid))
        return co.Roster(locked=room.locked == ami.YES, parties=people) if people else None

    async def present(self) -> frozenset[str]:
        """The legs of everybody in any conference."""
        rooms = await self._ask(do.running())
        present: set[str] = set()
        for one in rooms or ():
            if co.conference_id(one.conference):
                parties = await self._ask(do.parties(one.conference)) or ()
                present.update(party.uniqueid for party in parties)
        return frozenset(present)

    async def mute(self, conference: UUID, party: co.Party | None, *, on: bool) -> bool:
        """Mute or unmute one party, or everybody but moderators."""
        channel = do.PARTICIPANTS if party is None else party.channel
        return await self._order(do.mute(co.conference_name(conference), channel, on=on))

    async def kick(self, conference: UUID, party: co.Party | None) -> bool:
        """Put one party out, or everybody: that ends the meeting."""
        channel = do.EVERYBODY if party is None else party.channel
        return await self._order(do.kick(co.conference_name(conference), channel))

    async def lock(self, conference: UUID, *, on: bool) -> bool:
        """Let only moderators in, or everybody again."""
        return await self._order(do.lock(co.conference_name(conference), on=on))

    async def record(self, conference: UUID, *, on: bool) -> bool:
        """Begin or stop recording on demand."""
        name = co.conference_name(conference)
        recorder = f"{RECORDER}{name}"
        try:
            if on:
                endpoint = f"Local/{name}@conference-recorder/n"
                await self._ari.call(
                    channels.originate(endpoint, app=self._app, channel_id=recorder, app_args=("recorder",))
                )
            else:
                await self._ari.call(channels.hangup(recorder))
        except AriError as error:
            if error.status in SO_ALREADY:
                return False
            raise ProviderError("Asterisk cannot be reached", retryable=True) from error
        return True

    def lock_now(self, conference: UUID) -> None:
        """The same without waiting; a conference that has ended meanwhile needs no lock."""
        self._client.submit(do.lock(co.conference_name(conference), on=True), lambda _error: None)

    async def _order(self, action: AmiAction[None]) -> bool:
        try:
            await self._client.call(action)
        except AmiError as error:
            if error.outcome_unknown or isinstance(error, AmiNotSent):
                raise ProviderError("Asterisk cannot be reached", retryable=True) from error
            return False  # no such conference or party any more, or it is so already
        return True

    async def _ask(self, action: AmiAction[T]) -> T | None:
        """The answer; None where Asterisk says that there is nothing."""
        try:
            return await self._client.call(action)
        except AmiError as error:
            if error.outcome_unknown or isinstance(error, AmiNotSent):
                raise ProviderError("Asterisk cannot be reached", retryable=True) from error
            return None


def conference_event(event: ami.AmiEvent, now: datetime) -> co.ConferenceEvent | None:  # noqa: PLR0911  # a table
    """What concerns a conference of ours."""
    if not isinstance(event, ami.InConference):
        return None
    conference = co.conference_id(event.conference)
    if conference is None:
        return None
    at = event.at(now)
    match event:
        case ami.ConfbridgeJoin() | ami.ConfbridgeLeave() if is_recorder(event.uniqueid):
            return co.RecordingTurned(conference=conference, at=at, on=isinstance(event, ami.ConfbridgeJoin))
        case ami.ConfbridgeStart():
            return co.ConferenceBegan(conference=conference, at=at)
        case ami.ConfbridgeJoin():
            moderator = event.admin == ami.YES
            return co.PartyJoined(
                conference=conference, at=at, leg=event.uniqueid, number=event.caller_number, moderator=moderator
            )
        case ami.ConfbridgeLeave():
            return co.PartyLeft(conference=conference, at=at, leg=event.uniqueid)
        case ami.ConfbridgeMute() | ami.ConfbridgeUnmute():
            muted = isinstance(event, ami.ConfbridgeMute)
            return co.PartyMuted(conference=conference, at=at, leg=event.uniqueid, muted=muted)
        case ami.ConfbridgeRecord() | ami.ConfbridgeStopRecord():
            return co.RecordingTurned(conference=conference, at=at, on=isinstance(event, ami.ConfbridgeRecord))
        case _:
            return None


def _party(seen: ami.ConfbridgeList) -> co.Party:
    return co.Party(
        leg=seen.uniqueid,
        channel=seen.channel,
        number=seen.caller_number,
        moderator=seen.admin == ami.YES,
        muted=seen.muted == ami.YES,
        waiting=seen.waiting == ami.YES,
    )
