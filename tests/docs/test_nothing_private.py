"""Nothing in the checkout names the machine or the workplace it was written on, or where packages come from there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

pytestmark = pytest.mark.unit

_NOT_OURS = {".git", ".venv", ".m3voip", "__pycache__", ".hypothesis", "node_modules"}
_HOMES = re.compile(r"(?<![\w$\"'}.>)*-])/(?:root|work|home|Users)/[\w.]|(?<![\w.])/tmp/w\b")
_REGISTRIES = re.compile(
    r"\b(?:docker\.io|ghcr\.io|quay\.io|gcr\.io|(?:[\w-]+\.)?pythonhosted\.org|registry\.[\w.-]+\.(?:io|com|org|net|dev)|[\w.-]*artifactory[\w.-]*"
    r"|(?:deb|ftp|security|snapshot)\.debian\.org|(?:archive|ports)\.ubuntu\.com)\b|--(?:extra-)?index-url[ =]",
)


def _files() -> Iterator[Path]:
    folders = [ROOT]
    while folders:
        for entry in sorted(folders.pop().iterdir()):
            if entry.is_symlink() or entry.name in _NOT_OURS or entry.name.endswith(("_cache", ".egg-info")):
                continue
            if entry.is_dir():
                folders.append(entry)
            else:
                yield entry


def _found(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for file in _files():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # sound, pictures
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if file != Path(__file__) and (match := pattern.search(line)):
                found.append(f"{file.relative_to(ROOT)}:{number}: {match[0]}")
    return found


def test_no_file_names_a_folder_of_somebody_s_machine() -> None:
    assert _found(_HOMES) == []


def test_no_file_names_a_registry() -> None:
    assert _found(_REGISTRIES) == []


@pytest.mark.parametrize("text", ["see |work|main|x", "path=|home|jane", "(|root|.pyenv|bin)", "cd |tmp|w && ls"])
def test_what_would_be_found(text: str) -> None:
    """With | for /, so that this file is none of those that it looks for."""
    assert _HOMES.search(text.replace("|", "/"))


@pytest.mark.parametrize("text", ['"$building/root"', "--root/x", "<root>/pg", "/tmp/whole", "network/home/x"])
def test_what_would_not(text: str) -> None:
    assert not _HOMES.search(text)
