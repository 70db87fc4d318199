"""`m3voip demo` as a person runs it: watched, and ended by Ctrl-C."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.stack.conftest import Instance, eventually

pytestmark = [pytest.mark.stack, pytest.mark.asterisk, pytest.mark.postgres]


@pytest.fixture
def demo(instance: Instance) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "m3voip", "demo", "--rate", "2"],
        env=os.environ | {"M3VOIP_INSTANCE": instance.folders.instance},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_callers_reach_agents_and_ending_it_leaves_nothing(
    demo: subprocess.Popen[bytes], instance: Instance, number: signal.Signals
) -> None:
    assert demo.stdout is not None
    shown = b""
    for line in demo.stdout:  # the test's own time limit is the deadline
        shown += line
        if b"answered" in line and b"answered 0" not in line:
            break
    assert b"answered" in shown, shown.decode()
    os.kill(demo.pid, number)
    rest = demo.stdout.read()
    assert demo.wait(timeout=60) == 0
    assert b"nothing is left running" in rest
    eventually(lambda: instance.processes() == [])


def test_interrupted_while_it_starts_it_leaves_nothing(demo: subprocess.Popen[bytes], instance: Instance) -> None:
    eventually(instance.folders.state_file.exists)
    os.kill(demo.pid, signal.SIGINT)
    demo.communicate(timeout=60)
    eventually(lambda: instance.processes() == [])


def test_a_stack_that_ran_before_goes_on_running_afterwards(instance: Instance) -> None:
    instance.run("up")
    done = subprocess.run(
        [sys.executable, "-m", "m3voip", "demo", "--seconds", "3"],
        env=os.environ | {"M3VOIP_INSTANCE": instance.folders.instance},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    instance.run("status")
