"""Prompts: real flite, real files, real sound."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from m3voip.core.errors import ProviderError
from m3voip.ivr.compile import compile_text
from m3voip.ivr.known import Known
from m3voip.ivr.prompts import PromptSource, key_of
from m3voip.ports import Speech
from m3voip.providers.speech import sound
from m3voip.providers.speech.flite import Flite, spoken_ascii
from m3voip.providers.speech.library import PromptLibrary
from tests.ivr.support import TREES

HELLO = PromptSource(where="a.text", text="Hello, and welcome.", voice="slt")


class CountingFlite(Flite):
    """flite, and how often it was used, at most how many times at once."""

    def __init__(self) -> None:
        super().__init__()
        self.spoken: list[str] = []
        self.now = self.most = 0

    def speak(self, text: str, voice: str, target: Path) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        super().speak(text, voice, target)
        self.spoken.append(text)
        self.now -= 1


@pytest.fixture
def engine() -> CountingFlite:
    return CountingFlite()


@pytest.fixture
def library(engine: CountingFlite, tmp_path: Path) -> PromptLibrary:
    return PromptLibrary(engine=engine, folder=tmp_path / "prompts", recordings=tmp_path / "recordings")


def decoded(folder: Path, key: str, ending: str) -> NDArray[np.float32]:
    raw = (folder / f"{key}.{ending}").read_bytes()
    encoding, rate = sound.FORMATS[ending]
    if encoding == "PCM_16":
        return np.asarray(np.frombuffer(raw, dtype="<i2") / 32768, dtype=np.float32)
    path, name = str(folder / f"{key}.{ending}"), encoding
    samples, _ = soundfile.read(path, dtype="float32", samplerate=rate, channels=1, format="RAW", subtype=name)
    return np.asarray(samples, dtype=np.float32)


def first_sound_ms(samples: NDArray[np.float32], rate: int) -> float:
    loud = np.flatnonzero(np.abs(samples) > 0.008)  # a soft s at the beginning is sound, too
    return float(loud[0]) * 1000 / rate


async def test_a_tree_is_rendered_and_spoken_at_once(library: PromptLibrary, tmp_path: Path) -> None:
    speech: Speech = library
    text = (TREES / "main.yaml").read_text(encoding="utf-8")
    tree = compile_text(text, name="main", version=1, engine=speech.engine, known=Known(voices=speech.voices))
    await speech.prepare(tree.prompts)
    assert len(tree.prompts) == 4
    for key in tree.prompts:
        for ending, (_, rate) in sound.FORMATS.items():
            samples = decoded(tmp_path / "prompts", key, ending)
            assert 1.0 < len(samples) / rate < 10.0
            assert first_sound_ms(samples, rate) < 100, "words come within 100 ms"
            assert 0.05 < float(np.sqrt(np.square(samples).mean())) < 0.2, "about -20 dB"
            assert float(np.abs(samples).max()) < 0.95, "nothing is clipped"


async def test_all_formats_say_the_same(library: PromptLibrary, tmp_path: Path) -> None:
    await library.prepare({"k": HELLO})
    wide = decoded(tmp_path / "prompts", "k", "sln16")
    for ending in ("ulaw", "alaw"):
        narrow = decoded(tmp_path / "prompts", "k", ending)
        assert abs(len(narrow) * 2 - len(wide)) <= 2
        envelope = [
            np.abs(samples[: len(samples) // 50 * 50]).reshape(50, -1).mean(axis=1) for samples in (wide, narrow)
        ]
        assert float(np.corrcoef(*envelope)[0, 1]) > 0.98


async def test_a_prompt_is_made_once(library: PromptLibrary, engine: CountingFlite, tmp_path: Path) -> None:
    await library.prepare({"k": HELLO})
    before = (tmp_path / "prompts" / "k.sln16").stat().st_mtime_ns
    await library.prepare({"k": HELLO})
    assert engine.spoken == [HELLO.text]
    assert (tmp_path / "prompts" / "k.sln16").stat().st_mtime_ns == before


async def test_a_prompt_half_written_by_a_crash_is_made_again(library: PromptLibrary, tmp_path: Path) -> None:
    await library.prepare({"k": HELLO})
    (tmp_path / "prompts" / "k.alaw").unlink()
    await library.prepare({"k": HELLO})
    assert sound.complete(tmp_path / "prompts", "k")
    assert [path.name for path in (tmp_path / "prompts").iterdir() if path.name.startswith(".")] == []


async def test_few_prompts_are_made_at_a_time(library: PromptLibrary, engine: CountingFlite) -> None:
    sources = {f"k{n}": PromptSource(where="a", text=f"Number {n}.", voice="slt") for n in range(12)}
    await asyncio.gather(library.prepare(sources), library.prepare({}))
    assert len(engine.spoken) == 12
    assert engine.most <= 2


async def test_an_error_names_the_prompt(library: PromptLibrary) -> None:
    bad = PromptSource(where="welcome.prompt", text="Hello.", voice="http://evil/voice.flitevox")
    with pytest.raises(ProviderError, match=r"prompt welcome\.prompt, text “Hello\.”: flite has no voice"):
        await library.prepare({"k": bad})


async def test_a_text_cannot_become_an_option_or_a_command(library: PromptLibrary, tmp_path: Path) -> None:
    marks = tmp_path / "mark"
    nasty = f"-o {marks} $(touch {marks}) `touch {marks}`; touch {marks} | touch {marks}"
    await library.prepare({"k": PromptSource(where="a", text=nasty, voice="slt")})
    assert not marks.exists()


@pytest.mark.unit
def test_typographic_signs_are_spelled_for_flite() -> None:
    assert spoken_ascii("It\u2019s \u201con-line\u201d \u2014 café, 5 €\u2026") == 'It\'s "on-line"  -  cafe, 5  euro .'


@pytest.mark.unit
def test_without_flite_the_operator_is_told_what_to_install() -> None:
    with pytest.raises(ProviderError, match="apt-get install flite"):
        Flite("flite-that-does-not-exist")


@pytest.mark.unit
def test_another_engine_version_or_voice_is_another_key() -> None:
    keys = {key_of("text", engine, voice, "Hi.") for engine in ("a-1", "a-2") for voice in ("slt", "rms")}
    assert len(keys) == 4


# ---- recordings ----
def tone(path: Path, rate: int = 44_100, channels: int = 2, seconds: float = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.sin(np.arange(int(rate * seconds)) * 2 * np.pi * 440 / rate) * 0.3
    soundfile.write(str(path), np.repeat(wave[:, None], channels, axis=1), rate)
    return path


async def test_a_recording_is_converted_whatever_its_rate_and_channels(library: PromptLibrary, tmp_path: Path) -> None:
    tone(tmp_path / "recordings" / "en" / "jingle.flac")
    known = Known(files=library.files())
    text = "version: 1\nentry: a\nnodes:\n  a: {play: {file: en/jingle.flac, then: b}}\n  b: {hangup: }\n"
    tree = compile_text(text, name="t", version=1, known=known)
    await library.prepare(tree.prompts)
    (key,) = tree.prompts
    samples = decoded(tmp_path / "prompts", key, "sln16")
    assert abs(len(samples) - 8000) < 50
    peak = np.abs(np.fft.rfft(samples)).argmax() * sound.RATE / len(samples)
    assert abs(peak - 440) < 5


def test_a_changed_recording_is_another_key(library: PromptLibrary, tmp_path: Path) -> None:
    text = "version: 1\nentry: a\nnodes:\n  a: {play: {file: jingle.wav, then: b}}\n  b: {hangup: }\n"
    keys = set()
    for seconds in (0.5, 0.6):
        tone(tmp_path / "recordings" / "jingle.wav", seconds=seconds)
        keys |= set(compile_text(text, name="t", version=1, known=Known(files=library.files())).prompts)
    assert len(keys) == 2


def test_only_plain_names_are_offered(library: PromptLibrary, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    tone(folder / "good.wav")
    for name in (".hidden.wav", "UPPER.wav", "with space.wav", "notes.txt", "a/b/c/d/e.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert set(library.files()) == {"good.wav"}


@pytest.mark.parametrize("name", ["../outside.wav", "/etc/passwd", "a/../../outside.wav", "link.wav", "x.wav\x00.png"])
async def test_no_name_leaves_the_folder(library: PromptLibrary, tmp_path: Path, name: str) -> None:
    tone(tmp_path / "outside.wav")
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "link.wav").symlink_to(tmp_path / "outside.wav")
    with pytest.raises((ProviderError, ValueError)):
        await library.prepare({"k": PromptSource(where="a.file", file=name)})
    assert not (tmp_path / "prompts" / "k.sln16").exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not sound at all", "cannot be read as sound"),
        (b"", "cannot be read"),
        (os.urandom(11 * 1024 * 1024), "larger than"),
    ],
    ids=["text", "empty", "large"],
)
async def test_a_file_is_judged_by_its_content(
    library: PromptLibrary, tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "a.wav").write_bytes(content)
    with pytest.raises(ProviderError, match=rf"prompt n\.file, file 'a\.wav': .*{why}"):
        await library.prepare({"k": PromptSource(where="n.file", file="a.wav")})


async def test_an_aiff_in_disguise_is_refused(library: PromptLibrary, tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    disguised = tmp_path / "recordings" / "a.wav"
    soundfile.write(str(disguised), np.zeros(800), 8000, format="AIFF")
    with pytest.raises(ProviderError, match="AIFF"):
        await library.prepare({"k": PromptSource(where="n.file", file="a.wav")})


@pytest.mark.unit
def test_silence_around_words_is_cut_and_nothing_else() -> None:
    quiet, word = np.zeros(16_000, dtype=np.float32), np.sin(np.arange(8_000) * 0.3).astype(np.float32) * 0.05
    tidied = sound.tidy(np.concatenate([quiet, word, quiet]))
    assert 8_000 < len(tidied) < 8_000 + 16_000 * 0.25
    assert first_sound_ms(tidied, 16_000) < 100


@pytest.mark.unit
def test_silence_alone_stays_silence() -> None:
    assert not sound.tidy(np.zeros(5_000, dtype=np.float32)).any()
    assert len(sound.tidy(np.zeros(3, dtype=np.float32))) == 3
