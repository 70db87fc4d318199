"""The figures of writer_bench.py as a table. It runs in a process of its own, with a Postgres of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import report

_WAYS = {
    "copy": "plain COPY of the event rows",
    "events": "the writer's statement, event rows only",
    "facts": "the writer's statement: events, projections, outbox, notice",
}
SECONDS = 240


def measure(tell: Callable[[str], None]) -> str:
    """Run it and render it. Raises subprocess.CalledProcessError or TimeoutExpired."""
    tell("facts into Postgres, beside COPY")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.writer_bench"],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, check=True, timeout=SECONDS,
    )  # fmt: skip
    return render(json.loads(done.stdout))


def render(found: dict[str, Any]) -> str:
    """Rows a second and CPU a row, by way and batch size; then the whole writer."""
    rows: list[tuple[str, ...]] = [("", "rows a batch", "rows/s", "of COPY", "service µs/row", "Postgres µs/row")]
    for size in (24, 500):
        for way, says in _WAYS.items():
            figures = found[f"{way}_{size}"]
            share = figures["rows_per_s"] / found[f"copy_{size}"]["rows_per_s"]
            rows.append((
                says, str(size), f"{figures['rows_per_s']:,.0f}", f"{share:.0%}",
                f"{figures['client_us_per_row']:.0f}", f"{figures['server_us_per_row']:.0f}",
            ))  # fmt: skip
    flat = found["writer_flat_out"]
    return (
        f"{report.table(rows)}\n\nThe whole writer (journal, backlog, batches), as fast as it goes: "
        f"{flat['rows_per_s']:,.0f} rows/s, of which appending (what a call waits for) takes "
        f"{flat['append_us_per_call']:.0f} µs of CPU per call of four facts. At {found['paced_calls_per_s']} calls/s it "
        f"uses {found['paced_client_us_per_call']:.0f} µs of the service's CPU per call. "
        f"Medians of {found['medians_of']} rounds."
    )
