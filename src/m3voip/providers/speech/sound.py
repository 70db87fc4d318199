"""Sound on its way to the telephony node: one channel, 16 kHz, even loudness, words from the first moment.

Written as raw signed linear (16 kHz, for wideband phones) and G.711 μ-law and A-law (8 kHz), so that Asterisk hands the
frames on as they are. The endings are those of Asterisk's file formats.
"""

from __future__ import annotations

import os
import threading
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from m3voip.core.errors import ProviderError

Samples = NDArray[np.float32]

RATE = 16_000
NARROW_RATE = 8_000
FORMATS = {"ulaw": ("ULAW", NARROW_RATE), "alaw": ("ALAW", NARROW_RATE), "sln16": ("PCM_16", RATE)}
"""Ending → encoding and rate. The last one is written last, and says that a prompt is complete."""

RECIPE = 1
"""Raise it when the same words would come out differently: it is part of every text's key."""

MAX_SECONDS = 600
MAX_BYTES = 10 * 1024 * 1024
_CONTAINERS = frozenset({"WAV", "WAVEX", "FLAC", "OGG"})

_FRAME = RATE // 100
_NARROW_FRAME = NARROW_RATE // 100
_SILENCE = 10 ** (-42 / 20)
"""Relative to the loudest frame. Below it nothing is heard on a telephone."""
_LEAD = RATE * 30 // 1000
_TAIL = RATE * 150 // 1000
_LOUDNESS = 10 ** (-20 / 20)
_MAX_GAIN = 10 ** (12 / 20)
_PEAK = 10 ** (-1 / 20)


def load(path: Path) -> Samples:
    """Read a sound file, whatever its ending says: one channel, 16 kHz. Raises ProviderError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProviderError(f"it is larger than {MAX_BYTES // 1024 // 1024} MB", retryable=False)
        with path.open("rb") as file:
            return _read(file)
    except OSError as broken:
        raise ProviderError(f"it cannot be read as sound: {broken}", retryable=False) from broken


def load_bytes(data: bytes) -> Samples:
    """The same from memory."""
    return _read(BytesIO(data))


def _read(file: BinaryIO) -> Samples:
    try:
        with soundfile.SoundFile(file) as opened:
            if opened.format not in _CONTAINERS:
                raise ProviderError(f"it is a {opened.format} file; use WAV, FLAC or OGG", retryable=False)
            if opened.frames > MAX_SECONDS * opened.samplerate:
                raise ProviderError(f"it is longer than {MAX_SECONDS // 60} minutes", retryable=False)
            samples, rate = opened.read(dtype="float32", always_2d=True), opened.samplerate
    except (soundfile.LibsndfileError, OSError) as broken:
        raise ProviderError(f"it cannot be read as sound: {broken}", retryable=False) from broken
    if not len(samples):
        raise ProviderError("it holds no sound", retryable=False)
    return _resampled(np.asarray(samples.mean(axis=1), dtype=np.float32), rate, RATE)


def flac(samples: Samples) -> bytes:
    """One channel, 16 kHz, 16 bit, as FLAC."""
    file = BytesIO()
    soundfile.write(file, samples, RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def to_wav(source: Path, target: Path) -> None:
    """A message's file as Asterisk plays it: 8 kHz, 16 bit. Piece by piece, for it may be an hour long. Raises ProviderError."""
    try:
        with soundfile.SoundFile(source) as one:
            resampler = soxr.ResampleStream(one.samplerate, NARROW_RATE, 1, dtype="float32")
            with soundfile.SoundFile(target, "w", NARROW_RATE, 1, "PCM_16", format="WAV") as other:
                for piece in one.blocks(RATE * 10, dtype="float32", always_2d=True):
                    other.write(resampler.resample_chunk(piece.mean(axis=1)))
                other.write(resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
    except (soundfile.LibsndfileError, OSError) as broken:
        raise ProviderError(f"it cannot be read as sound: {broken}", retryable=False) from broken


def is_audible(samples: Samples) -> bool:
    """Whether anything at all is heard."""
    return bool(np.abs(samples).max(initial=0.0) > 10 ** (-40 / 20))


def tidy(samples: Samples) -> Samples:
    """Cut the silence around the words and even the loudness, both as heard in the band of a telephone: an s that is
    all above 4 kHz is silence there."""
    narrow = _resampled(samples, RATE, NARROW_RATE)
    count = len(narrow) // _NARROW_FRAME
    if not count:
        return samples
    power = np.sqrt(np.square(narrow[: count * _NARROW_FRAME].reshape(count, _NARROW_FRAME)).mean(axis=1))
    heard = np.flatnonzero(power > power.max() * _SILENCE)
    if not len(heard):
        return samples
    begin = max(0, int(heard[0]) * _FRAME - _LEAD)
    end = (int(heard[-1]) + 1) * _FRAME + _TAIL
    cut = samples[begin:end]
    loudness = float(np.sqrt(np.square(power[heard]).mean()))
    peak = float(np.abs(cut).max())
    gain = min(_LOUDNESS / loudness, _MAX_GAIN, _PEAK / peak)
    return np.asarray(cut * gain, dtype=np.float32)


def store(samples: Samples, folder: Path, key: str) -> None:
    """Write a prompt in every format, each at once and whole. Raises ProviderError."""
    for ending, (encoding, rate) in FORMATS.items():
        draft = folder / f".{key}.{ending}.{os.getpid()}-{threading.get_ident()}"
        endian = "LITTLE" if encoding == "PCM_16" else None
        try:
            soundfile.write(
                str(draft), _resampled(samples, RATE, rate), rate, subtype=encoding, endian=endian, format="RAW"
            )
            draft.replace(folder / f"{key}.{ending}")
        except (soundfile.LibsndfileError, OSError) as broken:
            raise ProviderError(f"it cannot be written: {broken}", retryable=True) from broken


def complete(folder: Path, key: str) -> bool:
    """Whether every format of a prompt is there."""
    files = (folder / f"{key}.{ending}" for ending in FORMATS)
    return all(file.is_file() and file.stat().st_size for file in files)


def _resampled(samples: Samples, rate: int, to: int) -> Samples:
    return samples if rate == to else np.asarray(soxr.resample(samples, rate, to, quality="HQ"), dtype=np.float32)
