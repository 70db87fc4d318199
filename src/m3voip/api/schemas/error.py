"""Errors as they are documented; ``answers.render`` writes them."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, JsonValue

from m3voip.api.answers import PROBLEM_JSON
from m3voip.api.errors import STATUS, Code
from m3voip.api.fields import Wire

_DETAIL: dict[str, JsonValue] = {"path": "extension", "message": "must be 2 to 6 digits, for example 101."}


class ErrorDetail(Wire):
    """One wrong field."""

    path: str = Field(description="where: a field, a query parameter or a header; nested fields joined by dots")
    message: str = Field(description="what to do about it")
    model_config = ConfigDict(json_schema_extra={"examples": [_DETAIL]})


class ErrorBody(Wire):
    """What went wrong."""

    code: Code
    message: str = Field(description="for people; programs look at `code`")
    details: list[ErrorDetail]


class ErrorAnswer(Wire):
    """The answer to every request that failed."""

    error: ErrorBody
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"error": {"code": "NOT_FOUND", "message": "There is no such call.", "details": []}}]
        }
    )


class Problem(Wire):
    """The same as RFC 9457 problem details, for `Accept: application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    code: Code
    details: list[ErrorDetail]
    instance: str | None = Field(default=None, description="the request's id")
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:m3voip:error:not-found", "title": "Not found", "status": 404,
                    "detail": "There is no such call.", "code": "NOT_FOUND", "details": [],
                }
            ]
        }
    )  # fmt: skip


_SAYS = {
    Code.UNAUTHORIZED: "No valid credential was sent.",
    Code.FORBIDDEN: "The credential may not do this, or not for this tenant, or not from this address.",
    Code.NOT_FOUND: "There is no such thing in this tenant.",
    Code.CONFLICT: "It contradicts what is there: `details` names the field.",
    Code.DNC_BLOCKED: "The number is in the do-not-call register.",
    Code.RATE_LIMITED: "A cap of the tenant is reached: `message` says which; `Retry-After` says when to try again.",
    Code.ADAPTER_UNAVAILABLE: "No trunk can carry the call: `message` says why.",
    Code.AGENT_UNAVAILABLE: "The agent is not in a state in which this can be done: `message` says why.",
    Code.PAYLOAD_TOO_LARGE: "The body is larger than 1 MB (a sound file: 10 MB).",
    Code.UNSUPPORTED_MEDIA_TYPE: "The body is of a type that this route does not take.",
    Code.RANGE_NOT_SATISFIABLE: "The range lies outside the file.",
    Code.VALIDATION_FAILED: "A field is wrong: `details` names each.",
    Code.INTERNAL: "A fault of the service; quote the X-Request-Id.",
    Code.INTEGRATION_DOWN: "Postgres or Asterisk cannot be reached; answered within 2 s.",
}

_SHOWN = {
    Code.VALIDATION_FAILED: ("extension: must be 2 to 6 digits, for example 101.", [_DETAIL]),
    Code.CONFLICT: (
        "extension: Another agent has this value already; choose another.",
        [{"path": "extension", "message": "Another agent has this value already; choose another."}],
    ),
}


def documented(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that can answer with these errors."""
    return {STATUS[code]: _response(code) for code in codes}


def guarded(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """The same for a route that takes a credential and reads the database."""
    always = (Code.UNAUTHORIZED, Code.FORBIDDEN, Code.PAYLOAD_TOO_LARGE, Code.VALIDATION_FAILED)
    return documented(*always, *codes, Code.INTERNAL, Code.INTEGRATION_DOWN)


def _response(code: Code) -> dict[str, Any]:
    message, details = _SHOWN.get(code, (_SAYS[code].replace("`", ""), []))
    example = {"error": {"code": code.value, "message": message, "details": details}}
    return {
        "model": ErrorAnswer,
        "description": f"`{code.value}` {_SAYS[code]}",
        "content": {
            "application/json": {"example": example},
            PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    }
