"""Is Asterisk new enough? The floor and the advisories behind it are data: advisories.toml."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any

from m3voip.stack.doctor.finding import Finding, Subject, fail, ok, warn

_REMEDY = "rebuild Asterisk's root from a newer package: change docker/asterisk.recipe, then make setup && make down up"


async def check(subject: Subject) -> list[Finding]:
    """Ask Asterisk itself, because a running one may be older than the files on disk."""
    info = await subject.ari("asterisk/info?only=system")
    assert isinstance(info, dict)
    return judge(str(info["system"]["version"]))


def judge(version: str) -> list[Finding]:
    """What is to be said about this version, for example 22.10.1+dfsg+~cs6.17-1."""
    known = _known()
    found = _numbers(version)
    if not found:
        return [warn(f"Asterisk calls its version {version!r}", "compare it by hand with the floor in advisories.toml")]
    if found[0] != _numbers(known["floor"])[0]:
        return [
            warn(f"Asterisk {version} is another branch than {known['floor']}", "its advisories are not in our list")
        ]
    if found >= _numbers(known["floor"]):
        return [ok(f"Asterisk {version} is at or above {known['floor']}")]
    return [
        fail(f"Asterisk {version} is below {known['floor']}", _REMEDY),
        *[
            fail(f"open to {advisory['id']}: {advisory['what']} (fixed in {advisory['fixed_in']})", _REMEDY)
            for advisory in known["advisory"]
            if found < _numbers(advisory["fixed_in"])
        ],
    ]


def _known() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("advisories.toml").read_text(encoding="utf-8"))


def _numbers(version: str) -> tuple[int, ...]:
    start = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(number) for number in start.group().split(".")) if start else ()
