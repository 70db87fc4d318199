"""Alive, ready, and why not."""

from __future__ import annotations

import asyncio

import pytest

from m3voip.api.deps import Health
from m3voip.api.routes.health import postgres_check
from tests.api.client import Client
from tests.api.conftest import World

pytestmark = pytest.mark.postgres


async def test_health_needs_no_key_and_no_part(world: World, mine: Client) -> None:
    world.checks["postgres"].health = OSError("gone")
    assert (await mine.using("").get("/healthz")).json == {"status": "ok"}


async def test_ready_when_every_part_is(mine: Client) -> None:
    answer = await mine.using("").get("/readyz")
    assert answer.status == 200
    assert answer.json["ready"] is True
    assert set(answer.json["parts"]) == {"postgres", "ari"}


async def test_not_ready_names_the_part_and_why(world: World, mine: Client) -> None:
    world.checks["ari"].health = Health(ok=False, detail="reconnecting")
    answer = await mine.get("/readyz")
    assert (answer.status, answer.json["ready"]) == (503, False)
    assert answer.json["parts"]["ari"]["detail"] == "reconnecting"
    assert answer.json["parts"]["postgres"]["ok"] is True
    world.checks["ari"].health = RuntimeError("a bug in a check, with +15557654321 in it")
    assert (await mine.get("/readyz")).json["parts"]["ari"] | {"ms": 0} == {
        "ok": False,
        "detail": "RuntimeError",
        "ms": 0,
    }


async def test_a_check_that_hangs_is_not_waited_for(
    world: World, mine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: object) -> Health:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(type(world.checks["ari"]), "__call__", hang)
    answer = await mine.get("/readyz")
    assert (answer.status, answer.json["parts"]["ari"]["detail"]) == (503, "no answer within a second")


async def test_a_draining_service_is_alive_and_not_ready(world: World, mine: Client) -> None:
    world.draining = True
    answer = await mine.get("/readyz")
    assert (answer.status, answer.json["draining"], answer.json["ready"]) == (503, True, False)
    assert (await mine.get("/healthz")).status == 200


async def test_postgres_is_asked_itself(world: World) -> None:
    assert (await postgres_check(world.pool)()).ok
