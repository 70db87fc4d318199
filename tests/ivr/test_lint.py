"""Bar E-09: every seeded fault is found at its line with its code and nothing else; good trees raise no alarm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from m3voip.ivr import lint
from m3voip.ivr.compile import compile_text
from m3voip.ivr.finding import CODES, TreeError
from m3voip.ivr.known import Known
from m3voip.ivr.model import read
from tests.ivr.support import TREES

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent / "trees"
GOOD = sorted((HERE / "good").glob("*.yaml")) + sorted(TREES.glob("*.yaml"))
BAD = sorted((HERE / "bad").glob("*.yaml"))

KNOWN = Known(
    queues=frozenset({"sales", "support", "billing"}),
    boxes=frozenset({"sales", "support", "billing"}),
    extensions=frozenset({"101", "102", "103", "0100"}),
    conferences=frozenset({"800", "801"}),
    files=dict.fromkeys(("jingle.wav", "en/main-menu.flac", "en/wrong.ogg"), "0" * 64),
    voices=frozenset({"slt", "rms", "kal"}),
)


def test_there_are_twenty_good_trees_and_more_than_twenty_faults() -> None:
    assert len(GOOD) >= 20
    assert len(BAD) >= 20


@pytest.mark.parametrize("file", GOOD, ids=lambda path: path.stem)
def test_a_good_tree_raises_no_alarm(file: Path) -> None:
    assert lint.check(read(file.read_text(encoding="utf-8"), file.stem), KNOWN) == ()
    compile_text(file.read_text(encoding="utf-8"), name=file.stem, version=1, known=KNOWN)


@pytest.mark.parametrize("file", BAD, ids=lambda path: path.stem)
def test_a_fault_is_found_at_its_line_and_nothing_else(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    expected = re.match(r"# expect: (\w+) ([a-z-]+) line (\d+)", text)
    assert expected is not None
    found = {(f.severity.value, f.code, f.line) for f in lint.check(read(text, file.stem), KNOWN)}
    assert found == {(expected[1], expected[2], int(expected[3]))}


@pytest.mark.parametrize("file", BAD, ids=lambda path: path.stem)
def test_every_finding_says_what_to_do_and_keeps_errors_from_going_live(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    findings = lint.check(read(text, file.stem), KNOWN)
    for finding in findings:
        assert finding.code in CODES
        assert finding.message
        assert finding.advice
        assert "Expected `" not in finding.message, "msgspec's words are not ours"
    if lint.errors(findings):
        with pytest.raises(TreeError, match=findings[0].code):
            compile_text(text, name=file.stem, version=1, known=KNOWN)


def test_every_code_has_a_seeded_fault() -> None:
    seeded = {file.read_text(encoding="utf-8").split()[3] for file in BAD}
    assert seeded == set(CODES)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "wrong-type"),
        ("just words", "wrong-type"),
        ("- a\n- list", "wrong-type"),
        ("version: 1\nentry: a\nnodes: []", "wrong-type"),
        ("version: 1\nentry: a\nnodes: {a: [1]}", "one-verb"),
        ("version: 1\nentry: a\nnodes: {a: {hangup: {say: [x]}}}", "wrong-type"),
        ("a: &x {}\nb: *x", "bad-yaml"),
        ("a: [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]", "bad-yaml"),
        ("version: 1\n---\nversion: 1", "bad-yaml"),
        ("x" * 300_000, "bad-yaml"),
        ("a: \x00", "bad-yaml"),
        ("? {a: b}\n: c", "bad-yaml"),
    ],
)
def test_whatever_is_sent_becomes_a_finding_and_never_an_exception(text: str, code: str) -> None:
    assert [finding.code for finding in lint.check(read(text, "t"))] == [code]


def test_a_deep_text_is_refused_before_it_is_read() -> None:
    assert [f.code for f in lint.check(read("[" * 200_000, "t"))] == ["bad-yaml"]


def test_several_faults_are_told_at_once_and_broken_nodes_hide_no_others() -> None:
    text = "version: 1\nentry: a\nnodes:\n  a: {say: {txt: Hi.}}\n  b: {say: {text: Hi., then: c}}\n  d: {goto: a}\n"
    found = [(f.node, f.code) for f in lint.check(read(text, "t"))]
    assert found == [("a", "unknown-field"), ("b", "unknown-target")]


def test_a_name_that_nearly_fits_is_proposed() -> None:
    text = "version: 1\nentry: a\nnodes:\n  a: {goto: salse}\n  sales: {hangup: }\n"
    (finding, *_) = [f for f in lint.check(read(text, "t")) if f.code == "unknown-target"]
    assert finding.advice == "write sales"
    assert (
        finding.shown("t.yaml") == "t.yaml:4: error [unknown-target] node 'a': there is no node 'salse' → write sales"
    )
