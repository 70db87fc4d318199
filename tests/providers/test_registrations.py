"""Reading what Asterisk prints and logs about phones: what looks as expected, and what does not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from m3voip.core.device import AudioRefused
from m3voip.providers.asterisk.refusals import RefusalLog, refused_endpoint
from m3voip.providers.asterisk.registrations import contacts
from tests.support.eventually import eventually

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
ROWS = """\
/registrar/contact/e0000000101;@5c359c56876ce346: {"uri":"sip:e0000000101@192.0.2.1:36626","x":"","user_agent":"Desk \\u0022 5"}
/registrar/contact/e0000000201;@0aa63d28007ac6e3: {"uri":"sip:e0000000201@192.0.2.2:53283;transport=TLS","user_agent":""}
/registrar/contact/trunk-carrier;@0aa63d28007ac6e3: {"uri":"sip:x@192.0.2.2"}
/registrar/contact/e0000000301;@0aa63d28007ac6e3: {"uri":
3 results found.
"""
SHOWN = """
  Contact:  <Aor/ContactUri..............................> <Hash....> <Status> <RTT(ms)..>
==========================================================================================

  Contact:  e0000000101/sip:e0000000101@192.0.2.1:36626    5c359c5687 Avail         0.570
  Contact:  e0000000201/sip:e0000000201@192.0.2.2:53283;tr 0aa63d2800 Unavail         nan
"""
LINE = (
    b"[2026-11-25 09:21:38.148] ERROR[25054] res_pjsip_session.c:  %s: Couldn't negotiate stream 0:audio-0:audio:sendrecv "
    b"(nothing)"
)


def test_registrations_are_put_together_from_two_lists_and_what_is_odd_is_left_out() -> None:
    one, two = contacts(ROWS, SHOWN, NOW)
    assert (one.endpoint, one.reachable, one.round_trip_ms, one.user_agent) == ("e0000000101", True, 0.57, 'Desk " 5')
    assert (two.uri, two.reachable, two.round_trip_ms) == (
        "sip:e0000000201@192.0.2.2:53283;transport=TLS", False, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "endpoint"),
    [
        (LINE % b"e0000000201", "e0000000201"),
        (LINE.replace(b"ERROR[25054]", b"ERROR[25054][C-0000001a]") % b"PJSIP/e0000000201-0000003f", "e0000000201"),
        (LINE % b"trunk-carrier", None),
        (b"[x] WARNING[1] app.c: said: " + LINE % b"e0000000201", None),
        (LINE.replace(b"negotiate", b"find") % b"e0000000201", None),
    ],
)
def test_a_refusal_is_told_from_what_only_looks_like_one(line: bytes, endpoint: str | None) -> None:
    assert refused_endpoint(line) == endpoint


async def test_refusals_are_heard_from_the_end_of_the_log_on_and_through_its_rotation(tmp_path: Path) -> None:
    heard: list[AudioRefused] = []
    log = tmp_path / "messages.log"
    log.write_bytes(LINE % b"e0000000001" + b"\n")
    following = RefusalLog(tmp_path, tell=heard.append, now=lambda: NOW)
    running = asyncio.create_task(following.run(), name="tests.refusals")

    async def said(*endpoints: str) -> None:
        await eventually(lambda: [one.endpoint for one in heard] == list(endpoints), 3, what=f"{endpoints} to be heard")

    await asyncio.sleep(0)  # it has opened the file
    with log.open("ab") as file:
        file.write(LINE % b"e0000000002" + b"\n" + LINE[:40])
        file.flush()
        await said("e0000000002")
        file.write(LINE[40:] % b"e0000000003" + b"\n")
    await said("e0000000002", "e0000000003")
    log.rename(tmp_path / "messages.log.0")
    with (tmp_path / "messages.log.0").open("ab") as file:
        file.write(LINE % b"e0000000004" + b"\n")
    log.write_bytes(LINE % b"e0000000005" + b"\n")
    await said("e0000000002", "e0000000003", "e0000000004", "e0000000005")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
