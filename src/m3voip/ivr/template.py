"""Text with variables. Spoken text says how: ``{digits:account}`` or ``{number:balance}``. Filled text (``set``, ``http``)
just names it: ``{account}``.

Law: a variable is only ever digits, a number or a value; it never becomes a name of anything (invariant 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

VARIABLE = re.compile(r"[a-z][a-z0-9_]{0,31}")
BUILT_IN = frozenset({"caller", "did"})
"""Variables that every call has: who calls, and the number they called."""
ROUTED = frozenset({"language", "priority", "preferred_agent"})
"""Variables that a route may have set (docs/reference/routes.md); empty otherwise. A tree may set them, too."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_WAYS = ("digits", "number")
_MAX_DIGITS = 32
_MAX_NUMBER = 999_999_999
_NOT_A_KEY = re.compile(r"[^0-9*#]")


class TemplateError(ValueError):
    """A text whose braces make no sense; the message says what to write."""


class Spoken(Struct, frozen=True):
    """A variable to be spoken, ``way`` is digits or number."""

    way: str
    variable: str

    def media(self, value: str) -> str | None:
        """What to play for this value, None when there is nothing to say."""
        if self.way == "digits":
            keys = _NOT_A_KEY.sub("", value)[:_MAX_DIGITS]
            return f"digits:{keys}" if keys else None
        try:
            number = int(value)
        except ValueError:
            return None
        return f"number:{number}" if abs(number) <= _MAX_NUMBER else None


def spoken(text: str) -> tuple[str | Spoken, ...]:
    """Split a prompt into texts to render and variables to speak. Raises TemplateError."""
    pieces: list[str | Spoken] = []
    for index, part in enumerate(_BRACES.split(text)):
        if index % 2:
            way, _, variable = (word.strip() for word in part.partition(":"))
            if way not in _WAYS or not VARIABLE.fullmatch(variable):
                name = variable or way
                raise TemplateError(f"'{{{part}}}' cannot be spoken; write {{digits:{name}}} or {{number:{name}}}")
            pieces.append(Spoken(way, variable))
        elif words := _words(part):
            pieces.append(words)
    return tuple(pieces)


def _words(part: str) -> str:
    """A text fit for rendering on its own, empty when nothing in it can be heard."""
    if "{" in part or "}" in part:
        raise TemplateError("a brace has no partner; write variables like {digits:account}")
    words = " ".join(part.split()).lstrip(" .,;:!?")
    return words if any(letter.isalnum() for letter in words) else ""


def named(text: str) -> tuple[str, ...]:
    """The variables in a text to be filled in. Raises TemplateError."""
    parts = _BRACES.split(text)
    if any("{" in part or "}" in part for part in parts[::2]):
        raise TemplateError("a brace has no partner; write variables like {account}")
    for name in parts[1::2]:
        if not VARIABLE.fullmatch(name):
            raise TemplateError(f"'{{{name}}}' is not a variable; write it like {{account}}")
    return tuple(parts[1::2])


def fill(text: str, value_of: Callable[[str], str]) -> str:
    """Put the values in. The text has been checked by ``named``."""
    return _BRACES.sub(lambda match: value_of(match[1]), text) if "{" in text else text
