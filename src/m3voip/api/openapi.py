"""The OpenAPI 3.1 document: what FastAPI knows, and what holds for every route and is therefore said once here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from m3voip.api.fields import Sent, Wire
from m3voip.api.permissions import Permission
from m3voip.api.schemas.error import Problem

_ABOUT = """\
Telephony of M3CoreCRM: calls, queues, agents, recordings, events, and the configuration behind them.

* JSON in camelCase, ids are UUIDs, times ISO 8601 in UTC, numbers E.164.
* `Authorization: Bearer m3v_…`: an API key of one tenant. `X-Tenant-Id`, if sent, must be that tenant.
* Lists: `?limit=` (1..200) and `?cursor=`; the answer's `nextCursor` leads to the next page, null ends the list.
* Creating twice by mistake: send an `Idempotency-Key`.
* Errors: `{"error": {"code", "message", "details": [{"path", "message"}]}}`, or RFC 9457 for
  `Accept: application/problem+json`. What belongs to another tenant is 404.
* Every answer carries `X-Request-Id`, yours if you sent one. `traceparent` (W3C) is accepted.
"""

_TAGS = {
    "Calls": "Customers' journeys.",
    "Calls in hand": "Hold, consult, hand on, confer, park.",
    "Supervision": "Listen to agents at work, whisper to them, barge in, take over.",
    "Recordings": "What was recorded, heard by short-lived links.",
    "Voicemail": "Messages that callers left.",
    "Events": "Everything that happens, as it happens.",
    "Queues": "Where calls wait for agents, and who waits now.",
    "Agents": "Who answers, on which phone, and what they do now.",
    "Conferences": "What people call to talk together, who is in it now, and the meetings that were.",
    "Agents at work": "What an agent does, what is asked of them, and what led to it.",
    "Pause reasons": "Why agents pause, and for how long.",
    "DIDs": "Numbers that people call.",
    "Routes": "Where calls of a number go, by rules.",
    "Trunks": "Paths to carriers.",
    "Calls out": "Whom your people may call, with which number, and why a number was dialled or not.",
    "Telephony": "The telephony node itself.",
    "IVR trees": "What callers hear and choose.",
    "Mailboxes": "Where messages are left.",
    "Blocked callers": "Who is turned away.",
    "Listed callers": "Whom the rules of routes know.",
    "API keys": "Who may use this API.",
    "Health": "For load balancers and monitoring.",
}

_PARAMETERS: dict[str, Any] = {
    "TenantId": {
        "name": "X-Tenant-Id",
        "in": "header",
        "required": False,
        "description": "must be the credential's tenant; without it that tenant is used",
        "schema": {"type": "string", "format": "uuid"},
        "example": "00000000-0000-7000-8000-000000000001",
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "required": False,
        "description": "echoed, and in the log lines of this request: 1 to 128 visible ASCII characters",
        "schema": {"type": "string"},
        "example": "4f5b1f0e-6f0a-4ac0-9d7c-0d3c1f2b7a11",
    },
    "TraceParent": {
        "name": "traceparent",
        "in": "header",
        "required": False,
        "description": "W3C trace context; its trace id is in the log lines of this request",
        "schema": {"type": "string"},
        "example": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary="Telephony and call centre of M3CoreCRM",
            description=_ABOUT,
            routes=app.routes,
            tags=[{"name": name, "description": about} for name, about in _TAGS.items()],
            servers=[{"url": "/"}],
        )
        _complete(document)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema(
        by_alias=True, ref_template="#/components/schemas/{model}"
    )
    for name, schema in components["schemas"]["Problem"].pop("$defs", {}).items():
        components["schemas"].setdefault(name, schema)
    for model in (*_below(Wire), *_below(Sent)):
        extra = model.model_config.get("json_schema_extra")
        if model.__name__ in components["schemas"] and isinstance(extra, dict):
            # FastAPI drops what is null in them, and null is what some fields are.
            components["schemas"][model.__name__]["examples"] = extra["examples"]
    components["parameters"] = _PARAMETERS
    components["headers"] = {
        "RequestId": {"description": "the request's id, yours if you sent one", "schema": {"type": "string"}}
    }
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key. Each operation lists the permissions of which one is needed: "
            + ", ".join(f"`{permission.value}`" for permission in Permission),
        }
    }
    errors: dict[str, Any] = {}
    for path in document["paths"].values():
        for operation in path.values():
            _complete_operation(operation)
            _share_errors(operation["responses"], errors)
    components["responses"] = dict(sorted(errors.items()))


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in model.__subclasses__():
        yield child
        yield from _below(child)


def _share_errors(responses: dict[str, Any], errors: dict[str, Any]) -> None:
    """Say each error once: its description begins with its code."""
    for status, response in responses.items():
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref", "").endswith("/ErrorAnswer"):
            code = response["description"].split("`")[1]
            name = "".join(word.capitalize() for word in code.split("_"))
            errors[name] = response
            responses[status] = {"$ref": f"#/components/responses/{name}"}


def _complete_operation(operation: dict[str, Any]) -> None:
    names = ["RequestId", "TraceParent"]
    if "security" in operation:
        names.insert(0, "TenantId")
    operation.setdefault("parameters", []).extend({"$ref": f"#/components/parameters/{name}"} for name in names)
    for response in operation["responses"].values():
        response.setdefault("headers", {})["X-Request-Id"] = {"$ref": "#/components/headers/RequestId"}
