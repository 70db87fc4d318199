"""Reading Asterisk's own ledgers: order, time limits, torn lines, long files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from m3voip.core import events as ev
from m3voip.core.causes import QueueExit
from m3voip.core.conference import PartyJoined, PartyLeft
from m3voip.providers.asterisk.ledger import LedgerFiles

pytestmark = pytest.mark.unit

T = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
E = int(T.timestamp())

QUEUE_LOG = f"""\
{E - 100}|old.1|sales|NONE|ENTERQUEUE||x|1
{E}|a.1|sales|NONE|ENTERQUEUE||15550100200|2
{E + 5}|a.1|sales|102|RINGNOANSWER|5000
{E + 7}|a.1|sales|101|CONNECT|7|b.1|2
{E + 27}|a.1|sales|101|COMPLETEAGENT|7|20|1
{E + 28}|NONE|NONE|NONE|QUEUESTART|
{E + 30}|a.2|sales|NONE|ENTERQUEUE||x|1
{E + 40}|a.2|sales|NONE|ABANDON|1|1|10
{E + 41}|a.3|sales|NONE|EXITWITHTIMEOUT|1|1|30
"""


def hangup(leg: str, at: datetime, cause: int, user_field: str = "") -> str:
    stamp = f"{at.timestamp():.6f}"
    extra = f'{{\\"hangupcause\\":{cause},\\"hangupsource\\":\\"\\",\\"dialstatus\\":\\"\\"}}'
    return (
        f'{{"eventtype":"HANGUP","eventtime":"{stamp}","uniqueid":"{leg}","linkedid":"{leg}","channame":"PJSIP/x",'
        f'"context":"inbound","userfield":"{user_field}","eventextra":"{extra}"}}\n'
    )


@pytest.fixture
def ledger(tmp_path: Path) -> LedgerFiles:
    (tmp_path / "queue_log").write_text(QUEUE_LOG)
    (tmp_path / "cel-custom").mkdir()
    lines = [
        hangup("old.1", T - timedelta(seconds=90), 16),
        hangup("a.1", T + timedelta(milliseconds=27123), 16),
        hangup("f.1", T + timedelta(seconds=50), 17, f"floor:15550100100:{E + 20}:+15550100200"),
        '{"eventtype":"HANGUP","eventti',
    ]
    (tmp_path / "cel-custom" / "hangups.jsonl").write_text("".join(lines))
    return LedgerFiles(tmp_path, node="n")


async def test_a_legs_queue_entries_come_in_the_order_they_happened(ledger: LedgerFiles) -> None:
    reading = await ledger.read(T)
    assert reading.queue["a.1"] == [
        ev.QueueJoined(at=T, queue="sales", position=2),
        ev.AgentDidNotAnswer(at=T + timedelta(seconds=5), extension="102", rang_ms=5000),
        ev.AgentAnswered(at=T + timedelta(seconds=7), extension="101"),
        ev.AgentLeft(at=T + timedelta(seconds=27), extension="101", by_caller=False),
    ]
    assert reading.queue["a.2"][-1] == ev.QueueAbandoned(at=T + timedelta(seconds=40), queue="sales", position=1)
    assert reading.queue["a.3"] == [ev.QueueLeft(at=T + timedelta(seconds=41), queue="sales", exit=QueueExit.TIMEOUT)]


async def test_what_is_older_than_asked_for_is_left_out(ledger: LedgerFiles) -> None:
    reading = await ledger.read(T)
    assert "old.1" not in reading.queue
    assert set(reading.hangups) == {"a.1", "f.1"}


async def test_a_hang_up_has_milliseconds_and_its_cause(ledger: LedgerFiles) -> None:
    reading = await ledger.read(T)
    assert reading.hangups["a.1"] == ev.CallerHungUp(at=T + timedelta(milliseconds=27123), cause=16)
    assert reading.hangups["f.1"].cause == 17


async def test_a_call_served_on_the_floor_is_known_by_its_mark(ledger: LedgerFiles) -> None:
    reading = await ledger.read(T)
    began = T + timedelta(seconds=20)
    took = ev.FloorTook(at=began, leg="f.1", node="n", created=began, did="15550100100", caller="+15550100200")
    assert reading.floor == {"f.1": took}


async def test_missing_files_read_as_empty(tmp_path: Path) -> None:
    reading = await LedgerFiles(tmp_path).read(T)
    assert (reading.queue, reading.hangups, reading.floor) == ({}, {}, {})


async def test_a_file_longer_than_a_block_is_read_whole(tmp_path: Path) -> None:
    lines = [f"{E + n}|leg.{n}|sales|NONE|ENTERQUEUE||x|1\n" for n in range(5000)]
    (tmp_path / "queue_log").write_text("".join(lines))
    reading = await LedgerFiles(tmp_path).read(T)
    assert len(reading.queue) == 5000
    assert {len(entries) for entries in reading.queue.values()} == {1}


async def test_a_call_that_was_offered_to_us_is_told_apart_from_one_that_the_floor_took(tmp_path: Path) -> None:
    lines = [
        '{"eventtype":"HANGUP","eventtime":"1795431655.500000","uniqueid":"1.1","userfield":"inbound:15550100100:1795431650:+1555"}',
        '{"eventtype":"HANGUP","eventtime":"1795431656.500000","uniqueid":"1.2","userfield":"floor:15550100100:1795431651:"}',
        '{"eventtype":"HANGUP","eventtime":"1795431657.500000","uniqueid":"1.3","userfield":"somebody:else:1:2"}',
    ]
    (tmp_path / "cel-custom").mkdir()
    (tmp_path / "cel-custom" / "hangups.jsonl").write_text("\n".join(lines) + "\n")
    reading = await LedgerFiles(tmp_path, "n").read(datetime.fromtimestamp(1795431600, UTC))
    assert (list(reading.unheard), list(reading.floor), len(reading.hangups)) == (["1.1"], ["1.2"], 3)
    assert reading.unheard["1.1"].caller == "+1555"


async def test_how_a_dial_went_is_in_the_queue_log_when_nobody_was_there_to_hear_it(tmp_path: Path) -> None:
    (tmp_path / "queue_log").write_text("1795431650|1.1|dial|104|CONNECT|\n1795431659|1.1|dial|104|DIALLEFT|ANSWER\n")
    reading = await LedgerFiles(tmp_path).read(datetime.fromtimestamp(1795431600, UTC))
    answered, left = reading.queue["1.1"]
    assert isinstance(answered, ev.AgentAnswered)
    assert isinstance(left, ev.DialLeft)
    assert (answered.extension, left.extension, left.status) == ("104", "104", "ANSWER")


async def test_stays_in_conferences_are_told_in_order_and_are_no_hang_ups(tmp_path: Path) -> None:
    name = f"c{UUID(int=8).hex}"

    def line(what: str, at: int, leg: str, data: str) -> str:
        return f'{{"eventtype":"{what}","eventtime":"{at}.250000","uniqueid":"{leg}","num":"101","appdata":"{data}"}}'

    lines = [
        line("APP_START", E - 60, "old.1", f"{name},{name},{name}-participant,participant_keys"),
        line("APP_START", E + 1, "1.1", f"{name},{name},{name}-moderator,moderator_keys"),
        line("APP_START", E + 2, "1.2", f"{name},{name},{name}-participant,participant_keys"),
        line("APP_START", E + 3, f"recorder-{name};2", f"{name},{name},recorder"),
        line("APP_END", E + 4, "1.1", f"{name},{name},{name}-moderator,moderator_keys"),
        line("APP_START", E + 5, "1.3", "somebody-elses"),
        line("HANGUP", E + 6, "1.2", f"{name},{name},{name}-participant,participant_keys"),
    ]
    (tmp_path / "cel-custom").mkdir()
    (tmp_path / "cel-custom" / "hangups.jsonl").write_text("\n".join(lines) + "\n")
    ledger = LedgerFiles(tmp_path)
    quarter = T + timedelta(milliseconds=250)
    assert await ledger.stays(T) == [
        PartyJoined(conference=UUID(int=8), at=quarter + timedelta(seconds=1), leg="1.1", number="101", moderator=True),
        PartyJoined(
            conference=UUID(int=8), at=quarter + timedelta(seconds=2), leg="1.2", number="101", moderator=False
        ),
        PartyLeft(conference=UUID(int=8), at=quarter + timedelta(seconds=4), leg="1.1"),
    ]
    assert list((await ledger.read(T)).hangups) == ["1.2"]
