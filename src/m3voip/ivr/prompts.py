"""What a tree says: texts and files become keys ``prompt:<sha>`` that the shell renders before the tree goes live.

The key is a hash of everything that shapes the sound (engine and its version, voice, text, or the file's content), so a
changed prompt is a new key and calls in progress keep theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

from msgspec import Struct

from m3voip.core.call import Call
from m3voip.ivr.template import Spoken, spoken

FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(/[a-z0-9][a-z0-9_-]{0,63}){0,3}\.(wav|flac|ogg)")
"""A file of the prompt folder: plain names, no dots but the ending's."""

NOTHING_TO_SAY = ("silence:1",)


class Recording(Struct, frozen=True, forbid_unknown_fields=True):
    """A sound file in place of a text: ``{file: welcome.wav}``."""

    file: str


Prompt = str | Recording


class PromptSource(Struct, frozen=True, kw_only=True):
    """What one prompt is made from. ``where`` names the node and field that first uses it, for error messages."""

    where: str
    text: str = ""
    voice: str = ""
    file: str = ""


class Utterance:
    """A prompt ready to be played: fixed media, or pieces of which some are the call's variables."""

    __slots__ = ("_fixed", "_pieces")

    def __init__(self, pieces: tuple[str | Spoken, ...]) -> None:
        self._pieces = pieces
        media = tuple(piece for piece in pieces if isinstance(piece, str))
        self._fixed = (media or NOTHING_TO_SAY) if len(media) == len(pieces) else None

    def media(self, call: Call) -> tuple[str, ...]:
        """The media of a Play command for this call."""
        if self._fixed is not None:
            return self._fixed
        media = [p if isinstance(p, str) else p.media(value_of(call, p.variable)) for p in self._pieces]
        return tuple(piece for piece in media if piece) or NOTHING_TO_SAY


class PromptBook:
    """Collects the prompts of a tree while it is compiled. ``sensitive``: the tree's sensitive variables."""

    def __init__(
        self, *, engine: str, voice: str, files: Mapping[str, str], sensitive: frozenset[str] = frozenset()
    ) -> None:
        self.sensitive = sensitive
        self._engine = engine
        self._voice = voice
        self._files = files
        self.sources: dict[str, PromptSource] = {}

    def utterance(self, where: str, *prompts: Prompt | None) -> Utterance:
        """One thing to say made of these prompts, one after the other. Their texts have been checked by lint."""
        pieces: list[str | Spoken] = []
        for prompt in prompts:
            if isinstance(prompt, Recording):
                pieces.append(self._file(where, prompt.file))
            elif prompt:
                pieces += [self._text(where, p) if isinstance(p, str) else p for p in spoken(prompt)]
        return Utterance(tuple(pieces))

    def _text(self, where: str, text: str) -> str:
        key = key_of("text", self._engine, self._voice, text)
        self.sources.setdefault(key, PromptSource(where=where, text=text, voice=self._voice))
        return f"prompt:{key}"

    def _file(self, where: str, file: str) -> str:
        key = key_of("file", self._files.get(file, file))
        self.sources.setdefault(key, PromptSource(where=where, file=file))
        return f"prompt:{key}"


def key_of(*parts: str) -> str:
    """The key of a prompt: 32 hexadecimal digits."""
    return sha256("\x00".join(parts).encode()).hexdigest()[:32]


def value_of(call: Call, variable: str) -> str:
    """A variable of the call, empty when it has not been set."""
    if variable == "caller":
        return call.caller
    if variable == "did":
        return call.did
    return call.variables.get(variable, "")
