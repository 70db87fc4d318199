"""The journal: what was appended is there, whatever happens to the process; what was half written is not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from m3voip.storage.journal import Journal, JournalBusyError, Position

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from m3voip.storage.journal import Journal
journal = Journal(Path(sys.argv[1]), segment_bytes=50_000)
number = 0
while True:
    number += 1
    journal.append(b"%d:" % number + b"x" * (number % 997))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def bodies(journal: Journal) -> list[bytes]:
    return [entry.body for entry in journal.read(journal.start, 1 << 40)]


def test_entries_are_read_in_the_order_they_were_written_across_segments(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=100)
    written = [b"entry %d" % number for number in range(50)]
    for body in written:
        journal.append(body)
    assert len(list(tmp_path.glob("*.facts"))) > 5
    journal.close()
    again = Journal(tmp_path)
    assert bodies(again) == written
    again.close()


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=64)
    for number in range(20):
        journal.append(b"%02d" % number * 8)
    seen, after = [], journal.start
    while entries := journal.read(after, 1):
        seen += [entry.body[:2] for entry in entries]
        after = entries[-1].end
    assert seen == [b"%02d" % number for number in range(20)]
    journal.close()


def test_a_file_cut_at_any_byte_keeps_all_whole_entries_before_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "whole")
    ends = [journal.append(b"entry-%d" % number * 3).offset for number in range(5)]
    journal.close()
    (whole,) = (tmp_path / "whole").glob("*.facts")
    content = whole.read_bytes()
    for length in range(len(content)):
        folder = tmp_path / f"cut{length}"
        folder.mkdir()
        (folder / whole.name).write_bytes(content[:length])
        cut = Journal(folder)
        assert len(bodies(cut)) == sum(end <= length for end in ends)
        cut.append(b"after")
        assert bodies(cut)[-1] == b"after"
        cut.close()


def test_a_flipped_bit_hides_the_rest_of_its_file_and_nothing_else(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=60)
    for number in range(10):
        journal.append(b"%d" % number * 20)
    journal.close()
    second = sorted(tmp_path.glob("*.facts"))[1]
    content = bytearray(second.read_bytes())
    content[10] ^= 1
    second.write_bytes(content)
    again = Journal(tmp_path)
    assert [body[:1] for body in bodies(again)] == [b"0", b"1", b"2", b"6", b"7", b"8", b"9"]
    again.close()


@pytest.mark.parametrize("round_number", range(5))
def test_nothing_that_append_returned_for_is_lost_by_kill_9(tmp_path: Path, round_number: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    returned = 0
    while returned < 300 + 777 * round_number:
        returned = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    returned = max([returned, *(int(line) for line in process.stdout.read().split(b"\n")[:-1] if line)])
    process.wait()
    process.stdout.close()
    journal = Journal(tmp_path)
    numbers = [int(body.split(b":")[0]) for body in bodies(journal)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= returned
    journal.close()


def test_only_one_process_writes(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(JournalBusyError):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_files_are_dropped_once_nothing_in_them_is_needed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=100)
    ends = [journal.append(b"x" * 60) for _ in range(10)]
    journal.forget(ends[4], nothing_waits=False)
    assert len(bodies(journal)) <= 6
    assert bodies(journal)[-1:] == [b"x" * 60]
    journal.forget(ends[-1], nothing_waits=True)
    assert len(list(tmp_path.glob("*.facts"))) == 1
    journal.forget_all()
    assert not list(tmp_path.glob("*.facts"))
    journal.close()


def test_positions_grow_over_processes(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    before = journal.append(b"one")
    journal.close()
    again = Journal(tmp_path)
    assert again.end == before
    assert again.append(b"two") > before
    assert again.start == Position(before.segment, 0)
    again.sync()
    again.close()


def test_a_write_that_does_not_fit_leaves_no_half_entry(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from m3voip.storage.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]))
journal.append(b"a" * 100)
resource.setrlimit(resource.RLIMIT_FSIZE, (150, 10**9))
try:
    journal.append(b"b" * 100)
except OSError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**9, 10**9))
    journal.append(b"c" * 100)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, env={**os.environ})
    journal = Journal(tmp_path)
    assert [body[:1] for body in bodies(journal)] == [b"a", b"c"]
    journal.close()
