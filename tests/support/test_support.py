"""The helpers themselves: they must fail when they should."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.eventually import eventually, never
from tests.support.leaks import nothing_left
from tests.support.tones import has_tone, is_silent, tone_seconds


async def test_eventually_returns_the_first_true_value_and_says_what_did_not_happen() -> None:
    values = iter([0, None, "", 7])
    assert await eventually(lambda: next(values), 1, every=0) == 7

    async def later() -> bool:
        return False

    with pytest.raises(AssertionError, match=r"the rain did not happen within .* last: False"):
        await eventually(later, 0.1, what="the rain")
    with pytest.raises(KeyError):
        await eventually(lambda: os.environ["M3VOIP_NOT_SET_ANYWHERE"], 1)
    with pytest.raises(AssertionError, match="happened after"):
        await never(lambda: True, 0.1)


def test_tones_are_found_on_their_channel_and_in_their_time(tmp_path: Path) -> None:
    rate = 8000
    second = np.arange(rate) / rate
    left = np.concatenate([np.zeros(rate), 0.3 * np.sin(2 * np.pi * 440 * second)])
    right = np.concatenate([0.3 * np.sin(2 * np.pi * 600 * second), np.zeros(rate)])
    path = tmp_path / "call.flac"
    soundfile.write(path, np.stack([left, right], axis=1), rate)
    assert has_tone(path, 0, 440, 1.0)
    assert has_tone(path, 1, 600, 0.0, 1.0)
    assert not has_tone(path, 0, 600, 1.0)
    assert is_silent(path, 0, 0.0, 0.9)
    assert not is_silent(path, 1, 0.0, 0.9)
    assert tone_seconds(path, 1, 600) == pytest.approx(1.0, abs=0.11)
    with pytest.raises(AssertionError, match="no channel 2"):
        has_tone(path, 2, 440)
    with pytest.raises(AssertionError, match="nothing from 3"):
        has_tone(path, 0, 440, 3.0)


@pytest.mark.parametrize("left", ["channels", "bridges"])
async def test_the_leak_check_finds_what_asterisk_kept(left: str) -> None:
    counts = {"channels": 0, "bridges": 0}

    async def cli(command: str) -> str:
        if command.startswith("bridge"):
            return "Bridge-ID Name\n" + "b holding\n" * counts["bridges"]
        return f"{counts['channels']} active channels\n"

    async with nothing_left(cli):
        pass
    with pytest.raises(AssertionError, match=left):
        async with nothing_left(cli, within=0.1):
            counts[left] = 1


async def test_the_leak_check_finds_a_task_left_behind() -> None:
    async def cli(command: str) -> str:
        return "Bridge-ID\n" if command.startswith("bridge") else "0 active channels\n"

    with pytest.raises(AssertionError, match="tasks left"):
        async with nothing_left(cli, within=0.1):
            forgotten = asyncio.create_task(asyncio.sleep(60), name="forgotten")
    forgotten.cancel()
