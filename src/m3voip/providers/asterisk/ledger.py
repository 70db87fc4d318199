"""What Asterisk wrote down by itself: the queue log and the hang-up ledger (CEL). Read by recovery, never by live calls.

Formats: ``queue_log`` is ``epoch|uniqueid|queue|agent|event|data1|…`` (Asterisk's app_queue.c, whole seconds);
``cel-custom/hangups.jsonl`` is one JSON object a channel's end, fields as asterisk/etc/cel_custom.conf lists them.
Both are read from their end backwards until ``since``, so a long log costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from m3voip.core import events as ev
from m3voip.core.causes import UNKNOWN, QueueExit
from m3voip.core.conference import PartyJoined, PartyLeft, conference_id
from m3voip.ports import LedgerReading
from m3voip.providers.asterisk.translate import is_recorder

BLOCK = 64 * 1024
MAX_BACK = 64 * 1024 * 1024
"""How far back a reading may go, in bytes: some 500,000 lines."""
MODERATOR = "moderator"
"""How the last argument of ConfBridge() begins for a moderator (dialplans/to-conference.conf)."""
HANGUP, APP_START = "HANGUP", "APP_START"
"""Types of HangupLine; the third is APP_END, both only of ConfBridge()."""
FLOOR, INBOUND = "floor", "inbound"
"""Kinds of Mark."""


class HangupLine(msgspec.Struct, rename=lambda name: name.replace("_", "")):
    """One line of the hang-up ledger; Asterisk writes the names of the fields in small letters."""

    event_time: str
    event_type: str = ""
    unique_id: str = ""
    user_field: str = ""
    event_extra: object = ""
    num: str = ""
    """The caller's number, as Asterisk calls it."""
    app_data: str = ""


class Extra(msgspec.Struct):
    """CEL's extra of a HANGUP event."""

    hangupcause: int = UNKNOWN


class LedgerFiles:
    """Ledger over Asterisk's log folder. ``node`` names the Asterisk, for the ids of calls served on the floor."""

    def __init__(self, log_folder: Path, node: str = "") -> None:
        self._queue_log = log_folder / "queue_log"
        self._hangups = log_folder / "cel-custom" / "hangups.jsonl"
        self.node = node

    async def read(self, since: datetime) -> LedgerReading:
        """All entries from ``since`` on; missing files read as empty."""
        return await asyncio.to_thread(self._read, since)

    async def stays(self, since: datetime) -> list[PartyJoined | PartyLeft]:
        """Who joined and left conferences from ``since`` on, in order."""
        return await asyncio.to_thread(self._stays, since)

    def _stays(self, since: datetime) -> list[PartyJoined | PartyLeft]:
        found: list[PartyJoined | PartyLeft] = []
        for raw in _newest_first(self._hangups):
            line = _hangup_line(raw)
            if line is None:
                continue
            at = _moment(line.event_time)
            if at < since:
                break
            name, *more = line.app_data.split(",")
            conference = None if line.event_type == HANGUP else conference_id(name)
            if conference is None or is_recorder(line.unique_id):
                continue
            if line.event_type == APP_START:
                moderator = bool(more) and more[-1].startswith(MODERATOR)
                found.append(
                    PartyJoined(conference=conference, at=at, leg=line.unique_id, number=line.num, moderator=moderator)
                )
            else:
                found.append(PartyLeft(conference=conference, at=at, leg=line.unique_id))
        found.reverse()
        return found

    def _read(self, since: datetime) -> LedgerReading:
        queue: dict[str, list[ev.Event]] = {}
        for leg, event in queue_entries(_newest_first(self._queue_log), since):
            queue.setdefault(leg, []).append(event)
        for entries in queue.values():
            entries.reverse()
        hangups: dict[str, ev.CallerHungUp] = {}
        marked: dict[str, dict[str, ev.FloorTook]] = {FLOOR: {}, INBOUND: {}}
        for raw in _newest_first(self._hangups):
            line = _hangup_line(raw)
            if line is None:
                continue
            at = _moment(line.event_time)
            if at < since:
                break
            if line.event_type != HANGUP:
                continue
            hangups[line.unique_id] = ev.CallerHungUp(at=at, cause=_cause(line.event_extra))
            mark = read_mark(line.user_field)
            if mark is not None:
                marked[mark.kind][line.unique_id] = ev.FloorTook(
                    at=mark.at, leg=line.unique_id, node=self.node, created=mark.at, did=mark.did, caller=mark.caller
                )
        return LedgerReading(queue=queue, hangups=hangups, floor=marked[FLOOR], unheard=marked[INBOUND])


class Mark(msgspec.Struct, frozen=True):
    """What the dialplan leaves on a caller's channel: ``<kind>:<did>:<epoch>:<caller>``. ``kind`` INBOUND when the call is
    offered to our application (from-trunk.conf), FLOOR from when plain Asterisk serves it (floor.conf)."""

    kind: str
    did: str
    at: datetime
    caller: str


def read_mark(user_field: str) -> Mark | None:
    """A channel's mark; None for channels that have none."""
    parts = user_field.split(":")
    if len(parts) != 4 or parts[0] not in (FLOOR, INBOUND) or not parts[2].isdigit():
        return None
    return Mark(parts[0], parts[1], datetime.fromtimestamp(int(parts[2]), UTC), parts[3])


def queue_entries(lines: Iterator[bytes], since: datetime) -> Iterator[tuple[str, ev.Event]]:
    """(leg, event) of each line, newest first, until ``since``."""
    for raw in lines:
        fields = raw.decode(errors="replace").split("|")
        if len(fields) < 5 or not fields[0].isdigit():
            continue
        at = datetime.fromtimestamp(int(fields[0]), UTC)
        if at < since.replace(microsecond=0):
            return
        event = _queue_event(at, fields[2], fields[3], fields[4], [*fields[5:], "", "", "", ""])
        if event is not None:
            yield fields[1], event


_EXITS = {
    "EXITWITHTIMEOUT": QueueExit.TIMEOUT,
    "EXITEMPTY": QueueExit.LEAVE_EMPTY,
    "EXITWITHKEY": QueueExit.EXIT_KEY,
}


def _queue_event(at: datetime, queue: str, agent: str, what: str, data: list[str]) -> ev.Event | None:  # noqa: PLR0911
    match what:
        case "ENTERQUEUE":
            return ev.QueueJoined(at=at, queue=queue, position=_number(data[2]))
        case "RINGNOANSWER" | "AGENTDUMP":
            return ev.AgentDidNotAnswer(at=at, extension=agent, rang_ms=_number(data[0]))
        case "CONNECT":
            return ev.AgentAnswered(at=at, extension=agent)
        case "COMPLETEAGENT":
            return ev.AgentLeft(at=at, extension=agent, by_caller=False)
        case "COMPLETECALLER":
            return ev.AgentLeft(at=at, extension=agent, by_caller=True)
        case "ABANDON":
            return ev.QueueAbandoned(at=at, queue=queue, position=_number(data[0]))
        case _ if what in _EXITS:
            return ev.QueueLeft(at=at, queue=queue, exit=_EXITS[what])
        case "DIALLEFT":  # dialplans/to-agent.conf
            return ev.DialLeft(at=at, extension=agent, status=data[0])
        case _:
            return None


def _newest_first(path: Path) -> Iterator[bytes]:
    """The file's lines from the last to the first, at most MAX_BACK bytes back."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        position = file.seek(0, 2)
        floor = max(0, position - MAX_BACK)
        rest = b""
        while position > floor:
            size = min(BLOCK, position - floor)
            position -= size
            file.seek(position)
            lines = (file.read(size) + rest).split(b"\n")
            rest = lines[0]
            yield from (line for line in reversed(lines[1:]) if line)
        if rest and floor == 0:
            yield rest


def _hangup_line(raw: bytes) -> HangupLine | None:
    try:
        return msgspec.json.decode(raw, type=HangupLine)
    except msgspec.DecodeError:
        return None  # torn by a crash


def _cause(extra: object) -> int:
    """CEL's extra is an object, or that object as text."""
    try:
        if isinstance(extra, str):
            return msgspec.json.decode(extra.encode(), type=Extra).hangupcause
        return msgspec.convert(extra, Extra).hangupcause
    except (msgspec.DecodeError, msgspec.ValidationError):
        return UNKNOWN


def _moment(text: str) -> datetime:
    """CEL's default: the epoch with six decimals."""
    return datetime.fromtimestamp(float(text), UTC)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
