"""SIPp, an independent SIP stack, walks every digit path of the mission's tree (bar E-09), all callers at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from m3voip.phones import sipp
from m3voip.phones.sipp import Load
from m3voip.phones.sipp_scenario import HangUp, Plan, Press, Wait
from m3voip.stack.stack import Stack
from tests.support.office import DID, Api

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.usefixtures("stack_unchanged"),
    pytest.mark.skipif(not sipp.is_installed(), reason="SIPp is not installed"),
    pytest.mark.skipif(not sipp.can_press_keys(), reason="SIPp's keys need a raw socket"),
]


@dataclass(frozen=True)
class Path:
    """What a caller does and where it must lead; ``queue`` "" means that they hang up before any."""

    name: str
    steps: tuple[Wait | Press, ...]
    queue: str
    kinds: dict[str, int] = field(default_factory=dict)


IN_QUEUE = Wait(1.5)
RETRY = 14.0
"""Longer than the menu's ten seconds and a word of apology."""

PATHS = (
    Path("sales", (Wait(1), Press("1"), IN_QUEUE), "sales"),
    Path("support", (Wait(1), Press("2"), IN_QUEUE), "support"),
    Path("billing", (Wait(1), Press("3"), IN_QUEUE), "billing"),
    Path("operator", (Wait(1), Press("0"), IN_QUEUE), "support"),
    Path("repeat", (Wait(1), Press("*"), Wait(2), Press("3"), IN_QUEUE), "billing", {"ivr.node_entered": 3}),
    Path("invalid", (Wait(1), Press("9"), Wait(2), Press("2"), IN_QUEUE), "support", {"ivr.invalid": 1}),
    Path("invalid-pound", (Wait(1), Press("#"), Wait(2), Press("1"), IN_QUEUE), "sales", {"ivr.invalid": 1}),
    Path("late", (Wait(RETRY + 8), Press("1"), IN_QUEUE), "sales", {"ivr.no_input": 1}),
    Path("hang-up-in-menu", (Wait(2),), ""),
    Path("hang-up-after-repeat", (Wait(1), Press("*"), Wait(1)), ""),
    Path("hang-up-after-invalid", (Wait(1), Press("8"), Wait(1)), "", {"ivr.invalid": 1}),
)


async def test_every_digit_path_leads_where_the_tree_says(stack: Stack, api: Api) -> None:
    server = (stack.settings.sip_address, stack.settings.sip_udp_port)

    async def walk(index: int, path: Path) -> None:
        caller = f"155503{index:05}"
        plan = Plan(steps=path.steps, ending=HangUp())
        result = await sipp.run(server, DID, plan, Load(caller_id=caller), media_port=52000 + 20 * index)
        assert (result.successful, result.failed) == (1, 0), f"{path.name}: {result.errors}"
        call = await api.ended(caller)
        assert call["queue"] == path.queue, path.name
        kinds = await api.kinds(call["id"])
        for kind, times in path.kinds.items():
            assert kinds.count(kind) == times, f"{path.name}: {kinds}"
        assert kinds[-1] == "call.ended", path.name
        assert ("queue.abandoned" in kinds) == bool(path.queue), path.name

    async with asyncio.TaskGroup() as group:
        for index, path in enumerate(PATHS):
            group.create_task(walk(index, path), name=f"sipp.{path.name}")
