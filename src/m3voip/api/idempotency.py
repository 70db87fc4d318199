"""Creating a thing once although the request came twice (contract: ``Idempotency-Key``).

Law: the key, what was asked and what was answered are stored in the transaction that creates, so there is never one
without the other; secrets that are shown once are not stored, and a repeated answer has null in their place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from typing import Annotated, Any

import orjson
from fastapi import Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from m3voip.api.context import Context
from m3voip.api.errors import ApiError, Code
from m3voip.api.fields import IdempotencyKey
from m3voip.api.work import Db
from m3voip.storage.postgres.admin import idempotency

KeyHeader = Annotated[
    IdempotencyKey | None,
    Header(
        alias="Idempotency-Key",
        description="Any text of your choice, for example a UUID. The same key with the same body is answered as the first "
        "time for at least 24 hours (secrets shown once are null then); with another body it is a CONFLICT.",
        examples=["4f5b1f0e-6f0a-4ac0-9d7c-0d3c1f2b7a11"],
    ),
]


async def create_once(
    request: Request,
    context: Context,
    key: str | None,
    make: Callable[[Db], Awaitable[BaseModel]],
    *,
    secrets: frozenset[str] = frozenset(),
) -> Response:
    """Run ``make`` in a unit of work and answer 201 with what it returns, or repeat an earlier answer.

    ``secrets``: names of answer fields that are not stored. Raises ApiError CONFLICT for a key used with another body.
    """
    if key is None:
        async with context.work() as db:
            made = await make(db)
        return JSONResponse(made.model_dump(mode="json", by_alias=True), 201)
    asked = _fingerprint(request, await request.body())
    async with context.work() as db:
        earlier = await idempotency.claim(db, context.tenant_id, context.principal.subject, key, asked)
        if earlier is not None:
            if earlier.asked != asked:
                message = "This Idempotency-Key was used with another request; use a new key for a new request."
                raise ApiError(Code.CONFLICT, message, [("Idempotency-Key", message)])
            return Response(earlier.answer, 201, {"Idempotency-Replayed": "true"}, "application/json")
        made = await make(db)
        answer: dict[str, Any] = made.model_dump(mode="json", by_alias=True)
        stored = {name: None if name in secrets else value for name, value in answer.items()}
        await idempotency.finish(
            db, context.tenant_id, context.principal.subject, key, status=201, answer=orjson.dumps(stored)
        )
    return JSONResponse(answer, 201)


def _fingerprint(request: Request, body: bytes) -> bytes:
    """The same for the same request, whatever the order of its JSON fields."""
    with suppress(orjson.JSONDecodeError):  # a tree as YAML: its bytes count
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return sha256(f"{request.method} {request.url.path}\n".encode() + body).digest()
