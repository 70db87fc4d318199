"""Supervision by the API: who may, with which reason, what is audited (bar S-16). What is heard: tests/stories."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from m3voip.api.permissions import Permission
from m3voip.core.modes import Mode
from m3voip.core.supervision import Parting
from m3voip.core.watched import Watched
from m3voip.storage.postgres.pool import engine_pool
from m3voip.storage.postgres.supervisions import PostgresSupervisions
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import ended, new_id, started, to_agent
from tests.api.test_calls import a_call
from tests.api.test_setup import agent

pytestmark = pytest.mark.postgres

PATH = "/v1/tm/supervisions"


class Talk:
    """A call of an agent, and the extension of a supervisor."""

    def __init__(self, call: UUID, agent: str, extension: str) -> None:
        self.call, self.agent, self.extension = call, agent, extension

    def body(self, **more: object) -> dict[str, Any]:
        return {"callId": str(self.call), "extension": self.extension, "reason": "second week", **more}


@pytest.fixture
async def talk(world: World, mine: Client) -> Talk:
    talk = Talk(
        await a_call(world, started(), *to_agent()), (await agent(mine))["extension"], (await agent(mine))["extension"]
    )
    world.supervisions.there[talk.call] = Watched(call_id=talk.call, agent=talk.agent, leg="agent-leg")
    return talk


async def audited(world: World, supervision: str) -> list[tuple[str, dict[str, Any]]]:
    rows = await world.owner.fetch("SELECT action, details FROM audit WHERE object = $1 ORDER BY id", supervision)
    return [(row["action"], json.loads(row["details"])) for row in rows]


async def closed(world: World, supervision: str, why: Parting = Parting.ENDED) -> None:
    """What the engine does at the end."""
    pool = engine_pool(f"{world.settings.engine_dsn.get_secret_value()}?sslmode=disable", most=1)
    await pool.open()
    store, at = PostgresSupervisions(pool), world.clock.now()
    assert UUID(supervision) in [one.id for one in await store.open()]
    await store.answered(UUID(supervision), at)
    await store.ended(UUID(supervision), at, why, None)
    await store.ended(UUID(supervision), at, Parting.LOST, None)  # once
    assert UUID(supervision) not in [one.id for one in await store.open()]
    await pool.close()


async def test_start_change_and_end_are_written_down_with_who_whom_why_and_how_long(
    world: World, mine: Client, talk: Talk
) -> None:
    made = await mine.made(PATH, talk.body())
    (begun,) = world.supervisions.begun
    assert (str(begun.id), begun.extension, begun.mode) == (made["id"], talk.extension, Mode.LISTEN)
    assert begun.watched == Watched(call_id=talk.call, agent=talk.agent, leg="agent-leg")
    assert (made["agentExtension"], made["endedAt"]) == (talk.agent, None)
    changed = await mine.ask("PATCH", f"{PATH}/{made['id']}", {"mode": "whisper"})
    assert (changed.status, changed.json["mode"]) == (200, "whisper")
    other = Watched(
        call_id=await a_call(world, started(), *to_agent()), agent=(await agent(mine))["extension"], leg="b"
    )
    world.supervisions.there[other.call_id] = other
    moved = await mine.ask("PATCH", f"{PATH}/{made['id']}", {"agentExtension": other.agent})
    assert (moved.json["mode"], moved.json["callId"]) == ("listen", str(other.call_id)), (
        "another agent is listened to first"
    )
    assert [(change[1], change[2]) for change in world.supervisions.changed] == [
        (Mode.WHISPER, None), (Mode.LISTEN, other),
    ]  # fmt: skip
    assert made["id"] in [row["id"] for row in await mine.all(PATH, state="live", limit="200")]
    await closed(world, made["id"], Parting.AGENT_LEFT)
    shown = (await mine.get(f"{PATH}/{made['id']}")).json
    assert shown["endReason"] == "agent_left"
    assert [row["id"] for row in await mine.all(PATH, state="ended", call=str(other.call_id))] == [made["id"]]
    assert made["id"] not in [row["id"] for row in await mine.all(PATH, state="live", limit="200")]
    notes = await audited(world, made["id"])
    assert [action for action, _ in notes] == [
        "supervision.start", "supervision.change", "supervision.change", "supervision.end",
    ]  # fmt: skip
    assert [details["mode"] for _, details in notes] == ["listen", "whisper", "listen", "listen"]
    assert {details["reason"] for _, details in notes} == {"second week"}
    assert [details["agent"] for _, details in notes] == [talk.agent, talk.agent, other.agent, other.agent]
    last = notes[-1][1]
    assert (last["call"], last["extension"], last["seconds"], last["endReason"]) == (
        str(other.call_id), talk.extension, 0, "agent_left",
    )  # fmt: skip
    late = await mine.ask("PATCH", f"{PATH}/{made['id']}", {"mode": "barge"})
    assert (late.status, late.code) == (409, "CONFLICT")


async def test_only_the_right_to_supervise_opens_it(world: World, mine: Client, talk: Talk) -> None:
    for permission in Permission:
        client = mine.using(await world.key(permission))
        expected = 200 if permission is Permission.SUPERVISE else 403
        assert (await client.get(PATH)).status == expected
        if expected == 403:
            assert (await client.ask("POST", PATH, talk.body())).status == 403
    assert world.supervisions.begun == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"reason": None}, "reason"), ({"reason": ""}, "reason"), ({"reason": "   "}, "reason"), ({"reason": "a\nb"}, "reason"),
        ({"reason": "x" * 501}, "reason"), ({"mode": "shout"}, "mode"), ({"extension": "99999"}, "extension"),
        ({"extension": "PJSIP/x"}, "extension"), ({"callId": None}, "callId"), ({"agentExtension": "101"}, "callId"),
        ({"callId": None, "agentExtension": "99999"}, "agentExtension"), ({"whisper": True}, "whisper"),
    ],
)  # fmt: skip
async def test_what_is_missing_or_wrong_is_named(
    world: World, mine: Client, talk: Talk, change: dict[str, object], path: str
) -> None:
    body = {name: value for name, value in talk.body(**change).items() if value is not None}
    answer = await mine.ask("POST", PATH, body)
    assert (answer.status, answer.paths) == (422, [path])
    assert world.supervisions.begun == []


async def test_a_foreign_call_or_agent_is_none_and_ones_own_call_is_refused(
    world: World, mine: Client, theirs: Client, talk: Talk
) -> None:
    foreign = await agent(theirs)
    spied = await theirs.ask("POST", PATH, {**talk.body(), "extension": foreign["extension"]})
    assert spied.status == 404
    by_name = await theirs.ask(
        "POST", PATH, {"agentExtension": talk.agent, "extension": foreign["extension"], "reason": "x"}
    )
    assert (by_name.status, by_name.paths) == (422, ["agentExtension"])
    own = await mine.ask("POST", PATH, talk.body(extension=talk.agent))
    assert (own.status, own.code) == (409, "CONFLICT")
    assert "their own call" in own.json["error"]["message"]
    over = await a_call(world, started(), *to_agent(), *ended())
    assert (await mine.ask("POST", PATH, talk.body(callId=str(over)))).status == 409
    assert world.supervisions.begun == []


async def test_a_phone_supervises_one_agent_at_a_time_and_a_repeated_request_rings_it_once(
    world: World, mine: Client, talk: Talk
) -> None:
    key = {"Idempotency-Key": str(new_id())}
    answers = await asyncio.gather(*(mine.ask("POST", PATH, talk.body(), headers=key) for _ in range(5)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(world.supervisions.begun) == 1
    second = await mine.ask("POST", PATH, talk.body())
    assert (second.status, second.paths) == (409, ["extension"])
    await closed(world, answers[0].json["id"])
    await mine.made(PATH, talk.body())


async def test_the_end_waits_until_it_is_written_and_can_be_asked_for_again(
    world: World, mine: Client, talk: Talk
) -> None:
    made = await mine.made(PATH, talk.body())
    tasks: list[asyncio.Task[None]] = []
    world.supervisions.on_end = lambda one: tasks.append(asyncio.create_task(closed(world, str(one))))
    assert (await mine.ask("DELETE", f"{PATH}/{made['id']}")).status == 204
    assert (await mine.get(f"{PATH}/{made['id']}")).json["endReason"] == "ended"
    assert (await mine.ask("DELETE", f"{PATH}/{made['id']}")).status == 204
    assert len(world.supervisions.ended) == 1
    await asyncio.gather(*tasks)


async def test_a_take_over_is_audited_or_refused_with_its_reason(world: World, mine: Client, talk: Talk) -> None:
    made = await mine.made(PATH, talk.body())
    world.supervisions.refuses = "the supervisor's phone has not answered yet"
    refused = await mine.ask("POST", f"{PATH}/{made['id']}/take-over")
    assert (refused.status, refused.json["error"]["message"]) == (409, "The supervisor's phone has not answered yet.")
    assert [action for action, _ in await audited(world, made["id"])] == ["supervision.start"]
    world.supervisions.refuses = ""
    assert (await mine.ask("POST", f"{PATH}/{made['id']}/take-over")).status == 202
    assert [action for action, _ in await audited(world, made["id"])] == ["supervision.start", "supervision.take_over"]
    world.supervisions.refuses = None
    assert (await mine.ask("POST", f"{PATH}/{made['id']}/take-over")).status == 409


async def test_while_asterisk_is_away_nobody_is_supervised(world: World, mine: Client, talk: Talk) -> None:
    made = await mine.made(PATH, talk.body())
    world.control.connected = False
    assert (await mine.ask("POST", PATH, talk.body(extension=(await agent(mine))["extension"]))).status == 503
    assert (await mine.ask("PATCH", f"{PATH}/{made['id']}", {"mode": "barge"})).status == 503
    assert (await mine.ask("POST", f"{PATH}/{made['id']}/take-over")).status == 503
    assert (await mine.ask("DELETE", f"{PATH}/{made['id']}")).status == 503
    assert world.supervisions.changed == []
