"""G.711 (ITU-T) by table: mu-law is payload type 0, A-law 8 (RFC 3551). Samples are int16 at 8 kHz."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
Codec = Literal["ulaw", "alaw"]

RATE = 8000
FRAME = 160
"""Samples (and bytes) of one 20 ms packet."""

PAYLOAD_TYPE: dict[Codec, int] = {"ulaw": 0, "alaw": 8}
ENCODING: dict[Codec, str] = {"ulaw": "PCMU", "alaw": "PCMA"}
SILENCE: dict[Codec, bytes] = {"ulaw": b"\xff" * FRAME, "alaw": b"\xd5" * FRAME}


def _ulaw_values() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 132) << ((code & 0x70) >> 4)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_values() -> Samples:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment, low = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = np.where(segment == 0, low + 8, (low + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_VALUES: dict[Codec, Samples] = {"ulaw": _ulaw_values(), "alaw": _alaw_values()}


def _nearest(values: Samples) -> npt.NDArray[np.uint8]:
    """For each of the 65,536 possible samples the code whose value is nearest: exact, and made once."""
    order = np.argsort(values, kind="stable")
    middles = (values[order].astype(np.int32)[:-1] + values[order].astype(np.int32)[1:]) / 2
    return order[np.searchsorted(middles, np.arange(-32768, 32768))].astype(np.uint8)


_CODES = {codec: _nearest(values) for codec, values in _VALUES.items()}


def encode(codec: Codec, samples: Samples) -> bytes:
    """Samples to bytes, one each."""
    return _CODES[codec][samples.astype(np.int32) + 32768].tobytes()


def decode(codec: Codec, payload: bytes) -> Samples:
    """Bytes to samples, one each."""
    return _VALUES[codec][np.frombuffer(payload, dtype=np.uint8)]
