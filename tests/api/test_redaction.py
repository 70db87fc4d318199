"""Nothing that names a person or opens a door reaches a log line (invariant 7, bar S-12)."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
import structlog
from msgspec import Struct

from m3voip.telemetry import logs
from m3voip.telemetry.metrics import Meters
from m3voip.telemetry.redaction import redact, scrub

pytestmark = pytest.mark.unit

NUMBER = "+15557654321"
NAME = "Canary McCanaryface"
EMAIL = "canary.bird@example.org"
KEY = "m3v_canaryprefix_s3cr3tS3cr3t"


class Party(Struct):
    caller: str
    caller_name: str


@dataclass
class Person:
    phone: str
    email: str


@pytest.mark.parametrize(
    "text",
    [
        f"call from {NUMBER}",
        "call from 1 (555) 765-4321 today",
        "sip:15557654321@10.0.0.1",
        "did=15557654321;ext=3",
        "x15557654321x",
        "%2B15557654321",
        f"mail {EMAIL}",
        f"Bearer {KEY}",
        f"key {KEY} refused",
        "postgresql://role:canarypass@127.0.0.1/db",
        "CallStarted(caller_name='Canary McCanaryface', leg='x')",
        '{"callerName": "Canary McCanaryface"}',
        "DETAIL:  Key (name)=(Canary McCanaryface) already exists.",
    ],
)
def test_what_looks_private_is_masked_in_any_text(text: str) -> None:
    seen = scrub(text)
    for canary in ("7654321", "765-4321", "canary.bird", "canaryprefix", "canarypass", "Canary McCanaryface"):
        assert canary not in seen


@pytest.mark.parametrize(
    "text",
    [
        "call 019ab1c2-0000-7000-8000-000000000001 ended",
        "at 2026-11-23T09:49:20.123456+00:00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "from 192.168.100.200 port 5060",
        "prompt e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "queue sales, extension 101, 404",
    ],
)
def test_ids_times_addresses_and_short_numbers_stay_readable(text: str) -> None:
    assert scrub(text) == text


def test_values_are_masked_by_their_key_at_any_depth() -> None:
    seen = redact(
        None,
        "info",
        {
            "event": "x",
            "caller": "5551",
            "callerName": NAME,
            "extension": "101",
            "party": Party(NUMBER, NAME),
            "person": Person(NUMBER, EMAIL),
            "deep": [{"first_name": NAME, "digits": "4929", "ms": 12345678}],
            NUMBER: 1,
            "object": ValueError(NUMBER),
            "id": UUID(int=7),
            "when": datetime(2026, 1, 1, tzinfo=UTC),
        },
    )
    text = json.dumps(seen, ensure_ascii=False)
    assert "7654321" not in text
    assert "Canary" not in text
    assert "canary" not in text
    assert "4929" not in text
    assert seen["extension"] == "101"
    assert seen["deep"][0]["ms"] == 12345678
    assert str(UUID(int=7)) in text


def _fail() -> None:
    raise RuntimeError(f"cannot dial {NUMBER} caller_name='{NAME}'")


@pytest.mark.parametrize("as_json", [True, False])
def test_lines_of_ours_and_of_libraries_and_tracebacks_carry_no_canary(as_json: bool) -> None:
    out = io.StringIO()
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        logs.set_up(level="debug", as_json=as_json, stream=out)
        log = structlog.get_logger()
        log.info("call.started", caller=NUMBER, caller_name=NAME, note=f"rang {NUMBER}", call_id="c-1")
        logging.getLogger("lib").warning("dialled %s for %s", NUMBER, EMAIL)
        try:
            _fail()
        except RuntimeError:
            log.exception("call.step_failed")
            logging.getLogger("lib").exception("boom %s", NUMBER)
    finally:
        root.handlers[:], root.level = before[0], before[1]
        structlog.reset_defaults()
    text = out.getvalue()
    assert text.count("RuntimeError") >= 2
    for canary in ("7654321", "Canary", "canary.bird"):
        assert canary not in text
    if as_json:
        lines = [json.loads(line) for line in text.splitlines()]
        assert {"call.started", "call.step_failed"} <= {line["event"] for line in lines}
        assert all(line["at"] and line["level"] for line in lines)


def test_an_unknown_log_level_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="loud"):
        logs.set_up(level="loud")


def test_a_metric_may_not_be_labelled_by_person_or_call() -> None:
    meters = Meters()
    with pytest.raises(ValueError, match="call_id"):
        meters.counter("m3voip_calls", "x", ["call_id"])
    with pytest.raises(ValueError, match="m3voip_"):
        meters.gauge("calls", "x")
    meters.counter("m3voip_test_requests", "x", ["route"]).labels("/v1").inc()
    assert b'm3voip_test_requests_total{route="/v1"} 1.0' in meters.render()
