"""What a call heard, on the clock of its arrival: gaps are silence, so a second here was a second there."""

from __future__ import annotations

import time
import wave
from bisect import bisect_left
from pathlib import Path

import numpy as np

from m3voip.phones.media.g711 import RATE, Codec, Samples, decode
from m3voip.phones.media.tones import QUIET_DBFS, dominant_hz, is_tone, level_dbfs

_JITTER = 0.1
"""Seconds a packet may be late before the gap counts as silence."""


class Ear:
    """Keeps the payloads as they came (about 12 kB/s) and decodes only when asked. Times are ``time.monotonic()``."""

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self._at: list[float] = []
        self._payloads: list[tuple[Codec, bytes]] = []
        self.packets = 0
        self.first_packet_at: float | None = None
        self.first_sound_at: float | None = None
        self.last_packet_at: float | None = None

    def hear(self, at: float, codec: Codec, payload: bytes) -> None:
        """One packet of audio arrived."""
        self.packets += 1
        self.last_packet_at = at
        if self.first_packet_at is None:
            self.first_packet_at = at
        if self.first_sound_at is None and level_dbfs(decode(codec, payload)) > QUIET_DBFS:
            self.first_sound_at = at
        if self._keep:
            self._at.append(at)
            self._payloads.append((codec, payload))

    def samples(self, since: float | None = None, until: float | None = None) -> Samples:
        """Audio that arrived in this time (all of it by default), 8 kHz."""
        first = 0 if since is None else bisect_left(self._at, since)
        last = len(self._at) if until is None else bisect_left(self._at, until)
        parts: list[Samples] = []
        position = 0
        for at, (codec, payload) in zip(self._at[first:last], self._payloads[first:last], strict=True):
            expected = round((at - self._at[first]) * RATE)
            if expected - position > _JITTER * RATE:
                parts.append(np.zeros(expected - position, dtype=np.int16))
                position = expected
            parts.append(decode(codec, payload))
            position += len(payload)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)

    def last(self, seconds: float) -> Samples:
        """What was heard just now; shorter where less arrived."""
        return self.samples(since=time.monotonic() - seconds)

    def hears_tone(self, hz: float, seconds: float = 0.2) -> bool:
        """For the last ``seconds`` this tone was there, and hardly anything else."""
        samples = self.last(seconds)
        return len(samples) >= 0.7 * seconds * RATE and is_tone(samples, RATE, hz)

    def hears_silence(self, seconds: float = 0.2) -> bool:
        """For the last ``seconds`` there was nothing to hear (or no packet at all)."""
        return level_dbfs(self.last(seconds)) < QUIET_DBFS

    def now_hz(self) -> float | None:
        """The strongest frequency of the last 200 ms, for messages."""
        samples = self.last(0.2)
        return dominant_hz(samples, RATE) if len(samples) >= 800 else None

    def save(self, path: Path) -> None:
        """Write all of it as a mono wav."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(self.samples().astype("<i2").tobytes())
