"""What the pages say of the code, the packages and each other is so. No part is needed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from m3voip.core import facts_page
from m3voip.core.facts import KINDS
from tests.docs.pages import PAGES, ROOT, name, prose

pytestmark = pytest.mark.unit

DOCS = ROOT / "docs"
_LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(prose(page)):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{name(page)} links to {target}, which does not exist"
        if anchor:
            assert anchor in _anchors(file), f"{name(page)} links to {target}#{anchor}; there is {_anchors(file)}"


def _anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_on_the_map() -> None:
    listed = {(DOCS / target).resolve() for target, _ in _LINK.findall(prose(DOCS / "README.md"))}
    listed |= {(DOCS / "adr" / target).resolve() for target, _ in _LINK.findall(prose(DOCS / "adr" / "README.md"))}
    missing = [name(page) for page in PAGES if page.is_relative_to(DOCS) and page.resolve() not in listed]
    assert missing == ["docs/README.md"]


def test_the_page_of_events_is_what_the_code_says() -> None:
    current = (DOCS / "reference" / "events.md").read_text()
    assert current == facts_page.page(), "run: python -m m3voip.core.facts_page > docs/reference/events.md"
    assert all(f"## `{kind}`" in current for kind in KINDS)


# Dependencies


def _table(heading: str) -> dict[str, str]:
    """The rows below a heading of dependencies.md: package → the rest of its row."""
    text = (DOCS / "dependencies.md").read_text()
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*`) \|(.*)\|$", section, re.MULTILINE)
    return {package: rest for packages, rest in rows for package in re.findall(r"`([^`]+)`", packages)}


def _project() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {"run": project["dependencies"], "dev": project["optional-dependencies"]["dev"]}
    return {kind: [re.split(r"[\[<>=~! ;]", entry)[0] for entry in entries] for kind, entries in names.items()}


@pytest.mark.parametrize(("kind", "heading"), [("run", "Python, at run time"), ("dev", "Python, for development")])
def test_every_python_package_is_listed_with_its_reason(kind: str, heading: str) -> None:
    assert sorted(_table(heading), key=str.lower) == sorted(_project()[kind], key=str.lower)
    assert all(len(reason.split("|")[0].strip()) > 5 for reason in _table(heading).values())


def test_a_package_that_nothing_imports_is_said_to_be_unused() -> None:
    modules = {word for file in (ROOT / "src").rglob("*.py") for word in _imported(file)}
    packages = packages_distributions()
    imported = {re.sub("[-_.]+", "-", name).lower() for module in modules for name in packages.get(module, ())}
    for package, reason in _table("Python, at run time").items():
        used = package in imported or package == "tzdata"  # the standard library's zoneinfo reads that one
        assert used != ("not used yet" in reason), f"{package}: dependencies.md says {reason}"


def _imported(file: Path) -> set[str]:
    return set(re.findall(r"^\s*(?:import|from) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_system_package_is_listed_with_its_reason() -> None:
    lines = (ROOT / "scripts" / "system-packages").read_text().splitlines()
    installed = {line.split()[1] for line in lines if line and not line.startswith("#")}
    by_setup = {"python3", "python3-venv", "postgresql", "uidmap"}
    assert all(package in (ROOT / "scripts" / "setup").read_text() for package in by_setup)
    assert set(_table("System packages")) == installed | by_setup


def test_every_package_of_asterisk_s_root_is_listed_with_its_reason() -> None:
    recipe = (ROOT / "docker" / "asterisk.recipe").read_text()
    assert set(_table("Asterisk's root")) == set(re.findall(r"^package +(\S+)", recipe, re.MULTILINE))


# Logs


def test_every_log_line_that_is_explained_is_in_the_code() -> None:
    page = (DOCS / "howto" / "read-the-logs-and-metrics.md").read_text()
    table = page.partition("Lines that want something:")[2].partition("## Metrics")[0]
    explained = {event for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for event in _quoted(cell)}
    assert len(explained) > 20
    assert explained - _logged() - {"event"} == set()


def test_every_error_that_is_logged_is_explained() -> None:
    page = (DOCS / "howto" / "read-the-logs-and-metrics.md").read_text()
    assert {event for event in _logged("error|exception") if f"`{event}`" not in page} == set()


def _quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def _logged(levels: str = "info|warning|error|exception|debug") -> set[str]:
    pattern = re.compile(rf"\b_?log\.(?:{levels})\(\s*\"([a-z_]+\.[a-z_]+)\"")
    return {event for file in (ROOT / "src").rglob("*.py") for event in pattern.findall(file.read_text("utf-8"))}
