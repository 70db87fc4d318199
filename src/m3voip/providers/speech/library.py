"""The prompts that the telephony node can play: rendered once, kept by key, never changed (ports.Speech).

Law: a file gets its name only when it is whole; what a tree calls a file stays inside the recordings folder.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from m3voip.core.errors import ProviderError
from m3voip.ivr.prompts import FILE_NAME, PromptSource
from m3voip.providers.speech import sound
from m3voip.providers.speech.engine import SpeechEngine

RENDERERS = 2
"""Prompts made at a time: enough to use a small machine, few enough to leave it room for calls."""


class PromptLibrary:
    """Renders into ``folder`` (the telephony node's ``/prompts``); sound files come from ``recordings``."""

    def __init__(self, *, engine: SpeechEngine, folder: Path, recordings: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._recordings = recordings
        self._slots = asyncio.Semaphore(RENDERERS)

    @property
    def engine(self) -> str:
        """The engine, its version, and that of our own finish."""
        return f"{self._engine.name}/{sound.RECIPE}"

    @property
    def voices(self) -> frozenset[str]:
        """The voices a tree may name."""
        return self._engine.voices

    def files(self) -> Mapping[str, str]:
        """The sound files a tree may play: name → SHA-256 of the content."""
        return recorded_files(self._recordings)

    async def prepare(self, prompts: Mapping[str, PromptSource]) -> None:
        """Render what is not there yet, all of it or ProviderError naming the first prompt that could not be made."""
        self._folder.mkdir(parents=True, exist_ok=True)
        missing = {key: source for key, source in prompts.items() if not sound.complete(self._folder, key)}
        made = [self._make(key, source) for key, source in missing.items()]
        failures = [result for result in await asyncio.gather(*made, return_exceptions=True) if result is not None]
        if failures:
            raise failures[0]

    async def _make(self, key: str, source: PromptSource) -> None:
        async with self._slots:
            try:
                await asyncio.to_thread(self._render, key, source)
            except ProviderError as error:
                what = f"file '{source.file}'" if source.file else f"text “{source.text[:60]}”"
                raise ProviderError(f"prompt {source.where}, {what}: {error}", retryable=error.retryable) from error

    def _render(self, key: str, source: PromptSource) -> None:
        if source.file:
            samples = sound.load(self._recording(source.file))
        else:
            with tempfile.TemporaryDirectory(prefix="m3voip-speech-") as scratch:
                spoken = Path(scratch) / "spoken.wav"
                self._engine.speak(source.text, source.voice, spoken)
                samples = sound.tidy(sound.load(spoken))
        sound.store(samples, self._folder, key)

    def _recording(self, name: str) -> Path:
        path = (self._recordings / name).resolve()
        if not FILE_NAME.fullmatch(name) or not path.is_relative_to(self._recordings.resolve()):
            raise ProviderError("it is not in the recordings folder", retryable=False)
        return path


def recorded_files(folder: Path) -> dict[str, str]:
    """The sound files below a folder that a tree may name: name → SHA-256 of the content."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        name = path.relative_to(folder).as_posix()
        if FILE_NAME.fullmatch(name) and path.is_file() and path.stat().st_size <= sound.MAX_BYTES:
            found[name] = sha256(path.read_bytes()).hexdigest()
    return found
