"""What exists outside a tree. ``None`` means not known, so it is not checked."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Known(Struct, frozen=True, kw_only=True):
    """Names a tree may refer to. ``files``: sound files of the prompt folder, name → SHA-256 of the content."""

    queues: frozenset[str] | None = None
    boxes: frozenset[str] | None = None
    extensions: frozenset[str] | None = None
    conferences: frozenset[str] | None = None
    files: Mapping[str, str] | None = None
    voices: frozenset[str] | None = None
