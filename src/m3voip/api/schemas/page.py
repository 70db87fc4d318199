"""A page of a list."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import Field

from m3voip.api.fields import Wire

Item = TypeVar("Item")


class Page(Wire, Generic[Item]):
    """Rows and where the next ones begin."""

    items: list[Item]
    next_cursor: str | None = Field(description="send it as `cursor` for the next page; null at the end")
