"""Calls in hand: hold, mute, keys, transfers, conferences, parking. Each request is under way when it is answered; what
came of it is in the call's events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import note
from m3voip.api.dialling import DIAL_ERRORS, dial_out
from m3voip.api.errors import ApiError, Code, integration_down, invalid, not_found
from m3voip.api.ids import CallId
from m3voip.api.living import must_live
from m3voip.api.permissions import WATCH, Permission
from m3voip.api.schemas.call import Done
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.in_hand import Digits, Dropped, Guest, Muting, Other, Parked, Parties, PartyInCall, Transfer
from m3voip.core import requests as rq
from m3voip.core.call import Call, State
from m3voip.core.parties import Place, Role, Target, TargetKind
from m3voip.core.requests import How
from m3voip.storage.postgres.admin import calls, targets

router = APIRouter(prefix="/v1/tm/calls/{callId}", tags=["Calls in hand"], route_class=Guarded)

_ASK: dict[str, Any] = {
    **allowed(Permission.MAKE_CALLS, Permission.SUPERVISE),
    "responses": guarded(Code.NOT_FOUND, Code.CONFLICT),
    "status_code": 202,
}
_DIAL: dict[str, Any] = {**_ASK, "responses": guarded(Code.NOT_FOUND, *DIAL_ERRORS)}
Make = Callable[[datetime, UUID | None], rq.Request]


@router.get("/parties", **allowed(*WATCH), responses=guarded(Code.NOT_FOUND))
async def list_parties(ctx: Ctx, call_id: CallId) -> Parties:
    """Who is in the call at this moment, who is on hold, and who is muted."""
    call = ctx.deps.control.live(ctx.tenant_id, call_id)
    if call is None:
        async with ctx.work() as db:
            row = await calls.get(db, ctx.tenant_id, call_id)
        return Parties(call_id=call_id, state=State(row.state), slot=None, parties=[])
    return Parties(call_id=call_id, state=call.state, slot=call.parked or None, parties=_parties(call))


@router.post("/hold", **_ASK)
async def hold_call(ctx: Ctx, call_id: CallId) -> Done:
    """The caller, and all others but the agent, hear music."""
    return await _ask(ctx, call_id, "hold", lambda at, by: rq.HoldRequested(at=at, by=by))


@router.post("/pause", **_ASK)
async def pause_call(ctx: Ctx, call_id: CallId) -> Done:
    """The contract's name of `hold`."""
    return await hold_call(ctx, call_id)


@router.post("/resume", **_ASK)
async def resume_call(ctx: Ctx, call_id: CallId) -> Done:
    """Everybody who is on hold is back."""
    return await _ask(ctx, call_id, "resume", lambda at, by: rq.ResumeRequested(at=at, by=by))


@router.post("/mute", **_ASK)
async def mute_party(ctx: Ctx, call_id: CallId, body: Muting) -> Done:
    """Nobody hears what one party says, until `on` is false."""
    who = body.extension or ""
    return await _ask(ctx, call_id, "mute", lambda at, by: rq.MuteRequested(at=at, by=by, extension=who, on=body.on))


@router.post("/digits", **_ASK)
async def send_digits(ctx: Ctx, call_id: CallId, body: Digits) -> Done:
    """Press keys towards the caller's side. They are neither stored nor logged."""
    return await _ask(ctx, call_id, "digits", lambda at, by: rq.DigitsRequested(at=at, by=by, digits=body.digits))


@router.post("/transfer", **_DIAL)
async def transfer_call(ctx: Ctx, call_id: CallId, body: Transfer) -> Done:
    """Hand the caller on at once (blind): to an agent, a queue, a mailbox, a node of the call's tree, or a number outside. An
    agent or number who does not take the caller gives them back to whoever handed them on; after that the tree goes on."""
    if body.number is not None and (body.kind is not None or body.name is not None):
        raise invalid("number", "send either number, or kind and name.")
    _only_outside(body)
    await must_live(ctx, call_id)
    if body.number is not None:
        return await dial_out(ctx, call_id, How.TRANSFER, body.number, body.caller_id)
    if body.kind is None or body.name is None:
        raise invalid("kind" if body.kind is None else "name", "send kind and name, or number.")
    target = Target(kind=body.kind, name=body.name)
    async with ctx.work() as db:
        known = target.kind is TargetKind.NODE or await targets.exists(db, ctx.tenant_id, target.kind, target.name)
    if not known:
        raise invalid("name", f"there is no such {targets.CALLED[target.kind]}.")
    return await _ask(ctx, call_id, "transfer", lambda at, by: rq.TransferRequested(at=at, by=by, target=target))


@router.post("/consult", **_DIAL)
async def consult_agent(ctx: Ctx, call_id: CallId, body: Guest) -> Done:
    """Call another agent, or a number outside, and talk to them while the caller hears music. Then `swap`, `complete`,
    `conference` or `cancel`. Whoever is consulted and does not answer, or hangs up, leaves caller and agent together."""
    _either(body)
    _only_outside(body)
    if body.number is not None:
        return await dial_out(ctx, call_id, How.CONSULT, body.number, body.caller_id)
    who = body.extension or ""
    await _must_exist(ctx, call_id, who)
    return await _ask(ctx, call_id, "consult", lambda at, by: rq.ConsultRequested(at=at, by=by, extension=who))


@router.post("/swap", **_ASK)
async def swap_parties(ctx: Ctx, call_id: CallId) -> Done:
    """Talk to the one who is on hold, and hold the one whom you talk to."""
    return await _ask(ctx, call_id, "swap", lambda at, by: rq.SwapRequested(at=at, by=by))


@router.post("/complete", **_ASK)
async def complete_transfer(ctx: Ctx, call_id: CallId) -> Done:
    """Leave the caller to the one consulted (attended transfer); if they have not answered yet, as soon as they do."""
    return await _ask(ctx, call_id, "complete", lambda at, by: rq.HandOverRequested(at=at, by=by))


@router.post("/cancel", **_ASK)
async def cancel_consult(ctx: Ctx, call_id: CallId) -> Done:
    """Let the one consulted go; the caller is back."""
    return await _ask(ctx, call_id, "cancel", lambda at, by: rq.ConsultCancelled(at=at, by=by))


@router.post("/conference", **_ASK)
async def join_all(ctx: Ctx, call_id: CallId) -> Done:
    """Everybody in the call hears everybody."""
    return await _ask(ctx, call_id, "conference", lambda at, by: rq.ConferenceRequested(at=at, by=by))


@router.post("/add", **_DIAL)
async def add_guest(ctx: Ctx, call_id: CallId, body: Guest) -> Done:
    """Call another agent, or a number outside, who joins the conversation on answering."""
    _either(body)
    _only_outside(body)
    if body.number is not None:
        return await dial_out(ctx, call_id, How.ADD, body.number, body.caller_id)
    who = body.extension or ""
    await _must_exist(ctx, call_id, who)
    return await _ask(ctx, call_id, "add", lambda at, by: rq.AddRequested(at=at, by=by, extension=who))


@router.post("/drop", **_ASK)
async def drop_guest(ctx: Ctx, call_id: CallId, body: Dropped) -> Done:
    """Let one who was consulted or added go."""
    _either(body)
    who = body.extension or body.number or ""
    return await _ask(ctx, call_id, "drop", lambda at, by: rq.DropRequested(at=at, by=by, extension=who))


@router.post("/park", **_ASK)
async def park_call(ctx: Ctx, call_id: CallId) -> Parked:
    """Leave the caller with music in a slot; the agent is free. After three minutes the caller goes back to that agent."""
    slot = ctx.deps.control.free_slot(ctx.tenant_id)
    if slot is None:
        raise ApiError(Code.CONFLICT, "All slots are taken: pick up a parked call first.")
    await _ask(ctx, call_id, "park", lambda at, by: rq.ParkRequested(at=at, by=by, slot=slot))
    return Parked(slot=slot)


@router.post("/pick-up", **_ASK)
async def pick_up_call(ctx: Ctx, call_id: CallId, body: Other) -> Done:
    """Ring this agent's phone; on answering they have the parked call."""
    await _must_exist(ctx, call_id, body.extension)
    return await _ask(
        ctx, call_id, "pick_up", lambda at, by: rq.PickUpRequested(at=at, by=by, extension=body.extension)
    )


async def _ask(ctx: Context, call_id: UUID, what: str, make: Make) -> Done:
    """Ask the engine; what cannot be is told here."""
    await must_live(ctx, call_id)
    if not ctx.deps.control.connected:
        raise integration_down("Asterisk")
    refused = ctx.deps.control.ask(call_id, make(ctx.deps.clock.now(), ctx.principal.subject))
    if refused is None:
        raise not_found("call")
    if refused:
        raise ApiError(Code.CONFLICT, f"{refused[0].upper()}{refused[1:]}.")
    async with ctx.work() as db:
        await note(ctx, db, f"call.{what}", call_id)
    return Done(ok=True)


def _either(body: Guest | Dropped) -> None:
    if (body.extension is None) is (body.number is None):
        raise invalid("extension", "send either extension or number.")


def _only_outside(body: Guest | Transfer) -> None:
    if body.number is None and body.caller_id is not None:
        raise invalid("callerId", "is shown to numbers outside only; send number, or leave it out.")


async def _must_exist(ctx: Context, call_id: UUID, extension: str) -> None:
    await must_live(ctx, call_id)
    async with ctx.work() as db:
        if not await targets.exists(db, ctx.tenant_id, TargetKind.EXTENSION, extension):
            raise invalid("extension", "there is no such agent.")


def _parties(call: Call) -> list[PartyInCall]:
    if call.state is State.TALKING:
        return [
            PartyInCall(role=Role.CALLER, extension="", place=Place.MAIN, answered=True, muted=False),
            PartyInCall(role=Role.AGENT, extension=call.agent, place=Place.MAIN, answered=True, muted=False),
        ]
    return [
        PartyInCall(
            role=p.role,
            extension=p.extension,
            number=p.number,
            place=p.place,
            answered=p.here or p.role is not Role.GUEST,
            muted=p.muted,
        )
        for p in call.parties.values()
    ]
