"""Calls in hand by the API: what reaches the engine, what is refused before it does. What comes of it: tests/stories."""

from __future__ import annotations

from uuid import UUID

import pytest

from m3voip.core import requests as rq
from m3voip.core.call import Call, State
from m3voip.core.parties import Party, Place, Role, Target, TargetKind
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import ended, started, to_agent
from tests.api.test_calls import a_call
from tests.api.test_setup import agent, mailbox, queue

pytestmark = pytest.mark.postgres


async def live(world: World, client: Client, **more: object) -> UUID:
    call = await a_call(world, started(), *to_agent())
    known = Call(id=call, tenant_id=client.tenant, state=State.TALKING, leg="l", agent="101", **more)  # type: ignore[arg-type]
    world.control.known[call] = known
    world.control.refuses = ""
    return call


async def test_each_request_reaches_the_engine_as_it_was_asked_and_is_audited(world: World, mine: Client) -> None:
    call, other, line = await live(world, mine), await agent(mine), await queue(mine)
    box, extension = await mailbox(mine), other["extension"]
    wanted: list[tuple[str, dict[str, object] | None, type[rq.Request], dict[str, object]]] = [
        ("hold", None, rq.HoldRequested, {}),
        ("pause", None, rq.HoldRequested, {}),
        ("resume", None, rq.ResumeRequested, {}),
        ("mute", {"extension": extension, "on": False}, rq.MuteRequested, {"extension": extension, "on": False}),
        ("mute", {}, rq.MuteRequested, {"extension": "", "on": True}),
        ("digits", {"digits": "12#"}, rq.DigitsRequested, {"digits": "12#"}),
        ("consult", {"extension": extension}, rq.ConsultRequested, {"extension": extension}),
        ("swap", None, rq.SwapRequested, {}),
        ("complete", None, rq.HandOverRequested, {}),
        ("cancel", None, rq.ConsultCancelled, {}),
        ("conference", None, rq.ConferenceRequested, {}),
        ("add", {"extension": extension}, rq.AddRequested, {"extension": extension}),
        ("drop", {"extension": extension}, rq.DropRequested, {"extension": extension}),
        ("park", None, rq.ParkRequested, {"slot": 701}),
        ("pick-up", {"extension": extension}, rq.PickUpRequested, {"extension": extension}),
    ]
    for kind, name in (("queue", line["name"]), ("extension", extension), ("voicemail", box["box"]), ("node", "menu")):
        target = Target(kind=TargetKind(kind), name=name)
        wanted.append(("transfer", {"kind": kind, "name": name}, rq.TransferRequested, {"target": target}))
    for what, body, request, fields in wanted:
        answer = await mine.ask("POST", f"/v1/tm/calls/{call}/{what}", body)
        assert answer.status == 202, (what, answer.json)
        asked_of, asked = world.control.asked[-1]
        assert (asked_of, type(asked)) == (call, request), what
        assert {name: getattr(asked, name) for name in fields} == fields, what
        assert asked.by is not None
    audited = await world.owner.fetch("SELECT action FROM audit WHERE object = $1", str(call))
    assert len(audited) == len(wanted)
    assert {row["action"] for row in audited} >= {"call.hold", "call.transfer", "call.park", "call.pick_up"}


async def test_what_the_engine_refuses_is_a_conflict_with_its_reason(world: World, mine: Client) -> None:
    call = await live(world, mine)
    world.control.refuses = "nobody is consulted"
    answer = await mine.ask("POST", f"/v1/tm/calls/{call}/swap")
    assert (answer.status, answer.code, answer.json["error"]["message"]) == (409, "CONFLICT", "Nobody is consulted.")
    world.control.refuses, world.control.slot = "", None
    answer = await mine.ask("POST", f"/v1/tm/calls/{call}/park")
    assert (answer.status, answer.code) == (409, "CONFLICT")
    world.control.slot = 701


@pytest.mark.parametrize(
    ("what", "body", "path"),
    [
        ("transfer", {"kind": "queue", "name": "nothing-here"}, "name"),
        ("transfer", {"kind": "extension", "name": "999999"}, "name"),
        ("transfer", {"kind": "moon", "name": "x"}, "kind"),
        ("transfer", {"kind": "queue", "name": "a b"}, "name"),
        ("consult", {"extension": "999999"}, "extension"),
        ("consult", {}, "extension"),
        ("add", {"extension": "101", "number": "+12025550143"}, "extension"),
        ("add", {"extension": "101", "callerId": "+12025550143"}, "callerId"),
        ("add", {"number": "hello"}, "number"),
        ("drop", {}, "extension"),
        ("transfer", {"name": "101"}, "kind"),
        ("transfer", {"kind": "queue"}, "name"),
        ("transfer", {"kind": "number", "name": "1"}, "kind"),
        ("transfer", {"kind": "queue", "number": "+12025550143"}, "number"),
        ("digits", {"digits": "12x"}, "digits"),
        ("digits", {"digits": ""}, "digits"),
        ("mute", {"extension": "abc"}, "extension"),
    ],
)
async def test_bad_input_names_the_field(
    world: World, mine: Client, what: str, body: dict[str, object], path: str
) -> None:
    call = await live(world, mine)
    before = len(world.control.asked)
    answer = await mine.ask("POST", f"/v1/tm/calls/{call}/{what}", body)
    assert (answer.status, answer.paths) == (422, [path])
    assert len(world.control.asked) == before


async def test_an_ended_call_and_one_that_is_not_found_again_yet_are_told_apart(world: World, mine: Client) -> None:
    over = await a_call(world, started(), *to_agent(), *ended())
    answer = await mine.ask("POST", f"/v1/tm/calls/{over}/hold")
    assert (answer.status, answer.code) == (409, "CONFLICT")
    lost = await a_call(world, started(), *to_agent())
    answer = await mine.ask("POST", f"/v1/tm/calls/{lost}/hold")
    assert (answer.status, answer.code) == (503, "INTEGRATION_DOWN")
    assert (await mine.get(f"/v1/tm/calls/{over}/parties")).json["parties"] == []


async def test_who_is_in_a_call_is_shown(world: World, mine: Client) -> None:
    talking = await live(world, mine)
    shown = (await mine.get(f"/v1/tm/calls/{talking}/parties")).json
    assert [(p["role"], p["extension"], p["place"]) for p in shown["parties"]] == [
        ("caller", "", "main"), ("agent", "101", "main"),
    ]  # fmt: skip
    parties = {
        "l": Party(leg="l", role=Role.CALLER, here=True),
        "a": Party(leg="a", role=Role.AGENT, extension="101", place=Place.ASIDE, here=True, muted=True),
        "g": Party(leg="g", role=Role.GUEST, extension="102", place=Place.ASIDE),
    }
    world.control.known[talking] = Call(
        id=talking, tenant_id=mine.tenant, state=State.IN_HAND, leg="l", agent="101", parties=parties, parked=0
    )
    shown = (await mine.get(f"/v1/tm/calls/{talking}/parties")).json
    assert (shown["state"], shown["slot"]) == ("in_hand", None)
    assert [(p["role"], p["place"], p["answered"], p["muted"]) for p in shown["parties"]] == [
        ("caller", "main", True, False), ("agent", "aside", True, True), ("guest", "aside", False, False),
    ]  # fmt: skip
