"""What is kept of a recording: aligned, lossless, also when Asterisk was killed while writing."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from m3voip.jobs.audio import UnreadableAudioError, join_stereo, read_wav

pytestmark = pytest.mark.unit


def tone(path: Path, hertz: float, seconds: float, rate: int = 8000) -> None:
    samples = (np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate) * 8000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def loudest(samples: NDArray[np.int16], rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


def test_each_party_stays_on_its_own_side(tmp_path: Path) -> None:
    tone(tmp_path / "rx.wav", 440, 2.0)
    tone(tmp_path / "tx.wav", 1000, 1.5)
    assert join_stereo(tmp_path / "rx.wav", tmp_path / "tx.wav", tmp_path / "out.flac") == 2.0
    audio, rate = soundfile.read(tmp_path / "out.flac", dtype="int16")
    assert audio.shape == (16000, 2)
    assert loudest(audio[:8000, 0], rate) == pytest.approx(440, abs=2)
    assert loudest(audio[:8000, 1], rate) == pytest.approx(1000, abs=2)
    assert not audio[12000:, 1].any()


def test_a_file_whose_header_was_never_finished_still_gives_its_samples(tmp_path: Path) -> None:
    tone(tmp_path / "whole.wav", 440, 1.0)
    data = bytearray((tmp_path / "whole.wav").read_bytes())
    data[40:44] = b"\0\0\0\0"
    (tmp_path / "torn.wav").write_bytes(data[:-1001])
    samples, rate = read_wav(tmp_path / "torn.wav")
    assert (len(samples), rate) == (7499, 8000)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wav file at all, but long enough to look like one....."])
def test_what_is_no_wav_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(UnreadableAudioError, match=r"x\.wav"):
        read_wav(tmp_path / "x.wav")


def test_two_rates_are_not_joined(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 440, 0.5)
    tone(tmp_path / "b.wav", 440, 0.5, rate=16000)
    with pytest.raises(UnreadableAudioError, match="16000"):
        join_stereo(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "out.flac")
