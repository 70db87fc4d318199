"""The pages of the documentation, and the blocks of commands in them.

Law: what stands in a ```` ```sh ```` block works. All such blocks of a page are run from top to bottom in one bash, in a
folder that looks like the checkout of a running stack; each must succeed. A ```` ```text ```` block right after one is
what it prints, where ``…`` stands for anything. ```` ```console ```` is shown and not run: it starts, stops or installs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]))

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block. ``line`` is that of its first line of text, from 1."""

    language: str
    text: str
    line: int
    prints: str | None = None


def name(page: Path) -> str:
    """How a page is called in messages."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order; what an ``sh`` block prints is part of it."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    end_of_commands = None
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start("text")) + 1
        between = text[end_of_commands : match.start()] if end_of_commands is not None else "something"
        if match["language"] == "text" and not between.strip():
            commands = found.pop()
            found.append(Block(language="sh", text=commands.text, line=commands.line, prints=match["text"]))
        else:
            found.append(Block(language=match["language"], text=match["text"], line=line))
        end_of_commands = match.end() if match["language"] == "sh" else None
    return found


def prose(page: Path) -> str:
    """A page without its blocks; commands in the text stay as words."""
    return re.sub(r"`([^`\n]*)`", lambda code: code[1].replace("](", "] ("), _FENCE.sub("", page.read_text("utf-8")))


def matches(expected: str, printed: str) -> bool:
    """Whether a block printed what the page shows: the same lines, ``…`` standing for anything."""
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None
