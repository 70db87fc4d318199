"""What the documentation tells people to type works."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import subprocess
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
import typer.main

from m3voip.cli import app
from tests.docs.conftest import Checkout
from tests.docs.pages import PAGES, ROOT, Block, blocks, matches, name

pytestmark = pytest.mark.asterisk

RUNNABLE = sorted(
    (page for page in PAGES if any(block.language == "sh" for block in blocks(page))), key=lambda page: len(page.parts)
)
"""Those on top first, as people read: the tutorial speaks of an office that nobody has changed yet."""
SECONDS = 300.0
_MARK = "=== block at line "
_STARTS_OR_STOPS = re.compile(r"\bmake (?!status)\w+|\bstack (up|down|clean|supervise)\b")


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("page", RUNNABLE, ids=name)
async def test_every_command_of_a_page_does_what_the_page_says(checkout: Checkout, page: Path, tmp_path: Path) -> None:
    commands = [block for block in blocks(page) if block.language == "sh"]
    script = "".join(f"printf '\\n%s\\n' '{_MARK}{block.line}'\n{block.text}" for block in commands)
    output = tmp_path / "output"
    status = await _bash(script, checkout, output)
    printed = _by_block(output.read_text())
    if status != 0:
        last, text = printed[-1]
        pytest.fail(f"{name(page)}, the block at line {last} failed with {status}:\n{text}", pytrace=False)
    for block, (line, text) in zip(commands, printed, strict=True):
        assert line == block.line
        if block.prints is not None and not matches(block.prints, text):
            pytest.fail(f"{name(page)}, the block at line {line} printed instead:\n{text}", pytrace=False)


async def _bash(script: str, checkout: Checkout, output: Path) -> int:
    path = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", script, cwd=checkout.folder, stdin=subprocess.DEVNULL, stdout=file,
            stderr=file, env={**os.environ, **checkout.environ, "PATH": path, "COLUMNS": "120"}, start_new_session=True,
        )  # fmt: skip
        try:
            return await asyncio.wait_for(process.wait(), SECONDS)
        finally:  # phones left in the background, too
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def _by_block(output: str) -> list[tuple[int, str]]:
    parts = re.split(rf"^{_MARK}(\d+)\n", output, flags=re.MULTILINE)
    return [(int(line), text) for line, text in zip(parts[1::2], parts[2::2], strict=True)]


async def test_the_metrics_that_are_explained_are_those_of_a_live_scrape(checkout: Checkout) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{checkout.stack.settings.base_url}/metrics") as reply:
        scrape = await reply.text()
    live = set(re.findall(r"^# TYPE (m3voip_\w+?)(?<!_created) ", scrape, re.MULTILINE))
    page = (ROOT / "docs" / "howto" / "read-the-logs-and-metrics.md").read_text()
    assert set(re.findall(r"`(m3voip_\w+)`", page)) == live


@pytest.mark.parametrize("page", RUNNABLE, ids=name)
def test_no_page_starts_or_stops_the_stack_in_a_block_that_is_run(page: Path) -> None:
    for block in blocks(page):
        if block.language == "sh":
            assert not _STARTS_OR_STOPS.search(block.text), f"{name(page)}:{block.line} belongs into a console block"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_target_and_every_m3voip_command_shown_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    typed = [line for block in blocks(page) if block.language in ("sh", "console", "") for line in _lines(block)]
    typed += re.findall(r"`([^`\n]+)`", text)
    for line in typed:
        words = _words(line)
        for word, after in pairwise(words):
            if word == "make":
                assert after in targets or after.startswith("-"), f"{name(page)}: there is no `make {after}`"
        if "m3voip" in words[:3] and not _is_a_command(words[words.index("m3voip") + 1 :]):
            raise AssertionError(f"{name(page)}: there is no such command: {line}")


def _lines(block: Block) -> list[str]:
    return [line.removeprefix("$ ") for line in block.text.replace("\\\n", " ").splitlines()]


def _words(line: str) -> list[str]:
    try:
        return [Path(word).name if word.endswith("m3voip") else word for word in shlex.split(line, comments=True)]
    except ValueError:  # half a sentence, an apostrophe
        return []


def _is_a_command(words: list[str]) -> bool:
    """Whether the words name a command of ours; words behind it are its arguments."""
    node = typer.main.get_command(app)
    for word in words:
        commands = getattr(node, "commands", None)
        if commands is None or word == "…":
            return True
        if word.startswith("-"):
            continue
        if word not in commands:
            return word == "name" or "--instance" in words
        node = commands[word]
    return True
