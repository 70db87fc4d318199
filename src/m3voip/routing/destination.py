"""What a route needs to know of the rest of the office: where its targets are, and who is on which list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from m3voip.core.call import Flow

Listed = Callable[[str, datetime], tuple[frozenset[str], str]]
"""Digits of a caller, now → the lists they are on, and their language."""


class Destination(Struct, frozen=True, kw_only=True):
    """A target as calls reach it. ``flow`` is None when it cannot be reached now (a tree without a valid version). ``record``
    and ``box`` are for a preferred agent's talk before it."""

    kind: str
    name: str
    flow: Flow | None
    record: bool = True
    box: str = ""
