"""The words that others see (tables, the API's resources, kinds of events, states, metrics) are the glossary's words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from m3voip.core.agent import AgentState
from m3voip.core.agent_state import Change
from m3voip.core.call import State
from m3voip.core.facts import KINDS
from tests.docs.pages import ROOT

pytestmark = pytest.mark.unit


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLAIN = _words_of(
    "on in no of to by and started ended entered left connected resumed unexpected ready stored made asked abandoned "
    "joined missed signed unpaused withdrawn lost back began extended "
    "missing invalid command failed done input set digits variable offered exited answer "
    "sent refused taken placed ordered phone by add drop cancel complete "
    "new ivr talking queued ringing tm me healthz readyz metrics activate download end default sip secret audio settings"
)
"""English in its everyday sense, states that the state diagram explains, and what every service calls so."""


def _rows() -> Iterator[tuple[str, str]]:
    for line in (ROOT / "docs" / "glossary.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0] not in ("word", "---"):
            yield cells[0], cells[2]


def _words(text: str) -> set[str]:
    """Single words in lower case, singular."""
    words = set()
    for word in re.findall(r"[a-z]+", text.lower()):
        words |= {word, word.removesuffix("s"), word.removesuffix("es"), re.sub(r"ies$", "y", word)}
    return words


GLOSSARY = {word for term, _ in _rows() for word in _words(term)}


def _tables() -> set[str]:
    sql = "\n".join(
        file.read_text() for file in sorted((ROOT / "migrations").glob("*.sql")) if ".down." not in file.name
    )
    return set(re.findall(r"^create table (?:if not exists )?(\w+)", sql, re.MULTILINE | re.IGNORECASE))


def _resources() -> set[str]:
    routes = "\n".join(file.read_text() for file in (ROOT / "src/m3voip/api/routes").glob("*.py"))
    paths = re.findall(r'(?:prefix=|@\w+\.\w+\(\s*)"(/[^"]*)"', routes)
    return {part for path in paths for part in path.split("/") if part and part != "v1" and not part.startswith("{")}


NAMES = {
    "tables": _tables(),
    "resources": _resources(),
    "events": {*KINDS, *Change},
    "states": {*State, *AgentState},
}


@pytest.mark.parametrize("where", NAMES)
def test_every_word_in_a_name_is_in_the_glossary(where: str) -> None:
    assert NAMES[where]
    unknown = {name: strange for name in NAMES[where] if (strange := _strange(name))}
    assert unknown == {}


def _strange(name: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]+", name) if not (_words(word) & (GLOSSARY | PLAIN))}


def test_no_word_that_the_glossary_forbids_is_in_a_name() -> None:
    forbidden = {word.strip() for _, avoid in _rows() for word in re.sub(r"\(.*?\)", "", avoid).split(",")}
    forbidden = {word for word in forbidden if re.fullmatch(r"[a-z]+", word)} - GLOSSARY - PLAIN
    assert {"interaction", "group"} <= forbidden
    used = {word for names in NAMES.values() for name in names for word in _words(name)}
    assert used & forbidden == set()
