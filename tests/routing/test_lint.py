"""Every fault of a route is found at its field; good routes raise no alarm."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from m3voip.routing.lint import check
from tests.routing.support import (
    PLACES,
    REJECT,
    TO_AGENT,
    TO_BOX,
    TO_OTHER,
    TO_QUEUE,
    TO_TREE,
    route,
    rule,
)

pytestmark = pytest.mark.unit

KNOWN = {place_id: place.kind for place_id, place in PLACES.items()}
CRM = {"path": "/v1/callers", "extract": {"vip": "data.vip", "owner": "data.owner"}}
NOWHERE = {"queue_id": str(UUID(int=99))}
ZONE = {"timezone": "Europe/Berlin"}


def faults(*rules: dict[str, Any], **more: Any) -> list[str]:
    found = check(route(*rules, **more), KNOWN)
    assert all(len(fault.message) > 10 for fault in found)
    return [fault.field for fault in found]


@pytest.mark.parametrize(
    ("rules", "more"),
    [
        ((), {}),
        ((rule("a", TO_QUEUE, when={"lists": ["vip"]}), rule("b", TO_OTHER)), {}),
        ((rule("a", TO_QUEUE, when={"week": {"mon-fri": "09:00-17:00"}}), rule("b", TO_BOX, when={"holiday": True})),
         {"timezone": "America/New_York", "holidays": ["US-MA", "DE-BY"]}),
        ((rule("a", when={"countries": ["DE"]}, set={"language": "de"}), rule("b", TO_AGENT, when={"countries": ["DE"]})), {}),
        ((rule("a", split=[{"percent": 50, "to": TO_QUEUE}, {"percent": 50, "to": REJECT}]),), {}),
        ((rule("a", TO_QUEUE, when={"crm": {"vip": "true"}}, preferred={"crm": "owner"}),), {"crm": CRM}),
        ((rule("a", TO_QUEUE, when={"lists": ["vip"]}), rule("b", TO_BOX, when={"lists": ["press"]})), {}),
        ((rule("a", TO_QUEUE, when={"withheld": True}),), {}),
    ],
)  # fmt: skip
def test_a_good_route_raises_no_alarm(rules: tuple[dict[str, Any], ...], more: dict[str, Any]) -> None:
    assert faults(*rules, **more) == []


@pytest.mark.parametrize(
    ("rules", "more", "field"),
    [
        ((), {"otherwise": NOWHERE}, "otherwise.queueId"),
        ((), {"otherwise": {}}, "otherwise"),
        ((), {"otherwise": {**TO_QUEUE, **TO_TREE}}, "otherwise"),
        ((), {"otherwise": {**TO_QUEUE, **REJECT}}, "otherwise"),
        ((rule("a", NOWHERE),), {}, "rules.0.to.queueId"),
        ((rule("a", {"tree_id": TO_QUEUE["queue_id"]}),), {}, "rules.0.to.treeId"),
        ((rule("a", split=[{"percent": 50, "to": TO_QUEUE}, {"percent": 50, "to": NOWHERE}]),), {}, "rules.0.split.1.to.queueId"),
        ((rule("a", TO_QUEUE, preferred={"agent_id": str(UUID(int=98))}),), {}, "rules.0.preferred.agentId"),
        ((), {"timezone": "Mars/Olympus"}, "timezone"),
        ((rule("a", TO_QUEUE, when={"week": {"mon": "09:00-10:00"}}),), {}, "timezone"),
        ((), {"holidays": ["DE-XX"]}, "holidays.0"),
        ((), {"holidays": ["US", "US-MA"]}, "holidays.1"),
        ((), {"holidays": ["US-MA", "US-MA"]}, "holidays.1"),
        ((), {"crm": {**CRM, "path": "http://elsewhere/x"}}, "crm.path"),
        ((), {"crm": {**CRM, "path": "/a/../b"}}, "crm.path"),
        ((), {"crm": {"path": "/a", "extract": {"Vip": "data.vip"}}}, "crm.extract.Vip"),
        ((), {"crm": {"path": "/a", "extract": {"did": "data.vip"}}}, "crm.extract.did"),
        ((), {"crm": {"path": "/a", "extract": {"vip": "data..vip"}}}, "crm.extract.vip"),
        ((rule("a", TO_QUEUE, when={"withheld": True}), rule("a", TO_BOX, when={"withheld": False})), {}, "rules.1.name"),
        ((rule("a"),), {}, "rules.0"),
        ((rule("a", preferred={"agent_id": TO_AGENT["agent_id"]}),), {}, "rules.0.preferred"),
        ((rule("a", TO_QUEUE, preferred={}),), {}, "rules.0.preferred"),
        ((rule("a", TO_QUEUE, preferred={"last_agent_days": 3, "agent_id": TO_AGENT["agent_id"]}),), {}, "rules.0.preferred"),
        ((rule("a", TO_QUEUE, preferred={"crm": "mood"}),), {"crm": CRM}, "rules.0.preferred.crm"),
        ((rule("a", TO_QUEUE, split=[{"percent": 100, "to": TO_OTHER}]),), {}, "rules.0.split"),
        ((rule("a", split=[{"percent": 50, "to": TO_QUEUE}, {"percent": 49, "to": TO_OTHER}]),), {}, "rules.0.split"),
        ((rule("a", TO_QUEUE, when={"week": {"moon": "09:00-10:00"}}),), ZONE, "rules.0.when.week.moon"),
        ((rule("a", TO_QUEUE, when={"week": {"fri": "22:00-06:00"}}),), ZONE, "rules.0.when.week.fri"),
        ((rule("a", TO_QUEUE, when={"holiday": True}),), ZONE, "rules.0.when.holiday"),
        ((rule("a", TO_QUEUE, when={"withheld": True, "lists": ["vip"]}),), {}, "rules.0.when.withheld"),
        ((rule("a", TO_QUEUE, when={"countries": ["XX"]}),), {}, "rules.0.when.countries.0"),
        ((rule("a", TO_QUEUE, when={"crm": {"vip": "true"}}),), {}, "rules.0.when.crm"),
        ((rule("a", TO_QUEUE, when={"crm": {"mood": "good"}}),), {"crm": CRM}, "rules.0.when.crm.mood"),
        ((rule("a", TO_QUEUE), rule("b", TO_OTHER, when={"lists": ["vip"]})), {}, "rules.1"),
        ((rule("a", TO_QUEUE, when={"lists": ["vip"]}), rule("b", TO_OTHER, when={"lists": ["vip"], "crm": {"vip": "*"}})),
         {"crm": CRM}, "rules.1"),
    ],
)  # fmt: skip
def test_a_fault_is_found_at_its_field_and_nothing_else(
    rules: tuple[dict[str, Any], ...], more: dict[str, Any], field: str
) -> None:
    assert faults(*rules, **more) == [field]
