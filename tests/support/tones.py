"""Tones in recorded files (wav, flac): which, on which channel, and when. Channel 0 is left (the caller)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from m3voip.phones.media.tones import dominant_hz, is_tone, level_dbfs, tone_share

__all__ = [
    "dominant_hz", "has_tone", "is_silent", "is_tone", "level_dbfs", "read", "share_seconds", "tone_seconds", "tone_share",
]  # fmt: skip

WINDOW = 0.1
"""Seconds looked at at a time: long enough for 10 Hz, short enough to time an event."""


def read(path: Path, channel: int = 0) -> tuple[npt.NDArray[np.int16], int]:
    """Samples and rate of one channel. Raises AssertionError where the file has no such channel."""
    samples, rate = soundfile.read(str(path), dtype="int16", always_2d=True)
    assert channel < samples.shape[1], f"{path.name} has {samples.shape[1]} channel(s), no channel {channel}"
    return samples[:, channel], int(rate)


def _part(path: Path, channel: int, from_s: float, to_s: float | None) -> tuple[npt.NDArray[np.int16], int]:
    samples, rate = read(path, channel)
    part = samples[int(from_s * rate) : None if to_s is None else int(to_s * rate)]
    assert len(part) >= WINDOW * rate, f"{path.name} has {len(samples) / rate:.2f} s, nothing from {from_s} to {to_s}"
    return part, rate


def has_tone(path: Path, channel: int, hz: float, from_s: float = 0.0, to_s: float | None = None) -> bool:
    """In this whole stretch the tone is what is heard (more than 60 % of the energy, and not quiet)."""
    part, rate = _part(path, channel, from_s, to_s)
    return is_tone(part, rate, hz)


def is_silent(path: Path, channel: int, from_s: float = 0.0, to_s: float | None = None) -> bool:
    """Nothing is heard in this stretch."""
    part, _ = _part(path, channel, from_s, to_s)
    return level_dbfs(part) < -50


def tone_seconds(path: Path, channel: int, hz: float) -> float:
    """For how many seconds in all this tone is heard, to 100 ms: its share may be interrupted."""
    samples, rate = read(path, channel)
    size = int(WINDOW * rate)
    return WINDOW * sum(is_tone(samples[at : at + size], rate, hz) for at in range(0, len(samples) - size + 1, size))


def share_seconds(path: Path, channel: int, hz: float, least: float = 0.1) -> float:
    """For how many seconds in all this tone is heard at least as one voice among others, to 100 ms."""
    samples, rate = read(path, channel)
    size = int(WINDOW * rate)
    parts = (samples[at : at + size] for at in range(0, len(samples) - size + 1, size))
    return WINDOW * sum(level_dbfs(part) > -50 and tone_share(part, rate, hz) > least for part in parts)
