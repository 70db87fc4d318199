"""Simulate, graph and the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from m3voip.commands.ivr import app
from m3voip.ivr import graph
from m3voip.ivr.model import read
from m3voip.ivr.simulate import DEFAULT_START, ScriptError, simulate
from tests.ivr.support import TREES, sample
from tests.ivr.test_lint import BAD, GOOD

pytestmark = pytest.mark.unit

MAIN = str(TREES / "main.yaml")


def told(name: str, script: str) -> list[str]:
    return [line.text for line in simulate(sample(name), script, start=DEFAULT_START)]


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


# ---- simulate ----
def test_a_walk_tells_what_the_caller_hears_and_where_they_go() -> None:
    assert told("main", "1,q:timeout,v")[1:] == [
        "hears “Welcome to M3Core Real Estate. Press 1 for sales, 2 for support, 3 for billing.”",
        "presses 1",
        "→ sales (queue)",
        "waits in queue sales, at most 30 s",
        "leaves queue sales: timeout",
        "→ sales_mailbox (voicemail)",
        "leaves a message in mailbox sales",
        "→ goodbye (hangup)",
        "hears “Thank you for calling. Goodbye.”",
        "the call ends: completed",
    ]


def test_time_passes_as_it_would() -> None:
    lines = simulate(sample("main"), "t,t,t,t", start=DEFAULT_START)
    assert lines[-1].text == "waits in queue support, at most 30 s"
    assert 60 < lines[-1].at_s < 80, "four prompts and four times ten seconds"


def test_the_crm_and_typed_digits_can_be_played() -> None:
    assert "hears “The balance of account 1 2 3 4 is 120 dollars.”" in told("account", "1234#,9876,c:balance=120")
    assert "→ sorry (say)" in told("account", "1234#,9876,c:fail")


def test_a_walk_can_end_in_a_talk() -> None:
    assert told("direct-line", "a,h")[-3:] == ["talks with 101", "hangs up", "the call ends: caller_hung_up"]
    assert "→ busy (say)" in told("direct-line", "d:busy")


def test_where_the_caller_waits_is_told_at_the_end() -> None:
    assert told("main", "")[-1] == "waits at 'welcome'"


@pytest.mark.parametrize(
    ("script", "message"),
    [("x", "means nothing"), ("q:", "not queued"), ("q:nowhere,", "not queued"), ("1,q:nowhere", "use q:"),
     ("1,2", "nobody asks for keys"), ("h,1", "has ended"), ("c:fail", "has not been asked"), ("1,t", "nothing is waited")],
)  # fmt: skip
def test_a_script_without_sense_is_explained(script: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        told("main", script)


# ---- graph ----
@pytest.mark.parametrize("file", GOOD, ids=lambda path: path.stem)
def test_a_picture_has_every_node_and_every_way(file: Path) -> None:
    tree = read(file.read_text(encoding="utf-8"), file.stem).tree
    dot, mermaid = graph.dot(tree), graph.mermaid(tree)
    for name in tree.nodes:
        assert re.search(rf'^    "{name}" \[', dot, re.MULTILINE)
        assert f'"{name}<br/>' in mermaid
    assert len(re.findall(" -> ", dot)) == len(graph.edges(tree)) + 1
    assert len(re.findall(" -->", mermaid)) == len(graph.edges(tree)) + 1


def test_texts_cannot_break_a_picture() -> None:
    text = 'version: 1\nentry: a\nnodes:\n  a: {hangup: "Say \\"#1\\" <b> \\\\ now"}\n'
    tree = read(text, "t").tree
    assert "#quot;#35;1#quot; #lt;b#gt;" in graph.mermaid(tree)
    assert '\\"#1\\" <b> \\\\ now' in graph.dot(tree)


# ---- the command line ----
def test_check_passes_the_shipped_trees() -> None:
    assert run("check", *(str(path) for path in TREES.glob("*.yaml"))) == (0, "4 checked, nothing found\n")


def test_check_names_file_line_and_remedy() -> None:
    faulty = next(path for path in BAD if path.stem == "unknown-target")
    code, output = run("check", str(faulty))
    assert code == 1
    assert f"{faulty}:8: error [unknown-target] node 'main': there is no node 'salse' → write sales\n" in output


def test_warnings_fail_only_when_strict() -> None:
    unreachable = str(next(path for path in BAD if path.stem == "unreachable-node"))
    assert run("check", unreachable)[0] == 0
    assert run("check", "--strict", unreachable)[0] == 1


def test_check_can_answer_in_json_and_knows_queues_it_is_told() -> None:
    code, output = run("check", "--json", "--queue", "sales", "--box", "sales", MAIN)
    found = json.loads(output)[MAIN]
    assert code == 1
    assert {finding["code"] for finding in found} == {"unknown-queue", "unknown-box"}


def test_simulate_and_graph_work_from_the_command_line() -> None:
    code, output = run("simulate", MAIN, "2,q:full")
    assert code == 0
    assert "leaves a message in mailbox support" in output
    assert run("simulate", MAIN, "x")[0] == 2
    assert run("graph", MAIN)[1].startswith("flowchart TD\n")
    assert run("graph", MAIN, "--form", "dot")[1].startswith('digraph "main" {')


def test_a_faulty_tree_is_neither_drawn_nor_walked() -> None:
    faulty = str(next(path for path in BAD if path.stem == "bare-star"))
    assert run("graph", faulty)[0] == 1
    assert run("simulate", faulty, "1")[0] == 1


def test_every_example_of_the_reference_works() -> None:
    page = (TREES.parents[1] / "docs/reference/ivr.md").read_text(encoding="utf-8")
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    assert read(example, "t").findings == ()
    for line in re.findall(r"^m3voip ivr (\w+) dialplans/ivr/(\S+)(?: +\"(.*?)\")?", page, re.MULTILINE):
        command, name, script = line
        files = [str(path) for path in TREES.glob(name)]
        assert run(command, *files, *([script] if script else []))[0] == 0
