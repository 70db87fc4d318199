"""Every complaint about others that we say cannot come true here names tests, and they exist."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT

pytestmark = pytest.mark.unit

PAGE = ROOT / "docs" / "reference" / "what-peers-complain-of.md"
NOT_HERE_EITHER = "Not yet here either"


def test_each_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    complaints = [(what, named) for what, why, named in rows if what != "complaint" and why != NOT_HERE_EITHER]
    assert len(complaints) > 10
    for what, named in complaints:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", named)
        assert tests, f"{what}: no test"
        for file, test in tests:
            code = (ROOT / file).read_text(encoding="utf-8")
            assert re.search(rf"^(?:async )?def {test}\(", code, re.MULTILINE), f"{what}: {file} has no {test}"
