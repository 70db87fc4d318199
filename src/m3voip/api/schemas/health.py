"""Health on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from m3voip.api.fields import Wire, examples


class Alive(Wire):
    """The process answers."""

    status: Literal["ok"] = "ok"
    model_config = examples({"status": "ok"})


class PartState(Wire):
    """How one part is."""

    ok: bool
    detail: str
    ms: float = Field(description="how long it took to answer")


class Readiness(Wire):
    """Whether calls and requests can be served, and each part's state."""

    ready: bool
    draining: bool = Field(description="the process has been asked to stop")
    parts: dict[str, PartState]
    model_config = examples(
        {
            "ready": True,
            "draining": False,
            "parts": {
                "postgres": {"ok": True, "detail": "", "ms": 0.6},
                "ari": {"ok": True, "detail": "", "ms": 0.1},
                "ami": {"ok": True, "detail": "", "ms": 0.1},
                "writer": {"ok": True, "detail": "0 rows behind", "ms": 0.1},
            },
        }
    )
