"""IVR trees on the wire."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Sent, Time, TreeName, Wire, examples, page_of
from m3voip.api.schemas.page import Page

ID = "019ab0c4-4444-7a31-9f00-3b1c2d4e5f60"
MOST_CHARACTERS = 65_536
SOURCE = """\
version: 1
entry: welcome
nodes:
  welcome:
    say: {text: Goodbye., then: bye}
  bye:
    hangup:
"""


class NewTree(Sent):
    """A tree and its first version."""

    name: TreeName
    source: str = Field(max_length=MOST_CHARACTERS, description="YAML; see docs/reference/ivr.md")
    model_config = examples({"name": "main", "source": SOURCE})


class TreeSource(Sent):
    """A new version of a tree."""

    source: str = Field(max_length=MOST_CHARACTERS, description="YAML; see docs/reference/ivr.md")
    model_config = examples({"source": SOURCE})


class Activation(Sent):
    """Which version new calls get."""

    version: int = Field(ge=1, le=2**31 - 1)
    model_config = examples({"version": 1})


_FINDING: dict[str, JsonValue] = {
    "code": "unreachable", "severity": "warning", "node": "bye", "line": 7, "message": "no call can get here",
    "advice": "lead a key or another node to it, or delete it",
}  # fmt: skip


class TreeFinding(Wire):
    """Something that is wrong or doubtful in a tree."""

    code: str
    severity: Literal["error", "warning"]
    node: str
    line: int
    message: str
    advice: str
    model_config = examples(_FINDING)


_VERSION: dict[str, JsonValue] = {
    "version": 1, "active": True, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "createdAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class TreeVersion(Wire):
    """A version of a tree. It is never changed; a call keeps the version it began with."""

    version: int
    active: bool = Field(description="whether new calls get it")
    sha256: str = Field(description="of the source")
    created_at: Time
    model_config = examples(_VERSION)


class TreeVersionSource(TreeVersion):
    """A version with its text."""

    source: str
    model_config = examples({**_VERSION, "source": SOURCE})


class TreeVersionPage(Page[TreeVersion]):
    """Versions, newest first."""

    model_config = page_of(_VERSION)


_TREE: dict[str, JsonValue] = {
    "id": ID, "name": "main", "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
    "activeVersion": 1,
}  # fmt: skip


class Tree(Wire):
    """A tree."""

    id: UUID
    name: str
    created_at: Time
    updated_at: Time
    active_version: int | None = Field(description="what new calls get")
    model_config = examples(_TREE)


class TreeWithSource(Tree):
    """A tree with the text of its active version, or of its newest if none is active."""

    version: TreeVersionSource
    warnings: list[TreeFinding] = Field(description="what is doubtful; errors would have been refused")
    model_config = examples(
        {
            **_TREE,
            "version": {**_VERSION, "source": SOURCE},
            "warnings": [_FINDING],
        }
    )


class TreePage(Page[Tree]):
    """Trees in the order they were made."""

    model_config = page_of(_TREE)
