"""Reading what Asterisk recorded and writing what we keep.

MixMonitor writes one mono WAV a direction, aligned from the bridge's first frame. We keep one stereo FLAC: lossless, half
the size, played by every current browser. A WAV that Asterisk could not close (it was killed) has no lengths in its
header; its samples are there and are read by the file's size.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.int16]


class UnreadableAudioError(Exception):
    """The file is not a 16-bit mono WAV."""


def read_wav(path: Path) -> tuple[Samples, int]:
    """Samples and rate (Hz) of a 16-bit mono PCM WAV, also of one whose header was never finished."""
    data = path.read_bytes()
    if len(data) < 44 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise UnreadableAudioError(f"{path.name}: not a WAV file")
    position, rate = 12, 0
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = position + 8
        if name == b"fmt ":
            form, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, body)
            if (form, channels, bits) != (1, 1, 16):
                raise UnreadableAudioError(f"{path.name}: {channels} channels of {bits} bits, wanted 1 of 16")
        elif name == b"data":
            end = len(data) if size in (0, 0xFFFFFFFF) else min(len(data), body + size)
            usable = (end - body) // 2 * 2
            return np.frombuffer(data, dtype="<i2", count=usable // 2, offset=body), rate
        position = body + size + size % 2
    raise UnreadableAudioError(f"{path.name}: no samples")


def join_stereo(left: Path, right: Path, target: Path) -> float:
    """Write ``left`` and ``right`` (mono WAV) as one stereo FLAC; the shorter is padded with silence at its end.

    Returns the duration in seconds. Raises UnreadableAudioError.
    """
    (one, rate), (two, other_rate) = read_wav(left), read_wav(right)
    if rate != other_rate:
        raise UnreadableAudioError(f"{left.name} has {rate} Hz, {right.name} {other_rate} Hz")
    frames = max(len(one), len(two))
    stereo = np.zeros((frames, 2), dtype=np.int16)
    stereo[: len(one), 0] = one
    stereo[: len(two), 1] = two
    soundfile.write(target, stereo, rate, format="FLAC", subtype="PCM_16")
    return round(frames / rate, 3)


_FRAME_S = 0.02
_QUIET = 128
"""Mean amplitude of a frame below which nothing is heard on a telephone; what app_voicemail's own threshold was."""


def heard_seconds(samples: Samples, rate: int) -> float:
    """How much of a recording is more than silence."""
    size = max(1, int(rate * _FRAME_S))
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    loud = np.abs(frames.astype(np.int32)).mean(axis=1) > _QUIET
    return round(float(loud.sum()) * _FRAME_S, 3)


def to_flac(source: Path, target: Path) -> float:
    """Write a mono WAV as FLAC; returns the duration in seconds. Raises UnreadableAudioError."""
    samples, rate = read_wav(source)
    soundfile.write(target, samples, rate, format="FLAC", subtype="PCM_16")
    return round(len(samples) / rate, 3)
