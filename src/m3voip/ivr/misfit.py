"""msgspec's words for a value that does not fit a field → ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import Struct

from m3voip.ivr.source import Plain
from m3voip.ivr.verbs.fields import PATTERN_ADVICE


class Misfit(Struct, frozen=True):
    """A value that does not fit, and where: ``path`` inside what was read."""

    code: str
    message: str
    advice: str
    path: tuple[str, ...]


_AT = re.compile(r" - at `(?:key` in `)?\$(.*)`$")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
_LIMIT = re.compile(r"Expected `(?:int|str)` (.+)")
_PATTERN = re.compile(r"Expected `str` matching regex '(.+)'")
_KIND = re.compile(r"Expected `(.+)`, got `(.+)`")
_CHOICE = re.compile(r"Invalid enum value '(.*)'")

_KINDS = {
    "int": ("a whole number", "write a whole number, like 10"),
    "bool": ("true or false", "write true or false"),
    "str": ("a text", "write a text"),
    "object": ("settings, one per line", "write its settings below it, indented: name: value"),
    "str | object": ("a text or {file: name.wav}", "write a text in quotes"),
    "str | object | null": ("a text or {file: name.wav}", "write a text in quotes"),
    "array": ("a list", "write a list: [first, second]"),
    "str | array": ("a text or a list", "write a text, or a list: [first, second]"),
}


def similar(word: str, words: Iterable[str]) -> str:
    """The word that was probably meant, or nothing."""
    close = get_close_matches(word, list(words), n=1)
    return close[0] if close else ""


def misfit(error: msgspec.ValidationError, kind: type[Struct], settings: Plain) -> Misfit:  # noqa: PLR0911 (a table)
    """Explain a validation error of ``settings`` read as ``kind``."""
    text = str(error)
    at = _AT.search(text)
    inside = [part for part in re.split(r"[.\[\]]+", at[1] if at else "") if part]
    text = text[: at.start()] if at else text
    path = tuple(inside)
    name = f"'{'.'.join(path)}'" if path else "this"
    if match := _MISSING.match(text):
        return Misfit("missing-field", f"'{match[1]}' is missing", f"add {match[1]}: …", path)
    if match := _UNKNOWN.match(text):
        fields = {f.encode_name: f for f in msgspec.structs.fields(kind)} if not path else {"file": None}
        meant = similar(match[1], fields)
        advice = f"write {meant}" if meant else f"use only {', '.join(fields)}"
        return Misfit("unknown-field", f"there is no field '{match[1]}'", advice, (*path, match[1]))
    value = _value(settings, path)
    if match := _PATTERN.match(text):
        advice = PATTERN_ADVICE.get(match[1].replace("\\\\", "\\"), "change it")
        return Misfit("out-of-range", f"{name} cannot be '{value}'", advice, path)
    if match := _KIND.match(text):
        expected, advice = _KINDS.get(match[1], (match[1], "change it"))
        return Misfit("wrong-type", f"{name} must be {expected}, not '{value}'", advice, path)
    if match := _LIMIT.match(text):
        limit = match[1].replace(">=", "at least").replace("<=", "at most")
        return Misfit("out-of-range", f"{name} must be {limit}, not '{value}'", "choose a value in the range", path)
    if match := _CHOICE.match(text):
        return Misfit("out-of-range", f"{name} cannot be '{match[1]}'", "see the reference for the choices", path)
    return Misfit("wrong-type", f"{name}: {text}", "see the reference", path)


def _value(settings: Any, path: tuple[str, ...]) -> object:
    for key in path:
        if isinstance(settings, dict):
            settings = settings.get(key, settings)
    return settings if isinstance(settings, str) else "this"
