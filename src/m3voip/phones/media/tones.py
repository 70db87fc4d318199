"""Which tone is in these samples? Pure functions on int16 samples of any rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

QUIET_DBFS = -50.0
"""Below this there is no tone, only noise or silence (comfort noise is around -60)."""


def level_dbfs(samples: npt.NDArray[np.int16]) -> float:
    """RMS level against full scale; -inf for nothing at all."""
    if not len(samples):
        return float("-inf")
    power = float(np.mean(np.square(samples.astype(np.float64))))
    return 10 * float(np.log10(power / 32768**2)) if power else float("-inf")


def dominant_hz(samples: npt.NDArray[np.int16], rate: int) -> float | None:
    """The strongest frequency, None where it is quiet. Give it 100 ms or more; the answer is good to a few Hz."""
    if level_dbfs(samples) < QUIET_DBFS:
        return None
    size = max(8192, len(samples))
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    spectrum[: max(1, int(30 * size / rate))] = 0  # no DC, no hum
    return float(np.argmax(spectrum)) * rate / size


def tone_share(samples: npt.NDArray[np.int16], rate: int, hz: float, within_hz: float = 30.0) -> float:
    """Part (0..1) of the energy that lies within ``within_hz`` of ``hz``; 0 where it is quiet."""
    if level_dbfs(samples) < QUIET_DBFS:
        return 0.0
    power = np.square(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))))
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    total = float(power.sum())
    return float(power[np.abs(frequencies - hz) <= within_hz].sum()) / total if total else 0.0


def is_tone(samples: npt.NDArray[np.int16], rate: int, hz: float) -> bool:
    """More than 60 % of what is heard is this tone (so two mixed tones are neither)."""
    return tone_share(samples, rate, hz) > 0.6
