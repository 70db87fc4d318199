"""Does Asterisk run exactly the modules that asterisk/etc/modules.conf allows?"""

from __future__ import annotations

import re
from pathlib import Path

from m3voip.stack import paths
from m3voip.stack.doctor.finding import Finding, Subject, fail, ok, warn

_LOAD = re.compile(r"^\s*(?:load|require|preload)\s*=>?\s*(\w+\.so)", re.MULTILINE)


async def check(subject: Subject) -> list[Finding]:
    """Missing ones break features, additional ones are additional attack surface."""
    wanted = allowed(paths.locate().checkout / "asterisk" / "etc" / "modules.conf")
    answer = await subject.ari("asterisk/modules")
    assert isinstance(answer, list)
    return judge(wanted, {module["name"]: module["status"] for module in answer})


def allowed(file: Path) -> set[str]:
    """The allow-list."""
    return set(_LOAD.findall(file.read_text(encoding="utf-8")))


def judge(wanted: set[str], running: dict[str, str]) -> list[Finding]:
    """Compare the list with what Asterisk says it has."""
    loaded = {name for name, status in running.items() if status == "Running"}
    findings = []
    if missing := sorted(wanted - loaded):
        findings.append(
            fail(
                f"not running: {', '.join(missing)}",
                "see `m3voip stack logs --part asterisk` for why they did not load",
            )
        )
    if additional := sorted(name for name in loaded - wanted if name.endswith(".so")):
        findings.append(
            warn(f"running without being on the list: {', '.join(additional)}", "keep autoload off in modules.conf")
        )
    return findings or [ok(f"all {len(wanted)} modules of the list run, and no other")]
