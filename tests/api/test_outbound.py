"""Calls out by the API: what the gate says is recorded and told, caps hold when many ask at once, and how it is all set up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from m3voip.core import requests as rq
from m3voip.core.clearance import Kind
from m3voip.core.dial_result import DialResult
from m3voip.ports import AttemptEnd
from m3voip.storage.postgres.attempts import PostgresAttempts
from m3voip.storage.postgres.pool import Pool, engine_pool
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.test_in_hand import live

pytestmark = pytest.mark.postgres

NUMBER, SHOWN = "+12025550143", "+12025550100"


@pytest.fixture
async def engine(world: World) -> AsyncIterator[Pool]:
    pool = engine_pool(f"{world.settings.engine_dsn.get_secret_value()}?sslmode=disable", most=1)
    await pool.open()
    yield pool
    await pool.close()


async def settle(world: World, mine: Client, **settings: object) -> UUID:
    """A call of a tenant that may dial."""
    await world.owner.execute("DELETE FROM caller_id")
    await world.owner.execute("DELETE FROM attempt_live")
    await mine.ask(
        "PUT", "/v1/tm/dial-settings", {"region": "US", "callerId": SHOWN, "maxCallsPerMin": 9999, **settings}
    )
    await mine.ask("POST", "/v1/tm/caller-ids", {"number": SHOWN, "proof": "contract 1"})
    return await live(world, mine)


async def attempts(mine: Client, call: UUID) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await mine.get(f"/v1/tm/attempts?call={call}")).json["items"]
    return items


@pytest.mark.parametrize(
    ("what", "how"), [("add", rq.How.ADD), ("consult", rq.How.CONSULT), ("transfer", rq.How.TRANSFER)]
)
async def test_what_is_cleared_is_recorded_and_placed(world: World, mine: Client, what: str, how: rq.How) -> None:
    call = await settle(world, mine)
    answer = await mine.ask("POST", f"/v1/tm/calls/{call}/{what}", {"number": "202-555-0143"})
    assert answer.status == 202, answer.json
    placed, clearance, asked = world.dialling.placed[0]
    assert (placed, asked, clearance.number, clearance.caller_id) == (call, how, NUMBER, SHOWN)
    [attempt] = await attempts(mine, call)
    assert (attempt["id"], attempt["cleared"], attempt["result"]) == (str(clearance.attempt_id), True, None)
    assert [verdict["rule"] for verdict in attempt["verdicts"]] == [
        "number", "country", "do_not_call", "caller_id", "calls_at_once", "calls_per_minute", "trunk",
    ]  # fmt: skip
    assert (await mine.get(f"/v1/tm/attempts/{attempt['id']}")).json == attempt
    assert await world.owner.fetchval("SELECT count(*) FROM attempt_live WHERE call_id = $1", call) == 1


@pytest.mark.parametrize(
    ("body", "status", "code", "path"),
    [
        ({"number": "+1202"}, 422, "VALIDATION_FAILED", "number"),
        ({"number": "+442079460123"}, 403, "FORBIDDEN", "number"),
        ({"number": NUMBER, "callerId": "+12025550111"}, 409, "CONFLICT", "callerId"),
        ({"number": "+12025550199"}, 409, "DNC_BLOCKED", "number"),
    ],
)
async def test_a_refusal_names_rule_and_remedy_and_is_recorded(
    world: World, mine: Client, body: dict[str, str], status: int, code: str, path: str
) -> None:
    call = await settle(world, mine)
    await world.owner.execute("DELETE FROM do_not_call")
    await mine.ask("POST", "/v1/tm/dnc", {"phone": "+12025550199", "reason": "asked for it"})
    answer = await mine.ask("POST", f"/v1/tm/calls/{call}/add", body)
    assert (answer.status, answer.code, answer.paths[0]) == (status, code, path)
    [attempt] = await attempts(mine, call)
    assert not attempt["cleared"]
    assert f"Not dialled ({attempt['refusals'][0]})" in answer.json["error"]["message"]
    assert attempt["id"] in answer.json["error"]["message"]
    assert world.dialling.placed == []
    assert await world.owner.fetchval("SELECT count(*) FROM attempt_live") == 0


async def test_no_trunk_and_a_busy_call_are_told_apart(world: World, mine: Client) -> None:
    call = await settle(world, mine)
    world.dialling.order = ()
    answer = await mine.ask("POST", f"/v1/tm/calls/{call}/add", {"number": NUMBER})
    assert (answer.status, answer.code) == (503, "ADAPTER_UNAVAILABLE")
    assert "carrier-a: it does not answer" in answer.json["error"]["message"]
    world.control.refuses = "the call is parked in slot 701: pick it up first"
    answer = await mine.ask("POST", f"/v1/tm/calls/{call}/add", {"number": NUMBER})
    assert (answer.status, answer.code, len(await attempts(mine, call))) == (409, "CONFLICT", 1)


async def test_caps_hold_when_many_ask_at_once_and_not_for_help(world: World, mine: Client, engine: Pool) -> None:
    call = await settle(world, mine, maxCalls=3)
    answers = await asyncio.gather(
        *(mine.ask("POST", f"/v1/tm/calls/{call}/add", {"number": NUMBER}) for _ in range(8))
    )
    assert sorted(answer.status for answer in answers) == [202] * 3 + [429] * 5
    assert all("Retry-After" in answer.headers for answer in answers if answer.status == 429)
    answer = await mine.ask("POST", f"/v1/tm/calls/{call}/add", {"number": "911"})
    assert answer.status == 202
    assert world.dialling.placed[-1][1].kind is Kind.EMERGENCY
    over, now = world.dialling.placed[0][1].attempt_id, world.clock.now()
    store = PostgresAttempts(engine)
    end = AttemptEnd(
        attempt_id=over, tenant_id=mine.tenant, result=DialResult.BUSY, cause=17, trunk="carrier-a", answered_at=None,
        ended_at=now,
    )  # fmt: skip
    assert over in [attempt for attempt, _ in await store.forgotten(now)]
    for _ in range(2):  # told twice, written once
        await store.ended(end)
    assert over not in [attempt for attempt, _ in await store.forgotten(now)]
    shown = (await mine.get(f"/v1/tm/attempts/{over}")).json
    assert (shown["result"], shown["cause"], shown["trunk"]) == ("busy", 17, "carrier-a")
    # help counts as well, so three go on: one place more is needed
    await mine.ask(
        "PUT", "/v1/tm/dial-settings", {"region": "US", "callerId": SHOWN, "maxCalls": 4, "maxCallsPerMin": 9999}
    )
    assert (await mine.ask("POST", f"/v1/tm/calls/{call}/add", {"number": NUMBER})).status == 202
    assert (await mine.ask("POST", f"/v1/tm/calls/{call}/add", {"number": NUMBER})).status == 429
    await mine.ask(
        "PUT", "/v1/tm/dial-settings", {"region": "US", "callerId": SHOWN, "maxCalls": 99, "maxCallsPerMin": 5}
    )
    answer = await mine.ask("POST", f"/v1/tm/calls/{call}/add", {"number": NUMBER})
    assert (answer.status, "calls_per_minute" in answer.json["error"]["message"]) == (429, True)


async def test_why_says_what_an_attempt_would_and_leaves_nothing_behind(world: World, mine: Client) -> None:
    await settle(world, mine)
    before = await world.owner.fetchval("SELECT count(*) FROM attempt")
    said = (await mine.get("/v1/tm/clearances/explain?number=%2B12025550143")).json
    assert (said["cleared"], said["number"], said["callerId"], said["trunks"]) == (True, NUMBER, SHOWN, ["carrier-a"])
    said = (await mine.get("/v1/tm/clearances/explain?number=+442079460123&callerId=+12025550111")).json
    assert [verdict["rule"] for verdict in said["verdicts"] if not verdict["passed"]] == ["country", "caller_id"]
    assert (await mine.get("/v1/tm/clearances/explain?number=x")).status == 422
    assert await world.owner.fetchval("SELECT count(*) FROM attempt") == before


async def test_the_register_and_the_caller_ids(world: World, mine: Client, theirs: Client) -> None:
    await world.owner.execute("DELETE FROM do_not_call")
    made = await mine.ask("POST", "/v1/tm/dnc", {"phone": "+12025550188"})
    assert made.status == 201
    assert (await mine.get("/v1/tm/dnc?phone=+12025550188")).json == {"dnc": True, "id": made.json["id"]}
    assert (await theirs.get("/v1/tm/dnc?phone=+12025550188")).json == {"dnc": False, "id": None}
    assert (await mine.ask("POST", "/v1/tm/dnc", {"phone": "+12025550188"})).code == "CONFLICT"
    assert (await theirs.ask("DELETE", f"/v1/tm/dnc/{made.json['id']}")).status == 404
    assert (await mine.ask("DELETE", f"/v1/tm/dnc/{made.json['id']}")).status == 204
    assert (await mine.get("/v1/tm/dnc?phone=+12025550188")).json["dnc"] is False
    await world.owner.execute("DELETE FROM dial_settings")
    assert (await mine.ask("POST", "/v1/tm/dnc", {"phone": "202 555 0188"})).paths == ["phone"]  # of which country?
    await mine.ask("PUT", "/v1/tm/dial-settings", {"region": "US"})
    assert (await mine.ask("POST", "/v1/tm/dnc", {"phone": "202 555 0188"})).json["phone"] == "+12025550188"
    assert (await mine.get("/v1/tm/dnc?phone=2025550188")).json["dnc"] is True
    assert (await mine.get("/v1/tm/dnc?phone=123")).paths == ["phone"]
    await world.owner.execute("DELETE FROM caller_id")
    shown = await theirs.ask("POST", "/v1/tm/caller-ids", {"number": SHOWN, "proof": "a letter"})
    assert [item["number"] for item in (await theirs.get("/v1/tm/caller-ids")).json["items"]] == [SHOWN]
    assert (await mine.get("/v1/tm/caller-ids")).json["items"] == []
    assert (await theirs.ask("POST", "/v1/tm/caller-ids", {"number": SHOWN, "proof": ""})).paths == ["proof"]
    assert (await theirs.ask("DELETE", f"/v1/tm/caller-ids/{shown.json['id']}")).status == 204


async def test_settings_and_rate_decks(world: World, mine: Client) -> None:
    await world.owner.execute("DELETE FROM dial_settings")
    assert (await mine.get("/v1/tm/dial-settings")).json["region"] == ""
    answer = await mine.ask("PUT", "/v1/tm/dial-settings", {"region": "us"})
    assert (answer.status, answer.paths) == (422, ["region"])
    await mine.ask("PUT", "/v1/tm/dial-settings", {"region": "DE", "countries": ["FR", "FR"], "premium": True})
    shown = (await mine.get("/v1/tm/dial-settings")).json
    assert (shown["region"], shown["countries"], shown["premium"], shown["maxCalls"]) == ("DE", ["FR"], True, 10)
    name = f"deck-{world.clock.now():%H%M%S%f}"
    made = await mine.ask("POST", "/v1/tm/trunks", {
        "name": name, "kind": "ip", "host": "192.0.2.9", "addresses": ["192.0.2.9"], "priority": 5, "maxCallsPerSec": 7,
    })  # fmt: skip
    assert (made.status, made.json["priority"], made.json["maxCallsPerSec"]) == (201, 5, 7)
    path = f"/v1/tm/trunks/{made.json['id']}/rates"
    assert (await mine.get(path)).status == 404
    deck = {"currency": "USD", "rates": [{"prefix": "1", "perMinute": "0.9"}, {"prefix": "1202", "perMinute": "1.25"}]}
    assert (await mine.ask("PUT", path, deck)).status == 200
    read = (await mine.get(path)).json
    assert [(rate["prefix"], float(rate["perMinute"])) for rate in read["rates"]] == [("1", 0.9), ("1202", 1.25)]
    twice = {**deck, "rates": [deck["rates"][0]] * 2}
    assert (await mine.ask("PUT", path, twice)).status == 422
    await mine.ask("DELETE", f"/v1/tm/trunks/{made.json['id']}")
