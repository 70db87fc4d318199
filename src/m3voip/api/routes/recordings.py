"""Recordings of a call, and the short-lived links by which they are heard."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx, Services
from m3voip.api.crud import note
from m3voip.api.download import MEDIA_TYPES, send_file
from m3voip.api.errors import Code, not_found
from m3voip.api.fields import fields
from m3voip.api.ids import CallId, RecordingId
from m3voip.api.links import Kind, Link, refused
from m3voip.api.permissions import Permission
from m3voip.api.schemas.error import documented, guarded
from m3voip.api.schemas.recording import DownloadLink, Recording, RecordingList
from m3voip.api.work import Deadline, tenant_work
from m3voip.storage.postgres.admin import calls, media
from m3voip.storage.postgres.admin.media import RecordingRow, VoicemailRow
from m3voip.storage.postgres.admin.refusals import Missing

router = APIRouter(prefix="/v1/tm", tags=["Recordings"], route_class=Guarded)
downloads = APIRouter(prefix="/v1", tags=["Recordings"])

_LISTEN = allowed(Permission.LISTEN_RECORDINGS)

_FILE: dict[str, Any] = {
    "content": {
        media_type: {"schema": {"type": "string", "format": "binary"}}
        for media_type in sorted({*MEDIA_TYPES.values(), "application/octet-stream"})
    }
}


@router.get("/calls/{callId}/recordings", **_LISTEN, responses=guarded(Code.NOT_FOUND))
async def list_recordings(ctx: Ctx, call_id: CallId) -> RecordingList:
    """The recordings of a call. They are ready some seconds after the call has ended (event `recording.ready`)."""
    async with ctx.work() as db:
        await calls.get(db, ctx.tenant_id, call_id)
        rows = await media.recordings(db, ctx.tenant_id, call_id)
    return RecordingList(items=[shown_recording(row) for row in rows])


@router.post("/recordings/{recordingId}/link", **_LISTEN, responses=guarded(Code.NOT_FOUND))
async def link_recording(ctx: Ctx, recording_id: RecordingId) -> DownloadLink:
    """A link that plays this recording for five minutes, without a credential. Who asked is written down."""
    async with ctx.work() as db:
        await media.recording(db, ctx.tenant_id, recording_id)
        await note(ctx, db, "recording.link", recording_id)
    url, expires_at = ctx.services.links.issue(Kind.RECORDING, recording_id, ctx.tenant_id)
    return DownloadLink(url=url, expires_at=expires_at)


@downloads.get(
    "/recordings/download",
    response_class=Response,
    responses={
        200: {"description": "The file", **_FILE},
        206: {"description": "The range that was asked for", **_FILE},
        **documented(
            Code.FORBIDDEN, Code.NOT_FOUND, Code.PAYLOAD_TOO_LARGE, Code.RANGE_NOT_SATISFIABLE, Code.VALIDATION_FAILED,
            Code.INTERNAL, Code.INTEGRATION_DOWN,
        ),
    },
)  # fmt: skip
async def download(
    request: Request,
    *,
    kind: Annotated[str, Query(description="as in the link", examples=["recording"])] = "",
    id: Annotated[str, Query(description="as in the link")] = "",  # noqa: A002 (the link's own word)
    tenant: Annotated[str, Query(description="as in the link")] = "",
    expires: Annotated[str, Query(description="as in the link")] = "",
    signature: Annotated[str, Query(description="as in the link")] = "",
    range_: Annotated[str | None, Header(alias="Range", examples=["bytes=0-1023"])] = None,
    if_range: Annotated[str | None, Header(alias="If-Range")] = None,
) -> Response:
    """The file behind a link. It takes no credential: the link is one. An altered, expired or foreign link is 403."""
    services: Services = request.app.state.services
    link = services.links.open(kind, id, tenant, expires, signature)
    row = await _find(services, link)
    try:
        path = await services.deps.vault.open(row.key)
        return await send_file(
            path, etag=row.sha256, name=f"{row.call_id or row.id}{path.suffix}", range_header=range_, if_range=if_range
        )
    except (KeyError, FileNotFoundError) as error:
        raise not_found(link.kind.value) from error


async def _find(services: Services, link: Link) -> RecordingRow | VoicemailRow:
    try:
        async with tenant_work(services.deps.pool, link.tenant_id, Deadline()) as db:
            if link.kind is Kind.VOICEMAIL:
                return await media.voicemail(db, link.tenant_id, link.object_id)
            return await media.recording(db, link.tenant_id, link.object_id)
    except Missing as error:
        raise refused() from error


def media_type_of(key: str) -> str:
    """The content type of a file in the vault."""
    return MEDIA_TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")


def shown_recording(row: RecordingRow) -> Recording:
    """A recording as the API shows it."""
    return Recording(**fields(row), size_bytes=row.size, media_type=media_type_of(row.key))
