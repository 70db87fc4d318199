"""A queue's figures are those that a person with paper and pencil finds in its visits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from m3voip.core import facts as f
from m3voip.core.causes import EndReason, QueueExit
from tests.api import fakes
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import new_id, started, story
from tests.api.test_setup import queue

pytestmark = pytest.mark.postgres

MORNING = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
ANSWERED = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20, 20.5, 25, 30, 60, 90, 140]
"""20 answered, 14 of them within 20 s; together 476.5 s."""
ABANDONED = [0.5, 3, 5, 5.5, 21, 40, 200]
"""7 abandoned, 3 of them within 5 s."""
LEFT = [(QueueExit.TIMEOUT, 300), (QueueExit.TIMEOUT, 300), (QueueExit.FULL, 0), (QueueExit.JOIN_EMPTY, 0)]
WAITING = 2
"""33 visits in all; offered: 20 + 7 - 3 + 4 = 28."""


async def visit(world: World, client: Client, name: str, at: datetime, *facts: f.AnyFact, visits: int = 1) -> None:
    entered = f.QueueEntered(queue=name, visit=visits, record=False, timeout_s=300)
    rows = story(client.tenant, new_id(at), at - timedelta(seconds=1), started(), entered, *facts)
    await world.writer.write(*rows)


def answered(name: str, waited: float) -> f.CallConnected:
    return f.CallConnected(extension="101", queue=name, waited_s=waited)


async def a_day(world: World, client: Client, name: str) -> None:
    times = iter(MORNING + timedelta(minutes=n) for n in range(100))
    for waited in ANSWERED:
        await visit(world, client, name, next(times), answered(name, waited))
    for waited in ABANDONED:
        await visit(world, client, name, next(times), f.QueueCallAbandoned(queue=name, waited_s=waited))
    for exit_, waited in LEFT:
        await visit(world, client, name, next(times), f.QueueExited(queue=name, exit=exit_, waited_s=waited))
    for _ in range(WAITING):
        await visit(world, client, name, next(times))
    outside = (MORNING - timedelta(seconds=1), MORNING + timedelta(hours=2))
    for at in outside:
        await visit(world, client, name, at, answered(name, 1))
    await visit(world, client, f"{name}x", MORNING, answered(f"{name}x", 1))


async def test_the_figures_of_a_day_are_those_counted_by_hand(world: World, mine: Client, theirs: Client) -> None:
    made = await queue(mine, serviceLevelSec=20, shortAbandonSec=5)
    await a_day(world, mine, made["name"])
    await visit(world, theirs, made["name"], MORNING, answered(made["name"], 1))
    path, window = f"/v1/tm/queues/{made['id']}/figures", {"from": "2026-11-02T08:00:00Z", "to": "2026-11-02T10:00:00Z"}
    figures = (await mine.get(path, **window)).json
    counts = ("answered", "answeredInTime", "abandoned", "shortAbandoned", "left", "undecided", "offered")
    assert [figures[name] for name in counts] == [20, 14, 7, 3, 4, 2, 28]
    assert figures["serviceLevel"] == 0.5  # 14 / 28
    assert figures["answerRate"] == 0.7143  # 20 / 28
    assert figures["abandonRate"] == 0.1429  # (7 - 3) / 28
    assert figures["asaSec"] == 23.825  # 476.5 / 20
    assert figures["longestWaitSec"] == 300
    assert (figures["waiting"], figures["longestWaitNowSec"]) == (None, None)
    assert (await mine.get(path, **window, serviceLevelSec="60")).json["serviceLevel"] == 0.6429  # 18 / 28
    world.live.queues[mine.tenant, made["name"]] = fakes.Queue(
        waiting=(fakes.Waiting(call_id=None, position=1, since=world.clock.now() - timedelta(seconds=9)),)
    )
    now = (await mine.get(path)).json
    assert (now["answered"], now["serviceLevel"], now["asaSec"]) == (0, None, None)
    assert now["waiting"] == 1
    assert now["longestWaitNowSec"] >= 9


async def test_the_figures_of_all_queues_are_made_from_sums(world: World, mine: Client, theirs: Client) -> None:
    at = datetime(2026, 11, 4, 8, 0, tzinfo=UTC)
    busy, quiet = await queue(mine, serviceLevelSec=20), await queue(mine, serviceLevelSec=10)
    foreign = await queue(theirs, name=busy["name"])
    for n in range(9):
        await visit(world, mine, busy["name"], at + timedelta(minutes=n), answered(busy["name"], 20))
    await visit(world, mine, quiet["name"], at, answered(quiet["name"], 11))
    await visit(world, theirs, foreign["name"], at, answered(foreign["name"], 1))
    window = {"from": "2026-11-04T00:00:00Z", "to": "2026-11-05T00:00:00Z"}
    shown = (await mine.get("/v1/tm/queue-figures", **window)).json
    levels = {item["queueId"]: (item["offered"], item["serviceLevel"]) for item in shown["items"]}
    assert (levels[busy["id"]], levels[quiet["id"]]) == ((9, 1.0), (1, 0.0))
    assert foreign["id"] not in levels
    total = shown["total"]
    assert (total["offered"], total["serviceLevel"], total["asaSec"]) == (10, 0.9, 19.1)  # not (1.0 + 0.0) / 2
    too_long = await mine.get("/v1/tm/queue-figures", **{**window, "to": "2026-11-06T00:00:00Z"})
    assert (too_long.status, too_long.paths) == (422, ["from"])


async def test_a_day_begins_where_the_tenant_is(world: World, mine: Client) -> None:
    made = await queue(mine)
    path = f"/v1/tm/queues/{made['id']}/figures"
    await world.owner.execute("UPDATE tenant SET time_zone = 'Asia/Dubai' WHERE tenant_id = $1", mine.tenant)
    try:
        shown = (await mine.get(path, to="2026-11-02T21:00:00Z")).json
    finally:
        await world.owner.execute("UPDATE tenant SET time_zone = 'UTC' WHERE tenant_id = $1", mine.tenant)
    assert (shown["from"], shown["to"]) == ("2026-11-02T20:00:00Z", "2026-11-02T21:00:00Z")


@pytest.mark.parametrize(
    "window",
    [{"from": "2026-11-02T08:00:00Z", "to": "2026-11-02T08:00:00Z"}, {"from": "2026-01-01T00:00:00Z"}, {"to": "x"}],
)
async def test_a_time_that_is_none_or_too_long_is_refused(mine: Client, window: dict[str, str]) -> None:
    made = await queue(mine)
    answer = await mine.get(f"/v1/tm/queues/{made['id']}/figures", **window)
    assert answer.status == 422
    assert answer.paths == (["to"] if window.get("to") == "x" else ["from"])


async def test_what_counts_as_short_is_what_the_queue_said_then(world: World, mine: Client) -> None:
    made, call = await queue(mine, shortAbandonSec=10), new_id()
    gone = f.QueueCallAbandoned(queue=made["name"], waited_s=8)
    over = f.CallEnded(reason=EndReason.CALLER_HUNG_UP, cause=16, duration_s=9)
    entered = f.QueueEntered(queue=made["name"], visit=1, record=False)
    began = world.clock.now() - timedelta(minutes=1)
    rows = story(mine.tenant, call, began, started(), entered, gone, over)
    await world.writer.write(*rows[:2])  # the visit is there before it ends
    await world.writer.write(*rows[2:])
    path = f"/v1/tm/calls/{call}"
    assert (await mine.get(path)).json["queueVisits"][0]["shortAbandoned"] is True
    await mine.ask("PATCH", f"/v1/tm/queues/{made['id']}", {"shortAbandonSec": 0})
    assert (await mine.get(path)).json["queueVisits"][0]["shortAbandoned"] is True
    await visit(world, mine, made["name"], began, gone)
    window = {"from": (began - timedelta(minutes=1)).isoformat()}
    figures = (await mine.get(f"/v1/tm/queues/{made['id']}/figures", **window)).json
    assert (figures["abandoned"], figures["shortAbandoned"]) == (2, 1)
