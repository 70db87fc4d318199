import subprocess
from pathlib import Path

import pytest

from m3voip.stack import logs, paths
from m3voip.stack.errors import StackError

pytestmark = pytest.mark.unit


def test_the_shell_and_the_service_mean_the_same_asterisk_root(tmp_path: Path) -> None:
    folders = paths.locate(environ={"M3VOIP_CACHE": str(tmp_path)})
    shell = subprocess.run(
        ["bash", "-c", ". scripts/lib.sh; asterisk_root"],
        cwd=folders.checkout, env={"M3VOIP_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shell.stdout.strip() == str(folders.asterisk_root)


@pytest.mark.parametrize("name", ["../other", "UPPER", "a b", "-x", "x" * 60])
def test_an_instance_name_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(StackError, match="must match"):
        paths.locate(name)


def test_a_folder_too_deep_for_unix_sockets_is_refused_early() -> None:
    with pytest.raises(StackError, match="M3VOIP_HOME"):
        paths.locate("x", {"M3VOIP_HOME": "/" + "deep/" * 30})


def test_a_log_is_cut_under_its_writer_and_older_copies_move_on(tmp_path: Path) -> None:
    path = tmp_path / "asterisk.log"
    with path.open("ab", buffering=0) as writer:
        for turn in range(logs.KEPT + 3):
            writer.write(f"turn {turn} ".encode() * 20)
            assert logs.rotate(path, max_bytes=50)
        writer.write(b"after\n")
    assert path.read_text() == "after\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["asterisk.log", *[f"asterisk.log.{n}" for n in range(1, logs.KEPT + 1)]]
    )
    assert "turn 6" in (tmp_path / "asterisk.log.1").read_text()


def test_a_short_log_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("short")
    assert not logs.rotate(tmp_path / "a.log")
