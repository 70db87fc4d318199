"""The gate: each rule's yes and no, emergency numbers past all of them, and that a clearance has no other maker."""

from __future__ import annotations

import copy
import pickle
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from m3voip.api.dialling import CODES
from m3voip.compliance import gate
from m3voip.compliance.evidence import DialSettings, Evidence
from m3voip.compliance.rules import RULES
from m3voip.compliance.subject import Service, read
from m3voip.core.clearance import Clearance, Decision, Kind
from m3voip.core.seal import Seal

pytestmark = pytest.mark.unit

US = DialSettings(region="US", max_calls=2, max_calls_per_min=5, caller_id="+12025550100")
FINE = Evidence(
    settings=US, listed=False, shown="", offers=("+12025550100",), verified=frozenset({"+12025550100"}), live=0, recent=0,
    trunks=("a",), trunks_skipped=(),
)  # fmt: skip
IDS: dict[str, UUID] = {"attempt_id": UUID(int=1), "tenant_id": UUID(int=2)}


def refusals(typed: str, evidence: Evidence = FINE) -> list[str]:
    return [verdict.rule for verdict in gate.decide(read(typed, evidence.settings.region), evidence).refused]


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+12025550143", "+12025550143"), ("(202) 555-0143", "+12025550143"), ("1 202 555 0143", "+12025550143"),
        ("+1.202.555.0143", "+12025550143"),
    ],
)  # fmt: skip
def test_a_number_of_the_tenants_country_is_cleared_however_it_is_spelled(typed: str, number: str) -> None:
    decision = gate.decide(read(typed, "US"), FINE)
    clearance = gate.clear(decision, **IDS)
    assert clearance is not None
    assert (clearance.number, clearance.caller_id, clearance.kind) == (number, "+12025550100", Kind.HAND_DIALLED)
    assert len({verdict.rule for verdict in decision.verdicts}) == 7
    assert all(verdict.inputs for verdict in decision.verdicts)


@pytest.mark.parametrize(
    ("typed", "changes", "refused"),
    [
        ("+1202555", {}, ["number", "country"]),
        ("hello", {}, ["number", "country"]),
        ("+442079460123", {}, ["country"]),
        ("+18765551234", {}, ["country"]),  # Jamaica looks like a national number
        ("+19002345678", {}, ["country"]),  # premium, in the tenant's own country
        ("+870773111632", {}, ["country"]),
        ("+12025550143", {"listed": True}, ["do_not_call"]),
        ("+12025550143", {"shown": "+12025550111"}, ["caller_id"]),
        ("+12025550143", {"verified": frozenset()}, ["caller_id"]),
        ("+12025550143", {"offers": ()}, ["caller_id"]),
        ("+12025550143", {"live": 2}, ["calls_at_once"]),
        ("+12025550143", {"recent": 5}, ["calls_per_minute"]),
        ("+12025550143", {"trunks": ()}, ["trunk"]),
        ("+12025550143", {"listed": True, "live": 2}, ["do_not_call", "calls_at_once"]),
        ("+12025550143", {"settings": DialSettings()}, ["country", "calls_at_once", "calls_per_minute"]),
    ],
)
def test_each_rule_refuses_with_a_reason_and_what_to_do(
    typed: str, changes: dict[str, Any], refused: list[str]
) -> None:
    evidence = replace(FINE, **changes)
    decision = gate.decide(read(typed, evidence.settings.region), evidence)
    assert [verdict.rule for verdict in decision.refused] == refused
    assert all(verdict.why and verdict.do for verdict in decision.refused)
    assert gate.clear(decision, **IDS) is None


def test_what_is_allowed_apart_may_be_called() -> None:
    def with_settings(**more: Any) -> Evidence:
        return replace(FINE, settings=replace(US, **more))

    assert refusals("+442079460123", with_settings(countries=("GB",))) == []
    assert refusals("+19002345678", with_settings(premium=True)) == []
    assert refusals("+870773111632", with_settings(satellite=True)) == []
    assert refusals("+870773111632", with_settings(countries=("001",), premium=True)) == ["country"]


def test_the_caller_id_is_the_one_asked_for_or_the_first_that_is_verified() -> None:
    both = frozenset({"+12025550100", "+12025550111"})
    chosen = [
        gate.decide(read("+12025550143", "US"), replace(FINE, shown=shown, offers=offers, verified=both)).caller_id
        for shown, offers in (("+12025550111", ("+12025550100",)), ("", ("+12025550199", "+12025550111")))
    ]
    assert chosen == ["+12025550111", "+12025550111"]


@pytest.mark.parametrize(
    ("typed", "region"),
    [("911", "US"), ("112", ""), ("911", ""), ("112", "US"), ("999", "GB"), ("000", "AU"), ("110", "DE"), ("122", "EG"),
     ("9-1-1", "US")],
)  # fmt: skip
def test_help_is_called_whatever_else_holds(typed: str, region: str) -> None:
    worst = Evidence(
        settings=DialSettings(region=region), listed=True, shown="+12025550111", offers=(), verified=frozenset(), live=9,
        recent=9, trunks=("a",), trunks_skipped=(),
    )  # fmt: skip
    decision = gate.decide(read(typed, region), worst)
    clearance = gate.clear(decision, **IDS)
    assert clearance is not None
    assert (clearance.kind, clearance.number) == (Kind.EMERGENCY, typed.replace("-", ""))
    passed_over = [verdict.rule for verdict in decision.verdicts if "otherwise" in verdict.inputs]
    assert {"do_not_call", "caller_id", "calls_at_once", "calls_per_minute"} <= set(passed_over)
    assert gate.clear(gate.decide(read(typed, region), replace(worst, trunks=())), **IDS) is None


@pytest.mark.parametrize(
    ("typed", "region"), [("999", "US"), ("911000", "US"), ("+911", "US"), ("9112025550143", "US")]
)
def test_what_only_looks_like_a_call_for_help_is_none(typed: str, region: str) -> None:
    assert not read(typed, region).emergency


@given(
    typed=st.text(alphabet="+0123456789 ()-.#*abc\u0661", max_size=20), region=st.sampled_from(["", "US", "GB", "AQ"])
)
def test_whatever_is_typed_is_read_or_refused_and_only_numbers_come_out(typed: str, region: str) -> None:
    subject = read(typed, region)
    decision = gate.decide(subject, replace(FINE, settings=replace(US, region=region)))
    if decision.cleared:
        assert subject.emergency or (subject.number[0] == "+" and subject.number[1:].isdigit())
        assert subject.emergency or subject.service is Service.ORDINARY
        assert subject.number.isascii()


def test_nobody_else_makes_copies_or_changes_a_clearance() -> None:
    clearance = gate.clear(gate.decide(read("+12025550143", "US"), FINE), **IDS)
    assert clearance is not None
    with pytest.raises(TypeError):
        Clearance(Seal(), **IDS, number="+1", caller_id="", kind=Kind.HAND_DIALLED)
    for act in (
        lambda: copy.copy(clearance), lambda: copy.deepcopy(clearance), lambda: pickle.dumps(clearance),
        lambda: setattr(clearance, "number", "+1"), lambda: delattr(clearance, "number"),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            act()
    assert "5550143" not in repr(clearance)
    made_up = Decision(kind=Kind.EMERGENCY, number="+12025550143", caller_id="", verdicts=())
    assert not made_up.cleared
    with pytest.raises(TypeError):
        gate.clear(made_up, **IDS)


def test_every_rule_has_an_error_of_its_own_for_programs() -> None:
    assert set(CODES) == set(RULES)
