"""What an operator does: up, down, status, and what happens when things are killed in between."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from m3voip.stack import operate, paths
from tests.stack.conftest import Instance, eventually

pytestmark = [pytest.mark.stack, pytest.mark.asterisk, pytest.mark.postgres]


def test_up_is_ready_when_it_returns_and_down_leaves_no_process(instance: Instance) -> None:
    assert "m3voip is up" in instance.up()
    assert "Asterisk 22." in instance.run("cli", "core show version")
    assert "already up" in instance.up()
    assert json.loads(instance.run("status", "--json"))["phase"] == "ready"
    assert len(instance.processes()) >= 3
    assert "is down" in instance.run("down")
    assert instance.processes() == []
    assert not instance.folders.run_file.exists()
    assert "was not running" in instance.run("down")
    instance.run("status", status=3)


def test_run_json_is_private_and_has_what_a_tool_needs(instance: Instance) -> None:
    instance.up()
    assert instance.folders.run_file.stat().st_mode & 0o777 == 0o600
    run = instance.run_json()
    assert set(run) >= {
        "apiUrl",
        "apiKey",
        "sip",
        "dids",
        "agents",
        "postgresDsn",
        "ariUrl",
        "asterisk",
        "folders",
        "pids",
    }
    assert set(run["sip"]) == {"address", "udp", "tcp", "tls", "wss", "caFile"}
    assert run["dids"] == ["+15550100100"]
    assert [agent["extension"] for agent in run["agents"]] == ["101", "102", "103", "104", "105"]
    assert psutil.Process(run["pids"]["asterisk"]).name() == "asterisk"
    done = subprocess.run([*run["asterisk"]["cli"], "core show uptime"], capture_output=True, text=True, check=True)
    assert "uptime" in done.stdout.lower()
    assert Path(run["asterisk"]["controlSocket"]).is_socket()
    assert all(Path(folder).is_dir() for folder in run["folders"].values())


def test_a_killed_asterisk_is_back_under_a_new_pid_in_run_json(instance: Instance) -> None:
    instance.up()
    former = instance.run_json()["pids"]["asterisk"]
    os.kill(former, signal.SIGKILL)
    eventually(lambda: instance.run_json()["pids"]["asterisk"] not in (None, former))
    eventually(lambda: json.loads(instance.folders.state_file.read_text())["parts"]["asterisk"]["state"] == "ready")
    assert "Asterisk" in instance.run("cli", "core show version")


def test_restarting_a_part_applies_what_changed_in_between(instance: Instance) -> None:
    instance.up()
    former = instance.run_json()["pids"]
    (instance.folders.asterisk_etc / "stray.conf").touch()  # rendering takes away what the checkout does not have
    assert "ready again" in instance.run("restart", "asterisk")
    assert instance.run_json()["pids"]["asterisk"] not in (None, former["asterisk"])
    assert not (instance.folders.asterisk_etc / "stray.conf").exists()
    assert instance.run_json()["pids"]["postgres"] == former["postgres"]
    assert "not running" in instance.run("restart", "service", status=1)


def test_parts_outlive_a_killed_supervisor_and_the_next_one_adopts_them(instance: Instance) -> None:
    instance.up()
    before = instance.run_json()["pids"]
    os.kill(before["supervisor"], signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(before["supervisor"]))
    assert "without a supervisor" in instance.run("status", status=1)
    instance.up()
    after = instance.run_json()["pids"]
    assert (after["asterisk"], after["postgres"]) == (before["asterisk"], before["postgres"])
    assert after["supervisor"] != before["supervisor"]
    # And it watches them like its own.
    os.kill(after["asterisk"], signal.SIGKILL)
    eventually(lambda: instance.run_json()["pids"]["asterisk"] not in (None, after["asterisk"]))


def test_down_after_a_killed_supervisor_leaves_nothing(instance: Instance) -> None:
    instance.up()
    os.kill(instance.run_json()["pids"]["supervisor"], signal.SIGKILL)
    instance.run("down")
    assert instance.processes() == []


def test_a_port_taken_while_the_stack_is_down_is_chosen_again(instance: Instance) -> None:
    instance.up()
    former = instance.run_json()["sip"]["udp"]
    instance.run("down")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as intruder:
        intruder.bind(("127.0.0.1", former))
        instance.up()
        assert instance.run_json()["sip"]["udp"] != former


def test_no_secret_is_in_a_log_an_argument_or_an_environment(instance: Instance) -> None:
    instance.up()
    os.kill(instance.run_json()["pids"]["asterisk"], signal.SIGKILL)
    eventually(lambda: "process.ended" in (instance.folders.log / "supervisor.log").read_text())
    known = json.loads(instance.folders.secrets_file.read_text())
    texts = [value for value in known.values() if isinstance(value, str)] + [a["password"] for a in known["agents"]]
    readable = [path.read_text() for path in instance.folders.log.iterdir()]
    readable += [" ".join(process.cmdline()) for process in instance.processes()]
    readable += [str(process.environ()) for process in instance.processes()]
    assert len(texts) >= 14
    assert not [n for n, text in enumerate(texts) for words in readable if text in words]


def test_folders_hide_everything_from_other_users(instance: Instance) -> None:
    instance.up()
    open_to_others = [
        path for path in instance.folders.base.iterdir() if path.stat().st_mode & 0o007 and path.name != "ports.json"
    ]
    assert open_to_others == []


def test_up_that_fails_says_why_and_leaves_nothing(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M3VOIP_SIP_ADDRESS", "203.0.113.1")  # not an address of this machine
    said = instance.run("up", "--part", "postgres", "--part", "asterisk", status=1)
    assert "no free port" in said
    assert instance.processes() == []


def test_a_process_of_another_instance_is_never_touched(instance: Instance) -> None:
    stranger = subprocess.Popen(
        ["sleep", "60"], env={"M3VOIP_STACK_PART": f"asterisk@{instance.folders.base}-other", "PATH": os.defpath}
    )
    try:
        asyncio.run(operate.down(instance.folders))
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_setting_up_a_second_time_does_nothing_and_says_nothing() -> None:
    setup = paths.locate().checkout / "scripts" / "setup"
    subprocess.run([setup], check=True, timeout=110)
    again = subprocess.run([setup], capture_output=True, text=True, timeout=60, check=False)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
