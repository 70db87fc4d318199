"""Fixtures of the fault tests: a stack of their own, and where the long runs write their results."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from m3voip.stack import processes
from m3voip.stack.stack import Stack, fresh_name
from tests.chaos.crowd import prepare
from tests.support.fixtures import in_own_task


@pytest.fixture(scope="session")
async def site() -> AsyncIterator[Stack]:
    """A whole stack with the crowd's number. Parts that are killed all the time are started again without long pauses,
    so that more of the time is spent under fire."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "LONGEST_PAUSE", 0.3)
        patch.setenv("M3VOIP_DRAIN_TIMEOUT", "PT2S")
        async with in_own_task(Stack(instance=fresh_name(), ephemeral=True, seeded=True)) as running:
            await prepare(running)
            yield running


@pytest.fixture
def seed() -> int:
    """Of the crowd and of the faults; printed, so that a failure can be had again (M3VOIP_CHAOS_SEED)."""
    value = int(os.environ.get("M3VOIP_CHAOS_SEED") or int.from_bytes(os.urandom(3), "big"))
    print(f"M3VOIP_CHAOS_SEED={value}")
    return value
