"""The backlog: first in, first out, in bounded memory, whatever the journal does."""

import random
from pathlib import Path

import pytest

from m3voip.core import facts as f
from m3voip.storage.backlog import Backlog
from m3voip.storage.journal import Journal, Position
from tests.storage.support import rows_of, short_call, started


def one(number: int) -> list[f.Recorded]:
    return rows_of([started(caller=str(number))])


def callers(backlog: Backlog, most: int = 10**6) -> list[str]:
    entries = backlog.take(most)
    backlog.done(entries)
    return [row.fact.caller for entry in entries for row in entry.rows if isinstance(row.fact, f.CallStarted)]


def all_callers(backlog: Backlog) -> list[int]:
    seen: list[str] = []
    while taken := callers(backlog, 7):
        seen += taken
    return [int(number) for number in seen]


def test_what_memory_does_not_hold_comes_back_from_the_journal_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=3000)
    backlog = Backlog(journal, most_rows=10)
    for number in range(100):
        backlog.add(one(number))
    assert backlog.behind
    assert backlog.rows <= 10
    assert all_callers(backlog) == list(range(100))
    assert backlog.empty
    assert not backlog.behind
    backlog.add(one(100))
    assert all_callers(backlog) == [100]
    journal.close()


@pytest.mark.parametrize("seed", range(10))
def test_order_holds_whatever_the_mix_of_adding_taking_and_a_journal_that_fails_at_times(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    journal = _Flaky(tmp_path, segment_bytes=2000)
    backlog = Backlog(journal, most_rows=8)
    seen: list[str] = []
    for number in range(400):
        journal.fails = chance.random() < 0.1 if chance.random() < 0.2 else journal.fails
        backlog.add(one(number))
        if chance.random() < 0.4:
            seen += callers(backlog, chance.randrange(1, 5))
    journal.fails = False
    seen += map(str, all_callers(backlog))
    assert [int(number) for number in seen] == list(range(400))
    assert backlog.empty
    assert backlog.loose == 0
    assert backlog.rows == 0
    journal.close()


class _Flaky(Journal):
    fails = False

    def append(self, body: bytes) -> Position:
        if self.fails:
            raise OSError(28, "No space left on device")
        return super().append(body)


def test_an_earlier_process_leaves_its_rows_and_they_are_marked(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    left = Backlog(journal, most_rows=10)
    calls = [short_call() for _ in range(5)]
    for rows in calls:
        left.add(rows)
    journal.close()
    journal = Journal(tmp_path)
    backlog = Backlog(journal, most_rows=10)
    mine = short_call()
    backlog.add(mine)
    inherited = backlog.take(10**6)
    assert all(entry.inherited for entry in inherited)
    assert [list(entry.rows) for entry in inherited] == calls
    backlog.done(inherited)
    (own,) = backlog.take(10**6)
    assert not own.inherited
    assert list(own.rows) == mine
    backlog.done([own])
    assert backlog.empty
    assert len(list(tmp_path.glob("*.facts"))) == 1
    journal.close()
