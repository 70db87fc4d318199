"""Mailboxes by FastAGI: what a caller may do is answered in time, whatever is broken; dialogues never take callers' places."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
import soundfile

from m3voip.config import DEFAULT_TENANT
from m3voip.core.errors import ProviderError
from m3voip.ports import BoxMessage, BoxSeen
from m3voip.providers.asterisk.agi.answers import AnswersAway
from m3voip.providers.asterisk.agi.boxes import PhoneBoxes
from m3voip.providers.asterisk.agi.server import AgiServer
from m3voip.providers.speech import sound
from tests.asterisk.lab import free_port
from tests.asterisk.test_agi_server import Answers, Caller

pytestmark = pytest.mark.unit


def box(*, full: bool = False, text: str = "", greeting: str = "") -> BoxSeen:
    return BoxSeen(
        name="801@default", mailbox=uuid4(), tenant_id=DEFAULT_TENANT, box="801", full=full, seconds=120,
        greeting=greeting, text=text,
    )  # fmt: skip


class Store:
    """Scripted boxes; ``away`` is raised, ``wait`` holds whoever lists messages."""

    def __init__(self) -> None:
        self.box: BoxSeen | None = box()
        self.away: Exception | None = None
        self.wait = threading.Event()
        self.wait.set()
        self.listing = threading.Event()
        self.asked: list[str] = []
        self.tried: list[tuple[str, str, str]] = []

    def seen(self, name: str) -> BoxSeen | None:
        self.asked.append(name)
        if self.away is not None:
            raise self.away
        return self.box

    def by_pin(self, context: str, number: str, pin: str) -> BoxSeen | None:
        self.tried.append((context, number, pin))
        return None

    def messages(self, _: BoxSeen) -> Sequence[BoxMessage]:
        self.listing.set()
        self.wait.wait(5)
        if self.away is not None:
            raise self.away
        return []

    def change(self, _: BoxSeen, __: UUID, ___: str) -> bool:
        return True

    def forward(self, _: BoxSeen, __: UUID, ___: str) -> bool:
        return True

    def sound(self, message: BoxMessage) -> Path:
        raise KeyError(message.key)

    def greeting(self, _: BoxSeen) -> bytes:
        return sound.flac(np.full(16000, 0.2, dtype=np.float32))

    def set_greeting(self, _: BoxSeen, __: bytes | None, ___: float) -> None:
        return None


class Voice:
    """Says everything as a short tone."""

    name, voices = "tone-1", frozenset({"slt"})

    def __init__(self) -> None:
        self.broken = False

    def speak(self, _: str, __: str, target: Path) -> None:
        if self.broken:
            raise ProviderError("no voice today", retryable=True)
        soundfile.write(target, np.sin(np.arange(8000) / 5) * 0.3, 16000, subtype="PCM_16")


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def voice() -> Voice:
    return Voice()


@contextmanager
def serving(store: Store, voice: Voice, folder: Path, most: int = 64) -> Iterator[int]:
    boxes = PhoneBoxes(store, voice, prompts=folder, spool=folder / "spool")
    port = free_port()
    with AgiServer("127.0.0.1", port, Answers(), boxes, most=most) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield port
        finally:
            server.shutdown()
            thread.join(5)


def test_a_caller_is_told_what_the_box_takes_and_hears_its_greeting(store: Store, voice: Voice, tmp_path: Path) -> None:
    with serving(store, voice, tmp_path) as port:
        assert Caller(port).ask("box", "801@default")[:2] == [
            'SET VARIABLE "M3_BOX_STATE" "open"', 'SET VARIABLE "M3_MESSAGE_SECONDS" "120"',
        ]  # fmt: skip
        keys = set()
        for one in (box(text="Hello."), box(greeting="ab" * 32, text="Hello.")):
            store.box = one
            said = Caller(port).ask("box", "801@default")[2]
            key = said.removeprefix('SET VARIABLE "M3_GREETING" "').removesuffix('"')
            assert sound.complete(tmp_path, key)
            keys.add(key)
        assert len(keys) == 2
        store.box = box(full=True, text="Hello.")
        assert [said.split('"')[3] for said in Caller(port).ask("box", "801@default")] == ["full", "120"]
        store.box = None
        assert Caller(port).ask("box", "801@default") == ['SET VARIABLE "M3_BOX_STATE" "unknown"']


def test_a_box_that_cannot_be_asked_or_a_voice_that_fails_costs_the_caller_nothing(
    store: Store, voice: Voice, tmp_path: Path
) -> None:
    with serving(store, voice, tmp_path) as port:
        voice.broken = True
        store.box = box(text="Hello.")
        assert Caller(port).ask("box", "801@default")[2] == 'SET VARIABLE "M3_GREETING" ""'
        store.away = AnswersAway("test")
        assert [line for line in Caller(port).ask("box", "801@default") if line.startswith("SET")] == []
        assert store.asked[-1] == "801@default"
        store.away = None
        Caller(port).ask("box", '801@default" "; EXEC System')
        assert store.asked[-1] == ""


def test_an_empty_box_says_so_and_comes_to_its_end(store: Store, voice: Voice, tmp_path: Path) -> None:
    with serving(store, voice, tmp_path) as port:
        said = Caller(port).ask("messages", "801@default")
        assert said[0].startswith('STREAM FILE "/prompts/') or said[0].startswith("STREAM FILE /prompts/")
        assert said[-1] == 'SET VARIABLE "M3_DONE" "yes"'
        broken = Store()
        store.away = ProviderError("the vault is away", retryable=True)
        store.box = broken.box
        assert not [line for line in Caller(port).ask("messages", "801@default") if "M3_DONE" in line]


def test_dialogues_leave_places_for_callers(store: Store, voice: Voice, tmp_path: Path) -> None:
    store.wait.clear()
    with serving(store, voice, tmp_path, most=4) as port:
        talking = [threading.Thread(target=Caller(port).ask, args=("messages", "801@default")) for _ in range(2)]
        for thread in talking:
            thread.start()
        assert store.listing.wait(5)
        assert len(Caller(port).ask("did", "15550100100")) == 2
        refused = [Caller(port).ask("messages", "801@default") for _ in range(2)]
        assert [] in refused  # two talk, and two are all that may
        assert len(Caller(port).ask("did", "15550100100")) == 2
        store.wait.set()
        for thread in talking:
            thread.join(5)
