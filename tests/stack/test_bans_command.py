"""``m3voip bans``: letting somebody in again by address, and rules for the kernel: whole, in one transaction, each ending by
itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from m3voip.commands import bans
from m3voip.commands.bans import nft_rules
from m3voip.stack.errors import StackError

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)


def test_each_source_ends_with_its_ban() -> None:
    rules = nft_rules(
        [
            {"source": "203.0.113.7/32", "until": "2026-11-25T10:05:00Z"},
            {"source": "2001:db8::/64", "until": "2026-11-25T10:00:30Z"},
            {"source": "203.0.113.8/32", "until": "2026-11-25T09:59:00Z"},
        ],
        NOW,
    )
    assert "elements = { 203.0.113.7/32 timeout 300s }" in rules
    assert "elements = { 2001:db8::/64 timeout 30s }" in rules
    assert "203.0.113.8" not in rules
    assert rules.startswith("table inet m3voip\ndelete table inet m3voip\ntable inet m3voip {\n")
    assert rules.count("{") == rules.count("}")


def test_without_bans_there_is_nothing_to_drop() -> None:
    assert "elements" not in nft_rules([], NOW)


class Node:
    """Answers as the API does, two bans a page."""

    def __init__(self, *sources: str) -> None:
        self.sources = dict(enumerate(sources))

    async def ask(
        self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None
    ) -> dict[str, object]:
        if method == "DELETE":
            del self.sources[int(path.rpartition("/")[2])]
            return {}
        begin = int((query or {}).get("cursor", 0))
        rows = [
            {"id": n, "source": one, "why": "hammering", "earlier": 0, "since": "-", "until": "-"}
            for n, one in self.sources.items()
        ]
        return {"items": rows[begin : begin + 2], "nextCursor": str(begin + 2) if len(rows) > begin + 2 else None}


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node("203.0.113.7/32", "203.0.113.8/32", "2001:db8::/64")

    @asynccontextmanager
    async def running() -> AsyncIterator[Node]:
        yield made

    monkeypatch.setattr(bans, "running_api", running)
    return made


@pytest.mark.parametrize(("address", "left"), [("203.0.113.8", 2), ("2001:db8::9", 2)])
async def test_an_address_is_let_in_again_and_the_rest_stays(
    node: Node, address: str, left: int, capsys: pytest.CaptureFixture[str]
) -> None:
    await bans.run(lift=address, nft=False, as_json=False)
    assert len(node.sources) == left
    assert "203.0.113.7/32" in capsys.readouterr().out


@pytest.mark.parametrize(("address", "why"), [("203.0.113.9", "is not banned"), ("office", "is not an IP address")])
async def test_what_cannot_be_lifted_is_said(node: Node, address: str, why: str) -> None:
    with pytest.raises(StackError, match=why):
        await bans.run(lift=address, nft=False, as_json=False)
    assert len(node.sources) == 3
