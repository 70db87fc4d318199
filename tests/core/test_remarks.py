"""Notes and dispositions: what a code demands, and that a call writes down each remark once, wherever its caller is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Call, State
from m3voip.core.disposition import Fault, Required, fault
from m3voip.core.life import step

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("active", "required", "notes", "at", "field"),
    [
        (True, [], "", None, ""),
        (False, [], "", None, "outcomeCode"),
        (True, [Required.NOTES], " \n", None, "notes"),
        (True, [Required.NOTES], "why", None, ""),
        (True, ["notes", "next_attempt_at"], "why", None, "nextAttemptAt"),
        (True, ["next_attempt_at"], "", LATER, ""),
        (True, [], "", NOW, "nextAttemptAt"),
    ],
)
def test_what_is_wrong_with_a_disposition_is_said_by_field(
    active: bool, required: list[str], notes: str, at: datetime | None, field: str
) -> None:
    wrong = fault(active=active, required=required, notes=notes, next_attempt_at=at, now=NOW)
    assert (wrong or Fault("", "")).field == field


@pytest.mark.parametrize("state", [state for state in State if state not in (State.NEW, State.ENDED)])
@pytest.mark.parametrize("hung_up", [None, ev.CallerHungUp(at=NOW)])
def test_a_remark_is_written_down_once_and_changes_nothing_else(state: State, hung_up: ev.CallerHungUp | None) -> None:
    call = Call(id=UUID(int=1), tenant_id=UUID(int=2), state=state, leg="l", seq=3, hung_up=hung_up, due_at=LATER)
    told = ev.Remarked(at=NOW, remark=f.CallNoted(note=uuid4(), by=uuid4()))
    made = step(call, told, NOW, None)
    assert [(row.seq, row.fact) for row in made.facts] == [(4, told.remark)]
    assert made.commands == ()
    assert (made.call.state, made.call.hung_up, made.call.due_at) == (state, hung_up, LATER)
    assert step(made.call, told, NOW, None).facts == ()
