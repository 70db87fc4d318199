"""FastAGI on a real Asterisk: questions are answered, and a dialplan never waits for an answer that does not come."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m3voip.providers.asterisk.agi.answers import AnswersAway, Floor, FloorAnswers
from m3voip.providers.asterisk.agi.server import AgiServer
from m3voip.providers.asterisk.ari import channels
from m3voip.providers.asterisk.ari.errors import AriError
from tests.asterisk.conftest import OpenAri, Seen
from tests.asterisk.lab import Lab, free_port
from tests.support.eventually import eventually


class Answers:
    """Scripted answers; remembers what it was asked."""

    def __init__(self) -> None:
        self.floor: Floor | None = Floor(queue="sales", box="801@default")
        self.blocked = True
        self.wait = threading.Event()
        self.wait.set()
        self.fault: Exception | None = None
        self.asked: list[tuple[str, ...]] = []

    def _said(self, *question: str) -> None:
        self.asked.append(question)
        self.wait.wait(5)
        if self.fault is not None:
            raise self.fault

    def floor_for(self, digits: str, caller: str) -> Floor | None:
        self._said("floor", digits)
        return self.floor

    def is_blocked(self, caller: str, called: str) -> bool:
        self._said("blocked", caller, called)
        return self.blocked


@contextmanager
def serving(port: int, answers: FloorAnswers, most: int = 64) -> Iterator[AgiServer]:
    """A server in a thread."""
    with AgiServer("127.0.0.1", port, answers, most=most) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)


# On a real Asterisk


@pytest.fixture
def answers() -> Answers:
    return Answers()


async def variable(seen: Seen, channel: str, name: str) -> str | None:
    try:
        return (await seen.client.call(channels.get_variable(channel, name))).value
    except AriError as error:
        if error.status != 404:  # the variable is not set
            raise
        return None


async def ask(seen: Seen, leg: str, script: str, *names: str) -> dict[str, str | None]:
    """Let a channel ask; returns the variables it has when the dialplan has gone on."""
    await seen.client.call(channels.originate(f"Local/agi-{script}@lab/n", app=seen.app, channel_id=leg))
    await eventually(lambda: variable(seen, f"{leg};2", "AGISTATUS"), within=4, what="the dialplan goes on")
    found = {name: await variable(seen, f"{leg};2", name) for name in ("AGISTATUS", *names)}
    await seen.client.call(channels.hangup(leg))
    return found


@pytest.mark.asterisk
@pytest.mark.usefixtures("quiet_lab")
async def test_the_dialplan_learns_where_a_number_leads_and_who_is_blocked(
    open_ari: OpenAri, lab: Lab, answers: Answers
) -> None:
    async with open_ari() as seen:
        with serving(lab.agi_port, answers):
            floor = await ask(seen, "agi-1", "did", "M3_FLOOR_QUEUE", "M3_FLOOR_BOX")
            assert floor == {"AGISTATUS": "SUCCESS", "M3_FLOOR_QUEUE": "sales", "M3_FLOOR_BOX": "801@default"}
            blocked = await ask(seen, "agi-2", "blocked", "M3_BLOCKED")
            assert blocked == {"AGISTATUS": "SUCCESS", "M3_BLOCKED": "yes"}
            unknown = await ask(seen, "agi-3", "nonsense", "M3_BLOCKED", "M3_FLOOR_QUEUE")
            assert unknown == {"AGISTATUS": "SUCCESS", "M3_BLOCKED": None, "M3_FLOOR_QUEUE": None}
        assert answers.asked == [("floor", "15550199999"), ("blocked", "15550199999", "15550100100")]


@pytest.mark.asterisk
@pytest.mark.usefixtures("quiet_lab")
async def test_the_dialplan_goes_on_when_the_server_is_dead_or_its_answers_are_away(
    open_ari: OpenAri, lab: Lab, answers: Answers
) -> None:
    async with open_ari() as seen:
        dead = await ask(seen, "agi-4", "did", "M3_FLOOR_QUEUE")
        assert dead == {"AGISTATUS": "FAILURE", "M3_FLOOR_QUEUE": None}
        with serving(lab.agi_port, answers):
            answers.fault = AnswersAway("test")
            away = await ask(seen, "agi-5", "blocked", "M3_BLOCKED")
            assert away == {"AGISTATUS": "SUCCESS", "M3_BLOCKED": None}
            answers.fault = ZeroDivisionError("a bug")
            wrong = await ask(seen, "agi-6", "blocked", "M3_BLOCKED")
            assert wrong["M3_BLOCKED"] is None
            answers.fault = None
            assert (await ask(seen, "agi-7", "blocked", "M3_BLOCKED"))["M3_BLOCKED"] == "yes"


# By hand


class Caller:
    """What Asterisk would be."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)

    def say(self, text: str) -> None:
        self.socket.sendall(text.encode(errors="surrogateescape"))

    def ask(self, script: str, *arguments: str) -> list[str]:
        """Ask, answer each command with success, and return the commands."""
        commands = []
        with self.socket, contextlib.suppress(OSError):
            self.say(f"agi_network: yes\nagi_network_script: {script}\nagi_callerid: 1555\n")
            for number, argument in enumerate(arguments, 1):
                self.say(f"agi_arg_{number}: {argument}\n")
            self.say("\n")
            with self.socket.makefile("r") as lines:
                for line in lines:
                    commands.append(line.strip())
                    self.say("200 result=1\n")
        return commands


@pytest.fixture
def port(answers: Answers) -> Iterator[int]:
    chosen = free_port()
    with serving(chosen, answers):
        yield chosen


@pytest.mark.unit
def test_a_query_is_as_good_as_arguments(port: int, answers: Answers) -> None:
    assert Caller(port).ask("did?digits=15550100100") == [
        'SET VARIABLE "M3_FLOOR_QUEUE" "sales"',
        'SET VARIABLE "M3_FLOOR_BOX" "801@default"',
    ]
    assert answers.asked == [("floor", "15550100100")]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("argument", "digits"),
    [
        ("+1 (555) 010-0100", "15550100100"),
        ("1555'; drop table did; --", "1555"),
        ("sales", ""),
        ("1" * 16, ""),
        ("1", ""),
        ("", ""),
        ("\x00\xff", ""),
    ],
)
def test_numbers_are_digits_by_the_time_they_are_looked_up(
    port: int, answers: Answers, argument: str, digits: str
) -> None:
    Caller(port).ask("did", argument)
    assert answers.asked == [("floor", digits)]


@pytest.mark.unit
def test_a_caller_without_a_number_is_not_blocked(port: int, answers: Answers) -> None:
    assert Caller(port).ask("blocked", "", "15550100100") == ['SET VARIABLE "M3_BLOCKED" "no"']
    assert answers.asked == []


@pytest.mark.unit
def test_a_value_off_the_whitelist_is_never_sent(port: int, answers: Answers) -> None:
    answers.floor = Floor(queue='sales"\nEXEC System "reboot', box="")
    assert Caller(port).ask("did", "15550100100") == []


@pytest.mark.unit
def test_whoever_says_nothing_is_let_go_after_a_second(port: int) -> None:
    silent = Caller(port)
    silent.say("agi_network: yes\n")
    began = time.monotonic()
    assert silent.socket.recv(10) == b""
    assert 0.8 < time.monotonic() - began < 2
    silent.socket.close()


@pytest.mark.unit
def test_whoever_says_too_much_is_let_go_at_once(port: int) -> None:
    flood = Caller(port)
    with contextlib.suppress(OSError):
        for _ in range(100):
            flood.say("x" * 4096)
    with contextlib.suppress(OSError):
        assert flood.socket.recv(10) == b""
    flood.socket.close()


@pytest.mark.unit
def test_a_probe_that_only_connects_disturbs_nothing(port: int, answers: Answers) -> None:
    Caller(port).socket.close()
    assert Caller(port).ask("blocked", "15550199999") == ['SET VARIABLE "M3_BLOCKED" "yes"']


@pytest.mark.unit
def test_when_every_place_is_taken_callers_go_on_without_an_answer(answers: Answers) -> None:
    port = free_port()
    answers.wait.clear()
    with serving(port, answers, most=2):
        waiting = [threading.Thread(target=Caller(port).ask, args=("did", "15550100100")) for _ in range(2)]
        for thread in waiting:
            thread.start()
        deadline = time.monotonic() + 3
        while len(answers.asked) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        began = time.monotonic()
        assert Caller(port).ask("did", "15550100100") == []
        assert time.monotonic() - began < 0.5
        answers.wait.set()
        for thread in waiting:
            thread.join(3)
        assert len(Caller(port).ask("did", "15550100100")) == 2


@pytest.fixture(scope="module")
def shared_port() -> Iterator[int]:
    """One server for all examples."""
    chosen = free_port()
    with serving(chosen, Answers()):
        yield chosen


@pytest.mark.unit
@given(noise=st.binary(max_size=300))
@settings(max_examples=40, deadline=None)
def test_noise_never_stops_the_server(shared_port: int, noise: bytes) -> None:
    with Caller(shared_port).socket as connection, contextlib.suppress(OSError):
        connection.sendall(noise + b"\n\n")
    assert len(Caller(shared_port).ask("did", "15550100100")) == 2
