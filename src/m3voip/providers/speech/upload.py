"""Sound from outside, made into a greeting by a process of its own (bar S-20).

Law: the process gets bytes and gives bytes: no path, no file, no network, no environment of ours, nobody's rights, a second
of memory and time. What breaks the decoder breaks that process and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

from m3voip.core.errors import M3voipError

MAX_BYTES = 10 * 1024 * 1024
SECONDS = 20.0
"""What it may take on a busy machine; a minute of sound takes a fifth of a second, starting half a second."""
_BAD_SOUND = 3
_AT_ONCE = 2
_slots = asyncio.Semaphore(_AT_ONCE)


class UnusableSoundError(M3voipError):
    """What came is no sound that can be a greeting; the message says why, for whoever sent it."""


async def to_greeting(data: bytes) -> tuple[bytes, float]:
    """FLAC (one channel, 16 kHz, even loudness) and its seconds. Raises UnusableSoundError."""
    if not data:
        raise UnusableSoundError("is empty; send a WAV, FLAC or OGG file.")
    if len(data) > MAX_BYTES:
        raise UnusableSoundError(f"is larger than {MAX_BYTES // 1024 // 1024} MB.")
    async with _slots:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", "m3voip.providers.speech.sandbox",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, cwd="/",
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS):
                out, said = await process.communicate(data)
        except TimeoutError:
            raise UnusableSoundError("takes too long to read; send a plain WAV file.") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
    if process.returncode == _BAD_SOUND:
        raise UnusableSoundError(said.decode(errors="replace").strip()[:200])
    seconds, separator, audio = out.partition(b"\n")
    if process.returncode != 0 or not separator:
        raise UnusableSoundError("cannot be read as sound; send a WAV, FLAC or OGG file.")
    return audio, float(seconds)
