"""What a text-to-speech engine is. Another one is another file beside ``flite.py`` with these three members."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class SpeechEngine(Protocol):
    """Speaks a text into a file. Called in a thread, so it may block."""

    @property
    def name(self) -> str:
        """Engine and version, e.g. ``flite-2.2``: another version makes other sounds."""
        ...

    @property
    def voices(self) -> frozenset[str]:
        """The voices it has."""
        ...

    def speak(self, text: str, voice: str, target: Path) -> None:
        """Write a WAV file of 16 kHz or more. Raises ProviderError."""
        ...
