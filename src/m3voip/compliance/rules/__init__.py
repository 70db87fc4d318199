"""The rules, one file each, in the order in which they are asked and refusals are told. A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable

from m3voip.compliance.evidence import Evidence
from m3voip.compliance.rules import caller_id, calls_at_once, calls_per_minute, country, do_not_call, number, trunk
from m3voip.compliance.subject import Subject
from m3voip.core.clearance import Verdict

Rule = Callable[[Subject, Evidence], Verdict]

RULES: dict[str, Rule] = {
    number.NAME: number.judge,
    country.NAME: country.judge,
    do_not_call.NAME: do_not_call.judge,
    caller_id.NAME: caller_id.judge,
    calls_at_once.NAME: calls_at_once.judge,
    calls_per_minute.NAME: calls_per_minute.judge,
    trunk.NAME: trunk.judge,
}
