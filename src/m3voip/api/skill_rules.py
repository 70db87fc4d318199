"""Skill rules between the wire and the database, where a rule is the JSON that core.skills reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from m3voip.api.errors import invalid
from m3voip.core.skills import Rule, RuleError, RuleStep, read_rule

_FIELDS = {"after_s": "afterSec", "require": "require"}


def stored_rule(sent: Sequence[dict[str, Any]]) -> str:
    """A rule as it is stored; the error of one that cannot be names the step and the field."""
    steps = [RuleStep(step["after_sec"], step["require"]) for step in sent]
    try:
        read_rule(steps)
    except RuleError as error:
        path = ".".join(filter(None, ("skillRule", str(error.step), _FIELDS.get(error.field, ""))))
        raise invalid(path, f"{error}.") from error
    return msgspec.json.encode(steps).decode()


def shown_rule(stored: str) -> list[dict[str, Any]]:
    """A stored rule as it is answered."""
    return [{"afterSec": step.after_s, "require": step.require} for step in _steps(stored)]


@lru_cache(maxsize=512)
def rule_of(stored: str) -> Rule:
    """A stored rule, read. Lists show every member of many queues, so it is kept."""
    return read_rule(_steps(stored))


def _steps(stored: str) -> list[RuleStep]:
    return msgspec.json.decode(stored, type=list[RuleStep])
