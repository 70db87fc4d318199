"""Results of the long runs, written into docs/chaos.md: each bar has a part of its own, replaced by the latest run."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"
LONG = os.environ.get("M3VOIP_CHAOS") == "long"


Test = TypeVar("Test", bound=Callable[..., object])


def long_run(*, hours: float) -> Callable[[Test], Test]:
    """Mark a test that only `make chaos` runs."""

    def mark(test: Test) -> Test:
        limit, skip = pytest.mark.timeout(hours * 3600), pytest.mark.skipif(not LONG, reason="make chaos")
        marked: Test = pytest.mark.chaos(skip(limit(test)))
        return marked

    return mark


class Report:
    """What one run did, line by line; ``write`` puts it into the page when the run is a long one."""

    def __init__(self, bar: str, what: str) -> None:
        self._bar, self._what = bar, what
        self._began = time.monotonic()
        self._lines: dict[str, str] = {}

    def tell(self, figures: Mapping[str, object]) -> None:
        """Add figures."""
        self._lines |= {name: str(value) for name, value in figures.items()}

    def write(self) -> None:
        """Print it, and keep it if this is a long run."""
        self._lines["took"] = f"{time.monotonic() - self._began:.0f} s"
        rows = "\n".join(f"| {name} | {value} |" for name, value in self._lines.items())
        head = f"{self._what} · {datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {machine()}"
        print(head, *(f"  {name}: {value}" for name, value in self._lines.items()), sep="\n")
        if not LONG:
            return
        text = PAGE.read_text(encoding="utf-8")
        begin, end = f"<!-- {self._bar} -->", f"<!-- end {self._bar} -->"
        part = f"{begin}\n{head}\n\n| | |\n|---|---|\n{rows}\n{end}"
        found = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: part, text, flags=re.DOTALL)
        assert found != text, f"{PAGE} has no place for {self._bar}"
        PAGE.write_text(found, encoding="utf-8")


def machine() -> str:
    """What this ran on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GB, Linux {platform.release()}, Python {platform.python_version()}"
