"""SQL as SQL: each file here holds statements, each under a line ``-- name: what_it_does``; ``load`` reads one file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

_HEADER = re.compile(r"^-- name: ([a-z0-9_]+)\n", re.MULTILINE)


def load(name: str) -> Mapping[str, str]:
    """The statements of ``<name>.sql`` by name. Raises ValueError when one is there twice."""
    parts = _HEADER.split(files(__package__).joinpath(f"{name}.sql").read_text())
    names, texts = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{name}.sql: the same name twice")
    return {name: text.strip().rstrip(";") for name, text in zip(names, texts, strict=True)}
