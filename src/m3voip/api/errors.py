"""Every error a client can get, and the only place that knows HTTP status numbers.

Law: one table (``STATUS``). A message says which field and what to do about it, and never repeats what the client sent:
that may be a number or a name. How an error is written is in answers.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Code(StrEnum):
    """The contract's codes, ours, and the few that plain HTTP needs."""

    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    RATE_LIMITED = "RATE_LIMITED"
    INTEGRATION_DOWN = "INTEGRATION_DOWN"
    DNC_BLOCKED = "DNC_BLOCKED"
    QUIET_HOURS = "QUIET_HOURS"
    CONSENT_REQUIRED = "CONSENT_REQUIRED"
    ATTEMPT_LIMIT = "ATTEMPT_LIMIT"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    ADAPTER_UNAVAILABLE = "ADAPTER_UNAVAILABLE"
    AGENT_UNAVAILABLE = "AGENT_UNAVAILABLE"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    RANGE_NOT_SATISFIABLE = "RANGE_NOT_SATISFIABLE"
    INTERNAL = "INTERNAL"


STATUS: Mapping[Code, int] = {
    Code.UNAUTHORIZED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.CONFLICT: 409,
    Code.DNC_BLOCKED: 409,
    Code.QUIET_HOURS: 409,
    Code.CONSENT_REQUIRED: 409,
    Code.ATTEMPT_LIMIT: 409,
    Code.BUDGET_EXCEEDED: 409,
    Code.AGENT_UNAVAILABLE: 409,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.RANGE_NOT_SATISFIABLE: 416,
    Code.VALIDATION_FAILED: 422,
    Code.RATE_LIMITED: 429,
    Code.INTERNAL: 500,
    Code.INTEGRATION_DOWN: 503,
    Code.ADAPTER_UNAVAILABLE: 503,
}


class ApiError(Exception):
    """An answer that is an error. ``details`` are (path, message) pairs."""

    def __init__(
        self,
        code: Code,
        message: str,
        details: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})


def unauthorized(message: str) -> ApiError:
    """No usable credential; says how one is sent."""
    return ApiError(Code.UNAUTHORIZED, message, headers={"WWW-Authenticate": 'Bearer realm="m3voip"'})


def not_found(what: str) -> ApiError:
    """Also the answer for a thing of another tenant: its existence is not told."""
    return ApiError(Code.NOT_FOUND, f"There is no such {what}.")


def invalid(path: str, message: str) -> ApiError:
    """One field is wrong."""
    return ApiError(Code.VALIDATION_FAILED, f"{path}: {message}", [(path, message)])


def integration_down(part: str) -> ApiError:
    """A part that this request needs is away; retrying soon is right."""
    return ApiError(
        Code.INTEGRATION_DOWN,
        f"{part} cannot be reached at the moment. Try again in a few seconds.",
        [(part.lower(), "is away")],
        headers={"Retry-After": "2"},
    )
