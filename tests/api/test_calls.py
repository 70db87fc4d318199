"""Calls by the API: lists that page by keyset, filters, one call with its parts, its events, its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import facts as f
from m3voip.core.call import Call
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import ended, new_id, started, story, to_agent
from tests.api.test_setup import agent, unique

pytestmark = pytest.mark.postgres

NOW = datetime.now(UTC)


async def a_call(world: World, *facts: f.AnyFact, began: datetime = NOW, tenant: UUID = DEFAULT_TENANT) -> UUID:
    call = new_id(began)
    await world.writer.write(*story(tenant, call, began, *facts))
    return call


async def test_a_list_pages_newest_first_and_what_comes_meanwhile_disturbs_nothing(world: World, mine: Client) -> None:
    queue = unique("name")
    calls = [
        await a_call(world, started(), *to_agent(queue=queue), began=NOW + timedelta(milliseconds=n)) for n in range(7)
    ]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = (await mine.get("/v1/tm/calls", queue=queue, limit="2", **more)).json
        seen += [row["id"] for row in page["items"]]
        await a_call(world, started(), *to_agent(queue=queue), began=NOW + timedelta(seconds=len(seen)))
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == [str(call) for call in reversed(calls)]
    assert len(await mine.all("/v1/tm/calls", queue=queue)) == 7 + 4


async def test_a_cursor_is_of_one_list_and_one_tenant(world: World, mine: Client, theirs: Client) -> None:
    for _ in range(2):
        await a_call(world, started())
        await a_call(world, started(), tenant=theirs.tenant)
    cursor = (await mine.get("/v1/tm/calls", limit="1")).json["nextCursor"]
    assert cursor is not None
    altered = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for client, path, value in (
        (theirs, "/v1/tm/calls", cursor),
        (mine, "/v1/tm/agents", cursor),
        (mine, "/v1/tm/calls", altered),
        (mine, "/v1/tm/calls", "é"),
        (mine, "/v1/tm/calls", ""),
    ):
        answer = await client.get(path, cursor=value)
        assert (answer.status, answer.paths) == (422, ["cursor"])


@pytest.mark.parametrize("limit", ["0", "201", "x", "-1", "1e3"])
async def test_a_page_has_1_to_200_rows(mine: Client, limit: str) -> None:
    assert (await mine.get("/v1/tm/calls", limit=limit)).paths == ["limit"]


async def test_calls_are_filtered(world: World, mine: Client) -> None:
    queue, extension = unique("name"), unique("extension")
    person = await agent(mine, extension=extension)
    caller, did = "15557650001", "15550100777"
    over = await a_call(
        world, started(caller, did), *to_agent(extension, queue), *ended(), began=NOW - timedelta(days=1)
    )
    live = await a_call(world, started(caller="15557650002"), *to_agent(queue=queue))

    async def found(**filters: str) -> set[str]:
        return {row["id"] for row in await mine.all("/v1/tm/calls", limit="200", **filters)} & {str(over), str(live)}

    assert await found() == {str(over), str(live)}
    assert await found(state="live") == {str(live)}
    assert await found(state="ended") == {str(over)}
    assert await found(queue=queue) == {str(over), str(live)}
    assert await found(queue=queue, state="live") == {str(live)}
    assert await found(agent=extension) == {str(over)}
    assert await found(agent=person["id"]) == {str(over)}
    assert await found(caller="+15557650001") == {str(over)}
    assert await found(caller="1 (555) 765-0001") == {str(over)}
    assert await found(did="+15550100777") == {str(over)}
    assert await found(**{"from": (NOW - timedelta(hours=1)).isoformat()}) == {str(live)}
    assert await found(to=(NOW - timedelta(hours=1)).isoformat()) == {str(over)}
    assert await found(**{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}) == set()
    for name, value in (("state", "odd"), ("agent", "x"), ("queue", "A B"), ("caller", "x"), ("from", "yesterday")):
        assert (await mine.get("/v1/tm/calls", **{name: value})).paths == [name]
    assert "time zone" in (await mine.get("/v1/tm/calls", to="2026-01-01T00:00:00")).json["error"]["message"]
    for extreme in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert (await mine.get("/v1/tm/calls", to=extreme, **{"from": extreme})).status == 200


async def test_a_call_is_shown_with_its_parts(world: World, mine: Client) -> None:
    person = await agent(mine, extension=unique("extension"))
    call = new_id(NOW)
    recording, voicemail = new_id(), new_id()
    await world.writer.write(
        *story(
            DEFAULT_TENANT, call, NOW, started(name="Jo"), *to_agent(person["extension"]), *ended(),
            f.RecordingStored(recording=recording, key="t/r.flac", sha256="ab" * 32, duration_s=11.5, size=1234),
            f.VoicemailStored(
                voicemail=voicemail, box="801", message_id="m1", key="t/v.flac", sha256="cd" * 32, duration_s=4.0, size=99
            ),
        )
    )  # fmt: skip
    shown = (await mine.get(f"/v1/tm/calls/{call}")).json
    assert (shown["did"], shown["caller"], shown["callerName"]) == ("+15550100100", "+15557654321", "Jo")
    assert (shown["state"], shown["endReason"], shown["hangupCause"]) == ("ended", "caller_hung_up", 16)
    assert (shown["agentExtension"], shown["agentId"]) == (person["extension"], person["id"])
    assert (shown["waitSec"], shown["talkTimeSec"], shown["recordingId"]) == (3.0, 12.0, str(recording))
    assert shown["dialStartAt"] == NOW.isoformat().replace("+00:00", "Z")
    assert [leg["role"] for leg in shown["legs"]] == ["caller", "agent"]
    (visit,) = shown["queueVisits"]
    assert (visit["queue"], visit["outcome"], visit["waitedSec"], visit["offers"]) == ("sales", "answered", 3.0, 1)
    (taken,) = shown["recordings"]
    assert (taken["id"], taken["durationSec"], taken["sizeBytes"]) == (str(recording), 11.5, 1234)
    assert taken["mediaType"] == "audio/flac"
    assert (await mine.get(f"/v1/tm/calls/{call}/recordings")).json["items"] == [taken]
    (left,) = shown["voicemails"]
    assert left["box"] == "801"
    assert (await mine.get(f"/v1/tm/voicemails/{voicemail}")).json == left
    assert left in await mine.all("/v1/tm/voicemails", mailbox="801")
    assert await mine.all("/v1/tm/voicemails", callId=str(call)) == [left]
    assert (await mine.get(f"/v1/tm/calls/{uuid4()}")).code == "NOT_FOUND"
    assert (await mine.get("/v1/tm/calls/17")).paths == ["callId"]


async def test_the_events_of_a_call_are_its_facts_in_order(world: World, mine: Client) -> None:
    facts = (started(), *to_agent(), *ended())
    call = await a_call(world, *facts)
    events = await mine.all(f"/v1/tm/calls/{call}/events", limit="3")
    assert [event["seq"] for event in events] == list(range(1, len(facts) + 1))
    assert [event["kind"] for event in events] == [type(fact).__struct_config__.tag for fact in facts]
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    assert events[2]["payload"] == {"queue": "sales", "visit": 1, "record": True, "timeout_s": 30, "returned": False}
    assert (await mine.get(f"/v1/tm/calls/{uuid4()}/events")).status == 404
    other = await a_call(world, started())
    cursor = (await mine.get(f"/v1/tm/calls/{call}/events", limit="3")).json["nextCursor"]
    assert (await mine.get(f"/v1/tm/calls/{other}/events", cursor=cursor)).paths == ["cursor"]


async def test_ending_a_call_tells_the_engine_who_asked(world: World, mine: Client) -> None:
    call = await a_call(world, started())
    world.control.known[call] = Call(id=call, tenant_id=mine.tenant)
    assert (await mine.ask("POST", f"/v1/tm/calls/{call}/end")).json == {"ok": True}
    assert world.control.ended[-1][0] == call
    audited = await world.owner.fetchrow("SELECT action, subject FROM audit WHERE object = $1", str(call))
    assert audited is not None
    assert (audited["action"], audited["subject"]) == ("call.end", world.control.ended[-1][1])


async def test_a_call_that_has_ended_is_ended_again_in_vain_and_without_an_error(world: World, mine: Client) -> None:
    call = await a_call(world, started(), *to_agent(), *ended())
    before = len(world.control.ended)
    assert (await mine.ask("POST", f"/v1/tm/calls/{call}/end")).json == {"ok": True}
    assert len(world.control.ended) == before
    assert (await mine.ask("POST", f"/v1/tm/calls/{uuid4()}/end")).status == 404


async def test_a_call_cannot_be_ended_while_asterisk_is_away_or_the_engine_has_not_found_it_again(
    world: World, mine: Client
) -> None:
    call = await a_call(world, started())
    unknown = await mine.ask("POST", f"/v1/tm/calls/{call}/end")
    assert (unknown.status, unknown.code) == (503, "INTEGRATION_DOWN")
    world.control.connected = False
    away = await mine.ask("POST", f"/v1/tm/calls/{call}/end")
    assert (away.status, away.code, away.headers["Retry-After"]) == (503, "INTEGRATION_DOWN", "2")
