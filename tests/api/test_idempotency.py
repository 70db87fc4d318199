"""Creating once although asked often (bar E-03): one key, one thing, one answer; another body is a conflict."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import new_id
from tests.api.test_setup import GOOD_TREE, unique

pytestmark = pytest.mark.postgres


async def test_a_hundred_identical_requests_make_one_queue(world: World, mine: Client) -> None:
    body = {"name": unique("name")}
    headers = {"Idempotency-Key": str(new_id())}
    gate = asyncio.Semaphore(20)

    async def one() -> tuple[int, bytes]:
        async with gate:
            answer = await mine.ask("POST", "/v1/tm/queues", body, headers=headers)
            return answer.status, answer.body

    answers = set(await asyncio.gather(*(one() for _ in range(100))))
    assert {status for status, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1
    assert await world.owner.fetchval("SELECT count(*) FROM queue WHERE name = $1", body["name"]) == 1


async def test_another_body_or_route_under_the_same_key_is_a_conflict(mine: Client, theirs: Client) -> None:
    key = str(new_id())
    body = {"name": unique("name")}
    first = await mine.ask(
        "POST", "/v1/tm/queues", {"name": body["name"], "weight": 1}, headers={"Idempotency-Key": key}
    )
    assert (first.status, first.headers.get("Idempotency-Replayed")) == (201, None)
    reordered = await mine.ask(
        "POST", "/v1/tm/queues", data=b'{"weight": 1,  "name": "%s"}' % body["name"].encode(),
        headers={"Idempotency-Key": key, "Content-Type": "application/json"},
    )  # fmt: skip
    assert (reordered.status, reordered.headers["Idempotency-Replayed"]) == (201, "true")
    assert reordered.json == first.json
    for path, other in (("/v1/tm/queues", {"name": unique("name")}), ("/v1/tm/mailboxes", {"box": unique("box")})):
        answer = await mine.ask("POST", path, other, headers={"Idempotency-Key": key})
        assert (answer.code, answer.paths) == ("CONFLICT", ["Idempotency-Key"])
    assert (await theirs.ask("POST", "/v1/tm/queues", body, headers={"Idempotency-Key": key})).status == 201


async def test_a_failed_request_leaves_its_key_free(mine: Client) -> None:
    key, name = str(new_id()), unique("name")
    taken = await mine.made("/v1/tm/queues", {"name": name})
    headers = {"Idempotency-Key": key}
    assert (await mine.ask("POST", "/v1/tm/queues", {"name": name}, headers=headers)).status == 409
    assert (await mine.ask("DELETE", f"/v1/tm/queues/{taken['id']}")).status == 204
    assert (await mine.ask("POST", "/v1/tm/queues", {"name": name}, headers=headers)).status == 201


async def test_a_repeated_answer_has_no_secret_and_none_is_stored(world: World, mine: Client) -> None:
    for path, body, secret in (
        ("/v1/tm/agents", {"extension": unique("extension"), "displayName": "A"}, "sipSecret"),
        ("/v1/tm/api-keys", {"name": "k", "scopes": ["telemarketing.supervise"]}, "key"),
    ):
        headers = {"Idempotency-Key": str(new_id())}
        first = (await mine.ask("POST", path, body, headers=headers)).json
        again = (await mine.ask("POST", path, body, headers=headers)).json
        assert first[secret]
        assert again == {**first, secret: None}
        stored = await world.owner.fetchval(
            "SELECT body FROM idempotency_key WHERE key = $1", headers["Idempotency-Key"]
        )
        assert first[secret].encode() not in stored


async def test_a_tree_as_yaml_is_made_once_too(mine: Client) -> None:
    headers = {"Idempotency-Key": str(new_id()), "Content-Type": "application/yaml"}
    path = f"/v1/tm/ivr-trees?name={unique('name')}"
    first = await mine.ask("POST", path, data=GOOD_TREE.encode(), headers=headers)
    again = await mine.ask("POST", path, data=GOOD_TREE.encode(), headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    other = await mine.ask("POST", path, data=GOOD_TREE.encode() + b"# more", headers=headers)
    assert other.code == "CONFLICT"


@pytest.mark.parametrize("key", ["", "x" * 201, "a b", "é"])
async def test_a_key_is_visible_ascii(mine: Client, key: str) -> None:
    answer = await mine.ask("POST", "/v1/tm/queues", {"name": unique("name")}, headers={"Idempotency-Key": key})
    assert (answer.status, answer.paths) == (422, ["Idempotency-Key"])
