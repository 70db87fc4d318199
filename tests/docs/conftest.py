"""The stack that the pages' commands are run against: everything, with the sample office, in a folder like a checkout."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from m3voip.stack.runfile import Publisher
from m3voip.stack.stack import Stack, fresh_name
from tests.docs.pages import ROOT
from tests.support.fixtures import in_own_task

CHANGED_BY_READERS = ("dialplans", "scripts")


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where the commands are typed; ``environ`` leads ``m3voip`` to this stack and nowhere else."""

    folder: Path
    environ: dict[str, str]
    stack: Stack


@pytest.fixture(scope="module")
async def checkout(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Checkout]:
    """A stack of its own, because readers change its trees, its office, and kill its service."""
    folder = tmp_path_factory.mktemp("checkout")
    for entry in ROOT.iterdir():
        if entry.name in CHANGED_BY_READERS:
            shutil.copytree(entry, folder / entry.name)
        elif entry.name not in (".m3voip", ".git"):
            (folder / entry.name).symlink_to(entry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("M3VOIP_TREES_DIR", str(folder / "dialplans" / "ivr"))
        stack = Stack(instance=fresh_name(), ephemeral=True, seeded=True)
        publisher = Publisher(stack)
        async with in_own_task(stack):
            publisher.enter("ready")
            (folder / ".m3voip").mkdir()
            (folder / ".m3voip" / "run.json").symlink_to(stack.folders.run_file)
            yield Checkout(folder, {"M3VOIP_INSTANCE": stack.folders.instance}, stack)
