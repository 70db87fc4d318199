"""Generated pages are what the code says today."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3voip.core import agent_diagram
from m3voip.core.agent import AgentState
from m3voip.core.call import State
from m3voip.core.diagram import edges, page

pytestmark = pytest.mark.unit

DOCS = Path(__file__).parents[2] / "docs" / "reference"


def test_the_diagram_of_a_call_is_the_code_s() -> None:
    current = (DOCS / "call-states.md").read_text()
    assert current == page(), "run: python -m m3voip.core.diagram > docs/reference/call-states.md"


def test_every_state_can_be_reached_and_every_state_can_end() -> None:
    found = list(edges())
    assert {after for _, _, after in found} == set(State) - {State.NEW}
    living = set(State) - {State.NEW, State.ENDED}
    assert {before for before, event, after in found if event == "CallerHungUp" and after is State.ENDED} == living


def test_the_diagram_of_an_agent_is_the_code_s() -> None:
    current = (DOCS / "agent-states.md").read_text()
    assert current == agent_diagram.page(), "run: python -m m3voip.core.agent_diagram > docs/reference/agent-states.md"


def test_every_state_of_an_agent_can_be_reached_and_left() -> None:
    found = list(agent_diagram.edges())
    assert {before for before, _, _ in found} == {after for _, _, after in found} == set(AgentState)
