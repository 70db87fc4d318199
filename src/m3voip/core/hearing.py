"""What a piece of audio holds: how loud it is, and whether certain tones are in it. Pure; signed 16-bit samples."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import cos, log10, pi, sin

FULL_SCALE = 32768.0
SILENCE_DB = -90.0
"""What nothing at all is said to be."""


def level_db(samples: array[int]) -> float:
    """The mean level, in dB below full scale."""
    if not samples:
        return SILENCE_DB
    power = sum(s * s for s in samples) / len(samples)
    return max(SILENCE_DB, 10 * log10(power / FULL_SCALE**2)) if power else SILENCE_DB


def tone_share(samples: array[int], rate: int, tones: Iterable[float], block_s: float = 0.1) -> float:
    """How much of the sound's power is in ``tones`` (Hz) together, 0..1, where each has its part in it: as many times what
    is in the weakest. Goertzel, block by block, because on its way a tone loses its phase."""
    size = int(rate * block_s)
    blocks = [samples[start : start + size] for start in range(0, len(samples) - size + 1, size)]
    total = sum(s * s for block in blocks for s in block)
    within = [sum(_power(block, tone / rate) for block in blocks) for tone in tones]
    return min(1.0, len(within) * min(within) / total) if total else 0.0


def tone(hertz: Iterable[float], rate: int, seconds: float) -> array[int]:
    """These tones at once, together a quarter of full scale."""
    tones = list(hertz)
    size = FULL_SCALE / 4 / len(tones)
    samples = range(int(rate * seconds))
    return array("h", (round(size * sum(sin(2 * pi * f * n / rate) for f in tones)) for n in samples))


def _power(block: array[int], frequency: float) -> float:
    """The power of one frequency (in cycles a sample) in a block, on the scale of the sum of its squares."""
    factor = 2 * cos(2 * pi * frequency)
    before = last = 0.0
    for sample in block:
        before, last = last, sample + factor * last - before
    return (last * last + before * before - factor * last * before) * 2 / len(block)
