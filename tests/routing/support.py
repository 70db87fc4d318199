"""Routes for the tests, and what they lead to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from m3voip.core.office import Place
from m3voip.engine.places import tree_of
from m3voip.ivr.compile import compile_text
from m3voip.routing.decide import CompiledRules
from m3voip.routing.destination import Destination
from m3voip.routing.flow import CompiledRoute
from m3voip.routing.model import Route

TREE, QUEUE, OTHER, BOX, AGENT = (UUID(int=n) for n in range(1, 6))
PLACES = {
    TREE: Place(kind="tree", name="main"), QUEUE: Place(kind="queue", name="sales"),
    OTHER: Place(kind="queue", name="support"), BOX: Place(kind="mailbox", name="801"),
    AGENT: Place(kind="agent", name="101"),
}  # fmt: skip
KEY = b"0123456789abcdef"

TO_TREE, TO_QUEUE, TO_OTHER = {"tree_id": str(TREE)}, {"queue_id": str(QUEUE)}, {"queue_id": str(OTHER)}
TO_BOX, TO_AGENT, REJECT = {"mailbox_id": str(BOX)}, {"agent_id": str(AGENT)}, {"reject": True}

_TREES = {
    "tree": "  hello: {say: {text: Hello., then: desk}}\n  desk: {queue: {name: sales, priority: 2, overflow: bye}}\n",
    "queue": "  desk: {queue: {name: NAME, overflow: bye}}\n",
    "mailbox": '  box: {voicemail: {box: "NAME", then: bye}}\n',
    "agent": '  ring: {dial: {extension: "NAME", overflow: bye}}\n',
}
_ENTRIES = {"tree": "hello", "queue": "desk", "mailbox": "box", "agent": "ring"}


def route(*rules: dict[str, Any], otherwise: dict[str, Any] = TO_TREE, **more: Any) -> Route:
    """A route from what the API would have stored."""
    return msgspec.convert({"rules": list(rules), "otherwise": otherwise, **more}, Route)


def rule(name: str, to: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, **({"to": to} if to else {}), **more}


def rules_of(*rules: dict[str, Any], **more: Any) -> CompiledRules:
    return CompiledRules(route(*rules, **more), KEY)


def flow_of(
    written: Route, *, lists: Mapping[str, str] | None = None, without: frozenset[UUID] = frozenset()
) -> CompiledRoute:
    """A route for calls. ``lists``: digits of a caller → the list they are on; ``without``: what cannot be reached."""
    destinations = {}
    for place_id, place in PLACES.items():
        text = f"version: 1\nentry: {_ENTRIES[place.kind]}\nnodes:\n{_TREES[place.kind]}  bye: {{hangup: Goodbye.}}\n"
        version = 7 if place.kind == "tree" else 0
        tree = compile_text(text.replace("NAME", place.name), name=tree_of(place), version=version)
        destinations[place_id] = Destination(
            kind=place.kind, name=place.name, flow=None if place_id in without else tree
        )

    def listed(digits: str, _now: datetime) -> tuple[frozenset[str], str]:
        found = (lists or {}).get(digits)
        return (frozenset({found}) if found else frozenset()), ""

    return CompiledRoute(
        name="main-line", version=3, rules=CompiledRules(written, KEY), destinations=destinations, listed=listed
    )
