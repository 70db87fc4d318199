"""flite, the small speech synthesizer of Carnegie Mellon University: Debian's best free voice, 50 ms a prompt, English.

Law: no shell; the text goes by file, the voice only from the list (flite would also take a path or an address there).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import unicodedata
from functools import cached_property
from pathlib import Path

from m3voip.core.errors import ProviderError

TIMEOUT_S = 30
_VERSION = re.compile(r"flite-(\d+(?:\.\d+)*)")
_SPELLED = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": " - ", "\u2026": "."}
    | {"€": " euro ", "£": " pounds "}
)
"""Typographic quotes, dashes and dots as plain ones; signs as words."""


class Flite:
    """The installed flite."""

    def __init__(self, program: str = "flite") -> None:
        found = shutil.which(program)
        if found is None:
            raise ProviderError("flite is not installed: apt-get install flite", retryable=False)
        self._program = found

    @cached_property
    def name(self) -> str:
        """``flite-2.2``."""
        match = _VERSION.search(self._run("--version", ok=(0, 1)))  # it prints its version and exits with 1
        return match[0] if match else "flite"

    @cached_property
    def voices(self) -> frozenset[str]:
        """The voices compiled into it."""
        _, _, names = self._run("-lv").partition(":")
        return frozenset(names.split())

    def speak(self, text: str, voice: str, target: Path) -> None:
        """Speak ``text`` into a WAV file. Raises ProviderError."""
        if voice not in self.voices:
            raise ProviderError(f"flite has no voice '{voice}', only {', '.join(sorted(self.voices))}", retryable=False)
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="ascii") as words:
            words.write(spoken_ascii(text) + "\n")
            words.flush()
            self._run("-voice", voice, "-f", words.name, "-o", str(target))
        if not target.exists() or not target.stat().st_size:
            raise ProviderError("flite wrote nothing", retryable=False)

    def _run(self, *arguments: str, ok: tuple[int, ...] = (0,)) -> str:
        try:
            done = subprocess.run(
                [self._program, *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_S,
                text=True,
                errors="replace",
            )
        except subprocess.TimeoutExpired as slow:
            raise ProviderError(f"flite took longer than {TIMEOUT_S} s", retryable=True) from slow
        if done.returncode not in ok:
            raise ProviderError(f"flite failed ({done.returncode}): {done.stdout.strip()[:200]}", retryable=True)
        return done.stdout


def spoken_ascii(text: str) -> str:
    """The text in the letters that flite reads: typographic signs spelled plainly, accents taken off, the rest dropped."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    return plain.encode("ascii", "ignore").decode("ascii")
