"""docs/reference/events.md, written from the classes of facts: `python -m m3voip.core.facts_page`; a test compares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from msgspec import NODEFAULT

from m3voip.core.facts import KINDS, Fact

_WORDS: dict[object, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", UUID: "id", dict: "object of texts",
}  # fmt: skip

_TOP = """\
# Events

What happened to a call, in the order in which it happened. Written from the classes in `src/m3voip/core/facts.py` by
`python -m m3voip.core.facts_page`; a test compares this page with the code.

An event is one fact about one call (the glossary tells the words apart), the same row in the database, in
`GET /v1/tm/calls/{callId}/events`, and in the stream `GET /v1/events`:

| field | meaning |
|---|---|
| `id` | orders all events of a service; deduplicate and resume the stream by it |
| `callId` | the call |
| `seq` | counts the call's events from 1 without gaps |
| `at` | when it happened, UTC |
| `kind` | one of the headings below |
| `payload` | the fields below that heading |

An event is never changed or deleted, a kind is never renamed, a field is never given another meaning; new kinds and
fields may be added, so readers skip what they do not know. The same event may be delivered more than once. After
`call.ended` only what is found later follows: recordings, voicemail messages, and what becomes of those.

In a field's name `_s` means seconds and `_ms` milliseconds.
"""


def page() -> str:
    """The whole page."""
    return "\n".join((_TOP, *(line for kind, fact in KINDS.items() for line in _section(kind, fact))))


def _section(kind: str, fact: type[Fact]) -> Iterator[str]:
    yield f"## `{kind}`\n"
    yield f"{_plain(str(fact.__doc__))}\n"
    fields = msgspec.structs.fields(fact)
    if not fields:
        yield "No fields.\n"
        return
    types = get_type_hints(fact)
    yield "| field | value | default |\n|---|---|---|"
    for field in fields:
        yield f"| `{field.encode_name}` | {_value(types[field.name])} | {_default(field.default)} |"
    yield ""


def _plain(docstring: str) -> str:
    """A docstring's paragraph on one line, with Markdown's backticks."""
    return " ".join(docstring.split()).replace("``", "`")


def _value(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        parts = (f"`{name}` ({_value(of)})" for name, of in get_type_hints(kind).items() if not name.startswith("_"))
        return "object: " + ", ".join(parts)
    if isinstance(kind, UnionType):
        return " or ".join("null" if one is NoneType else _value(one) for one in get_args(kind))
    return _WORDS[get_origin(kind) or kind]


def _default(default: object) -> str:
    return "" if default is NODEFAULT else f"`{json.dumps(default)}`"


if __name__ == "__main__":
    print(page(), end="")
