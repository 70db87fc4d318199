import pytest

from tests.bench import report
from tests.bench.levers import AS_SHIPPED, LEVERS
from tests.bench.load import Step
from tests.bench.pairs import Pair, effect
from tests.bench.run import FULL, Results

pytestmark = pytest.mark.unit


def _step(mode: str, asterisk_ms: float, program_ms: float = 1.0) -> Step:
    return Step(
        mode=mode, rate=60.0, calls=480, failed=0, retransmissions=0, late_s=0.0, asterisk_ms=asterisk_ms,
        program_ms=program_ms, postgres_ms=0.0, sipp_ms=0.5, others=0.0, answer_p50=1.0, answer_p99=2.0, captured=None,
    )  # fmt: skip


def test_only_the_named_part_of_the_page_changes() -> None:
    page = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n<!-- bench:y -->\nkept\n<!-- /bench:y -->\n"
    assert report.replaced(page, "x", "new \\1") == page.replace("old", "new \\1")


def test_a_page_without_the_part_is_refused() -> None:
    with pytest.raises(ValueError, match="no part x"):
        report.replaced("nothing here", "x", "new")


def test_the_shipped_page_has_every_part() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    for part in ("modes", "levers", "writer"):
        report.replaced(page, part, "")


def test_ratios_are_of_medians_and_a_failed_mode_says_why() -> None:
    results = Results(
        at_rate={"dialplan": [_step("dialplan", 4.0, 0.0)], "m3voip": [_step("m3voip", 5.0)]},
        ceilings={"dialplan": [390.0, 400.0, 500.0], "m3voip": [310.0, 300.0, 100.0]},
        failed={"aioari": "one\nit did not start"},
    )
    text = report.modes(results, FULL, "today")
    row = next(line for line in text.splitlines() if line.startswith("| (b)"))
    assert "**300**" in row
    assert "75%" in row
    assert "aioari: it did not start" in text


def test_a_lever_is_judged_against_the_zero_of_the_table() -> None:
    lever = LEVERS[0]
    pairs = [
        *(Pair(lever=AS_SHIPPED.name, shipped=_step("a", 4.0), changed=_step("b", 4.4)) for _ in range(3)),
        *(Pair(lever=lever.name, shipped=_step("a", 2.0), changed=_step("b", 2.2 * more)) for more in (1.4, 1.5, 9.0)),
    ]
    assert effect(lever, pairs).asterisk == pytest.approx(0.5)
