"""What mode (b) needs: its tree as a file in a folder of its own, and its number, entered by the API as a person would.

Law: the service under measurement is `m3voip serve` with the instance's own settings; the bench chooses nothing but where
trees are read from, so that its tree is not among the shipped ones.
"""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import aiohttp
import numpy as np

from m3voip.providers.speech import sound
from tests.bench.instance import HERE, BenchStack
from tests.bench.modes import BY_NAME, SERVICE

TREE = "bench"


def environ(stack: BenchStack) -> dict[str, str]:
    """For the service's process; makes the folder of trees."""
    trees = stack.folders.base / "trees"
    recordings = trees / "prompts"
    recordings.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "bench.yaml", trees / f"{TREE}.yaml")
    write_wave(recordings / "bench.wav", stack.prompt())
    return {"M3VOIP_TREES_DIR": str(trees)}


def write_wave(file: Path, samples: sound.Samples) -> None:
    """16 bit, one channel."""
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, sound.RATE, len(samples), "NONE", ""))
        out.writeframes((samples * 32767).astype(np.int16).tobytes())


async def provision(stack: BenchStack) -> None:
    """Give the tree its number, once; the service must be running. Afterwards Asterisk knows the office's trunk too."""
    base = f"{stack.settings.base_url}/v1/tm"
    key = {"Authorization": f"Bearer {stack.secrets.admin_key}"}
    async with aiohttp.ClientSession(headers=key, raise_for_status=True) as session:
        async with session.get(f"{base}/ivr-trees") as answer:
            trees = (await answer.json())["items"]
        tree = next(item["id"] for item in trees if item["name"] == TREE)
        body = {"number": f"+{SERVICE}", "label": BY_NAME["m3voip"].label, "treeId": tree}
        async with session.post(f"{base}/dids", json=body):
            pass
