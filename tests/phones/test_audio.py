"""G.711, tones, wav files, keys and the ear, without a network."""

import wave
from pathlib import Path

import numpy as np
import pytest

from m3voip.phones.media import g711, sounds, tones
from m3voip.phones.media.dtmf import KeyReader, key_press
from m3voip.phones.media.ear import Ear
from m3voip.phones.media.g711 import Codec


def _sine(hz: float, rate: int = 8000, seconds: float = 1.0, level: float = 8000) -> g711.Samples:
    return np.rint(level * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


@pytest.mark.parametrize("codec", ["ulaw", "alaw"])
def test_g711_gives_back_every_code_and_stays_near_every_sample(codec: Codec) -> None:
    every = bytes(range(256))
    again = g711.encode(codec, g711.decode(codec, every))
    assert g711.decode(codec, again).tolist() == g711.decode(codec, every).tolist()
    samples = np.arange(-32000, 32000, dtype=np.int16)
    error = np.abs(g711.decode(codec, g711.encode(codec, samples)).astype(int) - samples)
    assert np.all(error <= np.maximum(16, np.abs(samples.astype(int)) // 16))


def test_known_codes_of_g711() -> None:
    zero = np.zeros(1, dtype=np.int16)
    assert g711.encode("ulaw", zero) in (b"\xff", b"\x7f")
    assert g711.decode("ulaw", b"\x80\x00").tolist() == [32124, -32124]
    assert g711.decode("alaw", b"\xd5\x55\xaa\x2a").tolist() == [8, -8, 32256, -32256]


def test_a_tone_is_recognised_and_its_neighbours_and_mixtures_are_not() -> None:
    assert tones.is_tone(_sine(440), 8000, 440)
    assert tones.dominant_hz(_sine(440), 8000) == pytest.approx(440, abs=2)
    assert not tones.is_tone(_sine(440), 8000, 600)
    assert not tones.is_tone((_sine(440) + _sine(600)).astype(np.int16), 8000, 440)
    assert tones.dominant_hz(np.zeros(8000, dtype=np.int16), 8000) is None


def test_a_tone_loops_without_a_click() -> None:
    frames = sounds.tone(441).frames("alaw")
    twice = g711.decode("alaw", b"".join(frames * 2))
    assert len(frames) == 50
    assert tones.tone_share(twice, 8000, 441, within_hz=3) > 0.99


def test_a_wav_of_another_rate_keeps_its_pitch(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes(_sine(500, 22050).tobytes())
    heard = g711.decode("ulaw", b"".join(sounds.wav(path).frames("ulaw")))
    assert tones.is_tone(heard, 8000, 500)
    assert sounds.wav(path).seconds == pytest.approx(1.0, abs=0.03)


def test_the_ear_keeps_gaps_as_silence(tmp_path: Path) -> None:
    ear = Ear()
    frame = g711.encode("ulaw", _sine(440, seconds=0.02))
    for at in [*(100 + n * 0.02 for n in range(50)), *(103 + n * 0.02 for n in range(50))]:
        ear.hear(at, "ulaw", frame)
    heard = ear.samples()
    assert len(heard) == 4 * 8000
    assert tones.level_dbfs(heard[9000:23000]) < -80
    assert ear.first_sound_at == 100
    assert len(ear.samples(since=103)) == 8000
    ear.save(tmp_path / "heard.wav")
    with wave.open(str(tmp_path / "heard.wav")) as file:
        assert file.getnframes() == 32000


def test_a_key_press_is_read_once_even_if_its_first_packets_are_lost() -> None:
    packets = [payload for _, payload in key_press("#", 100)]
    assert [p[1] >> 7 for p in packets] == [0, 0, 0, 0, 0, 1, 1, 1]
    reader = KeyReader()
    for payload in packets[3:]:
        reader.read(4711, payload)
    for _, payload in key_press("#", 60):
        reader.read(9000, payload)
    assert reader.digits == "##"
    with pytest.raises(ValueError, match="is no key"):
        key_press("x", 100)
