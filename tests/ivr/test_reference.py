"""The published schema and reference are what the code says, and the shipped trees fit the schema."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from m3voip.ivr.reference import reference
from m3voip.ivr.schema import json_schema
from m3voip.ivr.verbs import VERBS
from tests.ivr.test_lint import BAD, GOOD

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SCHEMA = Draft202012Validator(json_schema())

SHAPE = {"unknown-field", "missing-field", "wrong-type", "out-of-range", "bad-version", "one-verb", "unknown-verb"}
"""Faults that an editor can see by the schema alone."""


def test_the_published_schema_is_current() -> None:
    published = json.loads((ROOT / "docs/reference/ivr.schema.json").read_text(encoding="utf-8"))
    assert published == json_schema(), "run: m3voip ivr schema > docs/reference/ivr.schema.json"


def test_the_published_reference_is_current() -> None:
    page = (ROOT / "docs/reference/ivr.md").read_text(encoding="utf-8")
    assert reference() in page, "run: m3voip ivr reference docs/reference/ivr.md"


def test_the_schema_itself_is_valid() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("file", GOOD, ids=lambda path: path.stem)
def test_a_good_tree_fits_the_schema(file: Path) -> None:
    SCHEMA.validate(as_an_editor_reads(file))


@pytest.mark.parametrize("file", BAD, ids=lambda path: path.stem)
def test_a_fault_of_shape_is_seen_by_the_schema(file: Path) -> None:
    if file.read_text(encoding="utf-8").split()[3] in SHAPE:
        assert not SCHEMA.is_valid(as_an_editor_reads(file))


def test_every_field_of_every_verb_has_a_description() -> None:
    for verb in VERBS.values():
        for name, field in json_schema()["$defs"][verb.__name__]["properties"].items():
            assert field.get("description"), f"{verb.VERB}.{name}"


def test_the_howto_example_is_a_working_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide's code runs: its verb is read, its node walks a call."""
    page = (ROOT / "docs/howto/add-a-verb.md").read_text(encoding="utf-8")
    file, line, story = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "guide_pause.py").write_text(file, encoding="utf-8")
    (tmp_path / "guide_story.py").write_text("from tests.ivr.support import Story, tree_of\n" + story, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(VERBS, "pause", import_module("guide_pause").Pause)
    assert line.strip() == '"pause": Pause,'
    import_module("guide_story").test_pause_is_silent_and_goes_on()


def as_an_editor_reads(file: Path) -> object:
    """YAML as an editor's language server reads it (YAML 1.2: words stay words, keys are texts)."""
    return _plain(yaml.load(file.read_text(encoding="utf-8"), Loader=_Core))


class _Core(yaml.SafeLoader):
    """YAML 1.2's core schema, as far as trees need it."""


_Core.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":bool", ":merge"))]
    for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Core.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
