"""The bans as rules for the kernel: whole, in one transaction, each ending by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from m3voip.commands.bans import nft_rules

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
