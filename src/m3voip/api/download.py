"""Sending a stored file, whole or one range of it (RFC 9110 §14), so that a player can seek.

Law: the file's path comes from the vault, never from the client; errors have the contract's form, which is why the
framework's own file response is not used.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.responses import Response, StreamingResponse

from m3voip.api.errors import ApiError, Code

_ONE_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")
_CHUNK = 256 * 1024

MEDIA_TYPES = {".flac": "audio/flac", ".wav": "audio/wav", ".ogg": "audio/ogg", ".opus": "audio/ogg"}


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """The first and last byte asked for, or None for the whole file. What is no single byte range is ignored, as RFC 9110
    allows. Raises ApiError RANGE_NOT_SATISFIABLE when the range begins after the end."""
    found = _ONE_RANGE.fullmatch(header.replace(" ", "")) if header else None
    if found is None:
        return None
    if found[3] is not None:
        length = int(found[3])
        first, last = max(0, size - length), size - 1
        satisfiable = length > 0 and size > 0
    else:
        first, last = int(found[1]), min(int(found[2]) if found[2] else size - 1, size - 1)
        if found[2] and int(found[2]) < int(found[1]):
            return None
        satisfiable = first < size
    if not satisfiable:
        raise ApiError(
            Code.RANGE_NOT_SATISFIABLE,
            f"The file has {size} bytes; ask for a range inside it.",
            [("Range", "begins after the end of the file")],
            headers={"Content-Range": f"bytes */{size}"},
        )
    return first, last


async def send_file(path: Path, *, etag: str, name: str, range_header: str | None, if_range: str | None) -> Response:
    """The answer with the file's bytes. Raises FileNotFoundError."""
    size = (await asyncio.to_thread(path.stat)).st_size
    tag = f'"{etag}"'
    part = wanted(range_header if if_range in {None, tag} else None, size)
    first, last = part or (0, size - 1)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(last - first + 1),
        "ETag": tag,
        "Content-Disposition": f'inline; filename="{name}"',
        "Cache-Control": "private, no-store",
    }
    if part:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    media_type = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return StreamingResponse(_bytes(path, first, last), 206 if part else 200, headers, media_type)


async def _bytes(path: Path, first: int, last: int) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, first)
        left = last - first + 1
        while left > 0 and (chunk := await asyncio.to_thread(file.read, min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
    finally:
        file.close()
