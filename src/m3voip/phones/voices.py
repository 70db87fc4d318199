"""What simulated people say: sentences rendered by flite where it is installed, a tone where it is not."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import wave
from pathlib import Path

from m3voip.phones.media.sounds import Sound, tone, wav

AGENT = "Good day, this is M3Core Real Estate. Yes, the house with the garden is still free. Shall I show it to you? "
CALLER = "Hello, I am calling about the house with the garden. Is it still free? When could I come and see it? "
_SECONDS = 10.0


async def speech(text: str, voice: str, otherwise_hz: int) -> Sound:
    """``text`` spoken again and again by a flite voice (slt, rms, awb, kal), or a tone."""
    if shutil.which("flite") is None:
        return tone(otherwise_hz)
    with tempfile.TemporaryDirectory(prefix="m3voip-voice-") as folder:
        path = Path(folder) / "speech.wav"
        flite = await asyncio.create_subprocess_exec(
            "flite", "-voice", voice, "-t", text, "-o", str(path),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_SECONDS):
                await flite.wait()
            return wav(path)
        except (TimeoutError, OSError, EOFError, wave.Error):
            return tone(otherwise_hz)
        finally:
            if flite.returncode is None:
                flite.kill()
                await flite.wait()
