"""Everything that can go wrong as an answer: the contract's envelope, or RFC 9457 when the client asks for it.

Law: whatever is raised leaves here in one of these two forms, the framework's own errors and our bugs included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from m3voip.api.errors import STATUS, ApiError, Code, integration_down, invalid, not_found
from m3voip.api.fields import hint
from m3voip.storage.errors import StorageUnavailable
from m3voip.storage.postgres.admin.refusals import Duplicate, Impossible, InUse, Missing, Refusal, Unknown

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"

_BY_STATUS = {
    401: Code.UNAUTHORIZED, 403: Code.FORBIDDEN, 404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED, 413: Code.PAYLOAD_TOO_LARGE, 415: Code.UNSUPPORTED_MEDIA_TYPE,
}  # fmt: skip


def render(error: ApiError, *, as_problem: bool, instance: str = "") -> JSONResponse:
    """The contract's envelope, or the same as RFC 9457."""
    details = [{"path": path, "message": message} for path, message in error.details]
    status = STATUS[error.code]
    if as_problem:
        body: dict[str, Any] = {
            "type": f"urn:m3voip:error:{error.code.value.lower().replace('_', '-')}",
            "title": error.code.value.replace("_", " ").capitalize(),
            "status": status,
            "detail": error.message,
            "code": error.code.value,
            "details": details,
        }
        if instance:
            body["instance"] = f"urn:request:{instance}"
        return JSONResponse(body, status, error.headers, media_type=PROBLEM_JSON)
    body = {"error": {"code": error.code.value, "message": error.message, "details": details}}
    return JSONResponse(body, status, error.headers)


def wants_problem(accept: str) -> bool:
    """Whether an Accept header names RFC 9457's type (with a weight above 0)."""
    for part in accept.lower().split(","):
        kind, _, parameters = part.strip().partition(";")
        if kind.strip() == PROBLEM_JSON:
            return "q=0" not in parameters.replace(" ", "").split(";") and not parameters.strip().startswith("q=0.000")
    return False


def from_refusal(refusal: Refusal) -> ApiError:
    """What the storage refused, in the contract's words."""
    match refusal:
        case Missing():
            return not_found(refusal.what)
        case Duplicate():
            message = f"Another {refusal.what} has this value already; choose another."
            return ApiError(Code.CONFLICT, f"{refusal.field}: {message}", [(refusal.field, message)])
        case Unknown():
            message = f"There is no {refusal.what} of this name; create it first or correct the name."
            return invalid(refusal.field, message)
        case Impossible():
            return invalid(refusal.field, refusal.message)
        case InUse():
            message = f"This {refusal.what} is still used by {refusal.by}; change that first."
            return ApiError(Code.CONFLICT, message, [(refusal.field, message)])
        case _:
            return ApiError(Code.CONFLICT, str(refusal))


def from_validation(error: RequestValidationError) -> ApiError:
    """Name every wrong field and say what it must be; never its value."""
    details = [(_path(item["loc"]), _say(item)) for item in error.errors()]
    shown = "; ".join(f"{path}: {message}" for path, message in details[:3])
    return ApiError(Code.VALIDATION_FAILED, shown or "The request is not valid.", details[:50])


def _path(loc: tuple[int | str, ...]) -> str:
    kind, *rest = loc or ("body",)
    if kind not in {"body", "query", "path", "header", "cookie"}:
        rest = [kind, *rest]
    if kind == "body" and rest and isinstance(rest[0], int) and len(rest) == 1:
        return "body"  # the offset of a JSON syntax error
    return ".".join(str(part) for part in rest) or str(kind)


def _say(item: Mapping[str, Any]) -> str:
    context = item.get("ctx", {})
    match item["type"]:
        case "missing":
            return "is required."
        case "extra_forbidden":
            return "is not a field of this request; remove it."
        case "string_pattern_mismatch":
            return hint(str(context.get("pattern"))) or f"must match {context.get('pattern')}"
        case "json_invalid":
            return "is not valid JSON; check quotes and commas."
        case "value_error" if "error" in context:
            return str(context["error"])
        case _:
            return str(item["msg"]).replace("Input should", "must").replace("String should", "must").rstrip(".") + "."


def from_http(error: HTTPException) -> ApiError:
    """Errors that the framework raises itself."""
    if error.status_code == 400:
        return invalid("body", "cannot be read; send JSON in UTF-8.")
    code = _BY_STATUS.get(error.status_code, Code.INTERNAL)
    message = {
        Code.NOT_FOUND: "There is no such path; see /openapi.json.",
        Code.METHOD_NOT_ALLOWED: "This path does not take that method; the Allow header lists those it takes.",
    }.get(code, str(error.detail))
    return ApiError(code, message, headers=dict(error.headers or {}))


def answer(request: Request, error: ApiError) -> JSONResponse:
    """Render for this client."""
    return render(
        error,
        as_problem=wants_problem(request.headers.get("accept", "")),
        instance=str(request.scope.get("m3voip.request_id", "")),
    )


def install(app: FastAPI) -> None:
    """Give the app its one way of saying no."""

    async def on_api_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ApiError)
        return answer(request, error)

    async def on_refusal(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        return answer(request, from_refusal(error))

    async def on_unavailable(request: Request, error: Exception) -> JSONResponse:
        log.warning("api.postgres_away", why=str(error))
        return answer(request, integration_down("Postgres"))

    async def on_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return answer(request, from_validation(error))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return answer(request, from_http(error))

    async def on_bug(request: Request, _error: Exception) -> JSONResponse:
        message = "This is a fault of ours. Quote the X-Request-Id when you report it."
        return answer(request, ApiError(Code.INTERNAL, message))

    app.add_exception_handler(ApiError, on_api_error)
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(StorageUnavailable, on_unavailable)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)
