"""Nothing is dialled without a clearance, and only the gate makes one (design, invariant 1): read from the code itself. That
nobody imports the seal is import-linter's (`make check`)."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from m3voip.core import commands as do
from m3voip.providers.asterisk.ari import channels

pytestmark = pytest.mark.unit

SOURCE = Path(__file__).parents[2] / "src" / "m3voip"


def uses(*names: str) -> Iterator[tuple[str, str]]:
    """(file, name) of every place where one of these names is called, or an attribute of that name is."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in names:
                    yield str(path.relative_to(SOURCE)), called


def mentions(name: str) -> set[str]:
    """Files in which a name occurs as code."""
    found = set()
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words = {getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "name", "")}
            if name in words:
                found.add(str(path.relative_to(SOURCE)))
    return found


def test_only_the_gate_makes_a_clearance() -> None:
    assert {file for file, _ in uses("Clearance")} == {"compliance/gate.py"}
    assert mentions("SEAL") == {"core/seal.py", "core/clearance.py", "compliance/gate.py"}


def test_the_gate_clears_only_where_the_attempt_is_recorded() -> None:
    text = {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    assert {file for file, source in text.items() if "gate.clear(" in source} == {"storage/postgres/admin/attempts.py"}
    assert not [file for file, source in text.items() if "import clear" in source]
    body = text["storage/postgres/admin/attempts.py"]
    assert body.index("_RECORD,\n") < body.index("gate.clear("), "recorded first, then cleared"


def test_a_number_at_a_trunk_is_dialled_by_one_request_which_takes_a_clearance() -> None:
    assert {file for file, _ in uses("outside")} <= {"providers/asterisk/ari/channels.py", "engine/calls.py"}
    assert {file for file, _ in uses("dial_out")} >= {"providers/asterisk/joining.py"}
    assert inspect.signature(channels.dial_out).parameters["clearance"].annotation == "Clearance"
    assert do.DialOut.__annotations__["clearance"] == "Clearance"
    assert "number" not in do.DialOut.__struct_fields__
    assert "caller_id" not in do.DialOut.__struct_fields__
