"""Conferences: how each works, who is in it now, and orders to those."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import change_row, delete_row, note, page_of_rows
from m3voip.api.errors import ApiError, Code, integration_down, not_found
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import ConferenceId, PartyId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, WATCH, Permission
from m3voip.api.schemas.call import Done
from m3voip.api.schemas.conference import Conference, ConferenceChange, ConferencePage, NewConference, Party, Roster
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.core import conference as co
from m3voip.core.errors import ProviderError
from m3voip.core.phone import as_number
from m3voip.ports import ConferenceNode
from m3voip.storage.postgres.admin import conferences
from m3voip.storage.postgres.admin.conferences import TABLE, ConferenceRow

T = TypeVar("T")

router = APIRouter(prefix="/v1/tm/conferences", tags=["Conferences"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)
_STEER = {**allowed(Permission.SUPERVISE), "responses": guarded(Code.NOT_FOUND, Code.CONFLICT)}


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_conferences(ctx: Ctx, paging: Pages) -> ConferencePage:
    """All conferences. PINs are never shown."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return ConferencePage(items=[Conference(**fields(row)) for row in rows], next_cursor=cursor)


@router.get("/{conferenceId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_conference(ctx: Ctx, conference_id: ConferenceId) -> Conference:
    """One of them."""
    return Conference(**fields(await _row(ctx, conference_id)))


@router.post("", status_code=201, response_model=Conference, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_conference(
    ctx: Ctx, request: Request, body: NewConference, idempotency_key: KeyHeader = None
) -> Response:
    """Make a conference. Phones reach it within a second."""

    async def make(db: Db) -> Conference:
        made = ctx.new_id()
        row = await TABLE.insert(db, ctx.tenant_id, made, _columns(body, made))
        await note(ctx, db, "conference.create", made)
        return Conference(**fields(row))

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{conferenceId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_conference(ctx: Ctx, conference_id: ConferenceId, body: ConferenceChange) -> Conference:
    """Change a conference, for those who join from now on."""
    async with ctx.work() as db:
        row = await change_row(ctx, db, TABLE, conference_id, _columns(body, conference_id, changes=True))
        return Conference(**fields(row))


@router.delete("/{conferenceId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_conference(ctx: Ctx, conference_id: ConferenceId) -> None:
    """Delete a conference. Who is in it may talk on; nobody else gets in. Its meetings stay."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, conference_id)


@router.get("/{conferenceId}/roster", **allowed(*WATCH), responses=guarded(Code.NOT_FOUND))
async def get_roster(ctx: Ctx, conference_id: ConferenceId) -> Roster:
    """Who is in the conference now."""
    row = await _row(ctx, conference_id)
    now = await _asked(ctx.deps.conferences.roster(conference_id))
    async with ctx.work() as db:
        meeting = await conferences.open_meeting(db, ctx.tenant_id, conference_id) if now else None
        known = await conferences.parties(db, ctx.tenant_id, meeting.id) if meeting else []
    stays = {stay.leg: stay for stay in known if stay.left_at is None}
    parties = [_party(one, stays.get(one.leg)) for one in (now.parties if now else ())]
    return Roster(
        meeting_id=meeting.id if meeting else None,
        locked=now.locked if now else False,
        recording=bool(now) and (row.record == "always" or bool(meeting and meeting.recording)),
        parties=parties,
    )


@router.post("/{conferenceId}/mute", **_STEER)
async def mute_conference(ctx: Ctx, conference_id: ConferenceId) -> Done:
    """Mute everybody but moderators. Who joins later can speak."""
    return await _steer(ctx, conference_id, "mute", lambda node: node.mute(conference_id, None, on=True))


@router.post("/{conferenceId}/unmute", **_STEER)
async def unmute_conference(ctx: Ctx, conference_id: ConferenceId) -> Done:
    """Let everybody be heard again."""
    return await _steer(ctx, conference_id, "unmute", lambda node: node.mute(conference_id, None, on=False))


@router.post("/{conferenceId}/lock", **_STEER)
async def lock_conference(ctx: Ctx, conference_id: ConferenceId) -> Done:
    """Let nobody in any more but moderators."""
    return await _steer(ctx, conference_id, "lock", lambda node: node.lock(conference_id, on=True))


@router.post("/{conferenceId}/unlock", **_STEER)
async def unlock_conference(ctx: Ctx, conference_id: ConferenceId) -> Done:
    """Let everybody in again who knows the PIN."""
    return await _steer(ctx, conference_id, "unlock", lambda node: node.lock(conference_id, on=False))


@router.post("/{conferenceId}/recording/start", **_STEER)
async def start_recording(ctx: Ctx, conference_id: ConferenceId) -> Done:
    """Record from now on, where the conference's `record` allows it."""
    _check_on_demand(await _row(ctx, conference_id))
    return await _steer(ctx, conference_id, "recording_start", lambda node: node.record(conference_id, on=True))


@router.post("/{conferenceId}/recording/stop", **_STEER)
async def stop_recording(ctx: Ctx, conference_id: ConferenceId) -> Done:
    """Record no longer. The recording is ready some seconds after the meeting has ended."""
    _check_on_demand(await _row(ctx, conference_id))
    return await _steer(ctx, conference_id, "recording_stop", lambda node: node.record(conference_id, on=False))


@router.post("/{conferenceId}/end", **_STEER)
async def end_meeting(ctx: Ctx, conference_id: ConferenceId) -> Done:
    """End the meeting for all. Callers from outside go on in their tree."""
    return await _steer(ctx, conference_id, "end", lambda node: node.kick(conference_id, None))


@router.post("/{conferenceId}/parties/{partyId}/mute", **_STEER)
async def mute_conference_party(ctx: Ctx, conference_id: ConferenceId, party_id: PartyId) -> Done:
    """Mute one party."""
    party = await _present(ctx, conference_id, party_id)
    return await _steer(ctx, conference_id, "mute", lambda node: node.mute(conference_id, party, on=True), party)


@router.post("/{conferenceId}/parties/{partyId}/unmute", **_STEER)
async def unmute_conference_party(ctx: Ctx, conference_id: ConferenceId, party_id: PartyId) -> Done:
    """Let one party be heard again."""
    party = await _present(ctx, conference_id, party_id)
    return await _steer(ctx, conference_id, "unmute", lambda node: node.mute(conference_id, party, on=False), party)


@router.post("/{conferenceId}/parties/{partyId}/kick", **_STEER)
async def kick_conference_party(ctx: Ctx, conference_id: ConferenceId, party_id: PartyId) -> Done:
    """Put one party out. Nothing keeps them from coming back but a lock or another PIN."""
    party = await _present(ctx, conference_id, party_id)
    return await _steer(ctx, conference_id, "kick", lambda node: node.kick(conference_id, party), party)


def _check_on_demand(row: ConferenceRow) -> None:
    if row.record != "on_demand":
        message = (
            f"This conference's record is {row.record}; recording is started and stopped only where it is on_demand."
        )
        raise ApiError(Code.CONFLICT, message, [("record", message)])


async def _row(ctx: Context, conference_id: UUID) -> ConferenceRow:
    async with ctx.work() as db:
        return await TABLE.get(db, ctx.tenant_id, conference_id)


async def _present(ctx: Context, conference_id: UUID, party_id: str) -> co.Party:
    """The party, who must be in this conference of this tenant."""
    await _row(ctx, conference_id)
    now = await _asked(ctx.deps.conferences.roster(conference_id))
    party = next((one for one in now.parties if one.leg == party_id), None) if now else None
    if party is None:
        raise not_found("party in this conference")
    return party


async def _steer(
    ctx: Context, conference_id: UUID, what: str, order: Callable[[ConferenceNode], Awaitable[bool]],
    party: co.Party | None = None,
) -> Done:  # fmt: skip
    """Write down who orders it, then do it: what is carried out has always been written down."""
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, conference_id)
        await note(ctx, db, f"conference.{what}", f"{conference_id}/{party.leg}" if party else conference_id)
    if not await _asked(order(ctx.deps.conferences)):
        message = "Nobody is in this conference, the party has left, or it is so already."
        raise ApiError(Code.CONFLICT, message, [("conferenceId", message)])
    return Done(ok=True)


async def _asked(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except ProviderError as error:
        raise integration_down("Asterisk") from error


def _columns(body: NewConference | ConferenceChange, conference_id: UUID, *, changes: bool = False) -> dict[str, Any]:
    values = columns(body, changes=changes)
    for name in ("pin", "moderator_pin"):
        if name in values:
            values[f"{name}_digest"] = co.pin_digest(conference_id, values.pop(name))
    return values


def _party(seen: co.Party, stay: conferences.PartyRow | None) -> Party:
    return Party(
        party_id=seen.leg,
        call_id=stay.call_id if stay else None,
        number=as_number(seen.number),
        moderator=seen.moderator,
        muted=seen.muted,
        waiting=seen.waiting,
        joined_at=stay.joined_at if stay else None,
    )
