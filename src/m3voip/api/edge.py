"""The outermost layer: what holds for every request, whatever its route. Request id, trace id, size limit, one log line,
two metrics. Law: the log line and the metrics name the route's template, never the path, which may hold a number."""

from __future__ import annotations

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from m3voip.api.answers import answer
from m3voip.api.errors import ApiError, Code
from m3voip.telemetry.metrics import Meters

log = structlog.get_logger()

MOST_BYTES = 1024 * 1024
"""Largest request body."""
UPLOAD_BYTES = 10 * 1024 * 1024
"""Largest sound file."""

_UPLOAD = re.compile(r"/v1/tm/mailboxes/[0-9A-Fa-f-]{36}/greeting")

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
)
_TOO_LARGE = "The body must not be larger than {} bytes; send less at a time."


class Edge:
    """Wraps the whole application, its error handling included."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._requests = meters.counter("m3voip_api_requests", "Requests answered", ["method", "route", "status"])
        self._seconds = meters.histogram("m3voip_api_request_seconds", "Time to the end of the answer", ["route"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid4())
        scope["m3voip.request_id"] = request_id
        scope["m3voip.abort"] = _abort_of(send)
        started, status = time.perf_counter(), 500

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request_id
                for name, value in _HEADERS:
                    out.setdefault(name, value)
            await send(message)

        trace = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        with structlog.contextvars.bound_contextvars(
            request_id=request_id, **({"trace_id": trace[1]} if trace else {})
        ):
            try:
                await self._limited(scope, headers, receive, tell)
            finally:
                self._note(scope, status, time.perf_counter() - started)

    async def _limited(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        announced = headers.get("content-length", "0")
        most = UPLOAD_BYTES if scope["method"] == "PUT" and _UPLOAD.fullmatch(scope["path"]) else MOST_BYTES
        too_large = _TOO_LARGE.format(most)
        if not announced.isdecimal() or int(announced) > most:
            response = answer(
                Request(scope), ApiError(Code.PAYLOAD_TOO_LARGE, too_large, headers={"Connection": "close"})
            )
            await response(scope, receive, send)
            return
        read = 0

        async def measured() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413, too_large, headers={"Connection": "close"})
            return message

        await self._app(scope, measured, send)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", None) or "other"
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        principal = scope.get("state", {}).get("principal")
        # Probes come every few seconds and say nothing unless they fail.
        say = log.debug if principal is None and status == 200 else log.info
        say(
            "api.request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            tenant=str(principal.tenant_id) if principal else None,
            by=str(principal.subject) if principal else None,
        )


def _abort_of(send: Send) -> object:
    """How to drop the connection at once. ASGI has no word for it, and closing would wait for a reader that has stopped
    reading; uvicorn's ``send`` is a method of the object that holds the transport."""
    return getattr(getattr(getattr(send, "__self__", None), "transport", None), "abort", None)
