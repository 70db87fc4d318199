import json
import socket
from pathlib import Path

import pytest

from m3voip.stack import ports
from m3voip.stack.errors import StackError

pytestmark = pytest.mark.unit
HERE = "127.0.0.1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "one").mkdir()
    return tmp_path / "one" / "ports.json"


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_remembered_port_that_somebody_took_is_chosen_again_and_the_others_stay(file: Path, kind: int) -> None:
    before = ports.assign(file, HERE)
    with socket.socket(socket.AF_INET, kind) as intruder:
        intruder.bind((HERE, before.http))
        if kind == socket.SOCK_STREAM:
            intruder.listen()
        after = ports.assign(file, HERE)
    assert after.http != before.http
    assert (after.ami, after.postgres, after.rtp_start) == (before.ami, before.postgres, before.rtp_start)


def test_free_ports_are_remembered(file: Path) -> None:
    assert ports.assign(file, HERE) == ports.assign(file, HERE) == ports.remembered(file)


def test_a_port_that_a_living_part_of_ours_holds_is_kept(file: Path) -> None:
    before = ports.assign(file, HERE)
    with socket.create_server((HERE, before.http)):
        assert ports.assign(file, HERE, held=["http"]) == before


def test_two_instances_share_no_port_even_while_both_are_down(tmp_path: Path) -> None:
    chosen = []
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        chosen.append(ports.assign(tmp_path / name / "ports.json", HERE))
    everything = [port for mine in chosen for port in json.loads(json.dumps(list(_all(mine))))]
    assert len(everything) == len(set(everything))


def test_the_rtp_range_has_no_busy_port_in_it(file: Path) -> None:
    before = ports.assign(file, HERE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as intruder:
        intruder.bind((HERE, before.rtp_start + 1234))
        after = ports.assign(file, HERE)
    assert after.rtp_end - after.rtp_start + 1 == ports.RTP_COUNT
    assert not after.rtp_start <= before.rtp_start + 1234 <= after.rtp_end


def test_an_address_that_is_not_ours_is_refused_with_a_reason(file: Path) -> None:
    with pytest.raises(StackError, match="no free port"):
        ports.assign(file, "203.0.113.1")


def _all(mine: ports.Ports) -> set[int]:
    rtp = set(range(mine.rtp_start, mine.rtp_end + 1))
    return {mine.sip_udp, mine.sip_tls, mine.http, mine.wss, mine.ami, mine.agi, mine.api, mine.postgres} | rtp
