"""What a phone says: a tone without end, silence, or a wav file; cut once into 20 ms frames and shared by all calls."""

from __future__ import annotations

import wave
from functools import lru_cache
from pathlib import Path

import numpy as np

from m3voip.phones.media.g711 import FRAME, RATE, SILENCE, Codec, Samples, encode


class Sound:
    """Samples at 8 kHz that a call plays; ``loop`` starts again at the end, else silence follows."""

    def __init__(self, samples: Samples, *, loop: bool) -> None:
        padding = -len(samples) % FRAME
        self._samples = np.concatenate([samples, np.zeros(padding, dtype=np.int16)]) if padding else samples
        self.loop = loop
        self._frames: dict[Codec, tuple[bytes, ...]] = {}

    @property
    def seconds(self) -> float:
        """Length of one round."""
        return len(self._samples) / RATE

    def frames(self, codec: Codec) -> tuple[bytes, ...]:
        """The payloads, encoded at the first call."""
        if codec not in self._frames:
            data = encode(codec, self._samples)
            self._frames[codec] = tuple(data[at : at + FRAME] for at in range(0, len(data), FRAME)) or (SILENCE[codec],)
        return self._frames[codec]


@lru_cache(maxsize=64)
def tone(hz: int, level_dbfs: float = -12.0) -> Sound:
    """A sine without end; whole Hz only, so that one second joins to the next without a click."""
    amplitude = 32767 * 10 ** (level_dbfs / 20)
    wave_of = amplitude * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)
    return Sound(np.rint(wave_of).astype(np.int16), loop=True)


@lru_cache(maxsize=1)
def silence() -> Sound:
    """Silence without end."""
    return Sound(np.zeros(FRAME, dtype=np.int16), loop=True)


@lru_cache(maxsize=64)
def wav(path: Path, *, loop: bool = True) -> Sound:
    """Speech from a 16-bit PCM wav of any rate (first channel). Raises wave.Error or OSError."""
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2:
            raise wave.Error(f"{path}: only 16-bit wav")
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")[::channels]
    return Sound(_at_8k(samples.astype(np.int16), rate), loop=loop)


def _at_8k(samples: Samples, rate: int) -> Samples:
    if rate == RATE:
        return samples
    if rate > RATE:  # average over one output sample first: a crude low-pass, enough for a phone that only chatters
        width = max(1, round(rate / RATE))
        samples = np.convolve(samples, np.ones(width) / width, mode="same").astype(np.int16)
    at = np.arange(0, len(samples), rate / RATE)
    return np.asarray(np.interp(at, np.arange(len(samples)), samples), dtype=np.int16)
