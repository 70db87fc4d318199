"""Recordings and download links on the wire."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Time, Wire, examples

RECORDING: dict[str, JsonValue] = {
    "id": "019ab0c7-0000-7a31-9f00-3b1c2d4e5f60", "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60", "durationSec": 145.2,
    "sizeBytes": 1160000, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "mediaType": "audio/flac", "storedAt": "2026-11-23T10:02:44Z",
}  # fmt: skip


class Recording(Wire):
    """A recording: stereo, the caller left and the agent right."""

    id: UUID
    call_id: UUID
    duration_sec: float
    size_bytes: int
    sha256: str
    media_type: str
    stored_at: Time
    model_config = examples(RECORDING)


class RecordingList(Wire):
    """All recordings of a call, oldest first."""

    items: list[Recording]
    model_config = examples({"items": [RECORDING]})


class DownloadLink(Wire):
    """Where the file can be had, for a short time, without a credential."""

    url: str
    expires_at: Time = Field(description="at most five minutes from now")
    model_config = examples(
        {
            "url": "http://127.0.0.1:8000/v1/recordings/download?kind=recording&id=019ab0c7-…&tenant=0000…&expires=1763892300"
            "&signature=…",
            "expiresAt": "2026-11-23T10:05:00Z",
        }
    )
