"""Fixtures that every kind of test may use, and the order in which the files of tests are run."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.support.fixtures"]

LONG = ("chaos", "docs", "stories", "stack", "asterisk")
"""Folders whose files take long, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no worker waits at the end for another's last one (``make test`` hands out whole files, in
    this order)."""

    def rank(item: pytest.Item) -> int:
        folder = item.nodeid.split("/")[1]
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=rank)
