"""Requests about Asterisk itself, its endpoints, and our application in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from m3voip.providers.asterisk.ari import safe
from m3voip.providers.asterisk.ari.model import Application, AsteriskInfo, Endpoint, Module
from m3voip.providers.asterisk.ari.request import Request, Route, json_body, reader

Source = Literal["channel", "bridge", "endpoint", "deviceState"]

_info, _modules, _endpoints, _application = (
    reader(AsteriskInfo),
    reader(tuple[Module, ...]),
    reader(tuple[Endpoint, ...]),
    reader(Application),
)
_PING = Route("GET", "asterisk/ping")
_INFO = Route("GET", "asterisk/info")
_MODULES = Route("GET", "asterisk/modules")
_RELOAD = Route("PUT", "asterisk/modules/{name}")
_ENDPOINTS = Route("GET", "endpoints")
_APPLICATION = Route("GET", "applications/{name}")
_FILTER = Route("PUT", "applications/{name}/eventFilter")
_SUBSCRIBE = Route("POST", "applications/{name}/subscription")
_UNSUBSCRIBE = Route("DELETE", "applications/{name}/subscription")


def ping() -> Request[None]:
    """The cheapest question there is."""
    return Request(_PING, "asterisk/ping")


def info() -> Request[AsteriskInfo]:
    """Version, entity id, start-up time."""
    return Request(_INFO, "asterisk/info", b"", _info)


def modules() -> Request[tuple[Module, ...]]:
    """Every module and whether it runs."""
    return Request(_MODULES, "asterisk/modules", b"", _modules)


def reload_module(name: str) -> Request[None]:
    """Reload one module's configuration, e.g. `res_pjsip.so`."""
    return Request(_RELOAD, f"asterisk/modules/{safe.module(name)}")


def endpoints() -> Request[tuple[Endpoint, ...]]:
    """Every endpoint and whether it is online."""
    return Request(_ENDPOINTS, "endpoints", b"", _endpoints)


def application(name: str) -> Request[Application]:
    """What an application owns and is subscribed to."""
    return Request(_APPLICATION, f"applications/{safe.token(name)}", b"", _application)


def drop_events(app: str, types: Sequence[str]) -> Request[None]:
    """Never send these event types. Only a `disallowed` list: an `allowed` list without RESTResponse would also filter
    the answers to requests on this socket, and ARI would go silent."""
    body = json_body({"allowed": [], "disallowed": [{"type": safe.token(name)} for name in types]})
    return Request(_FILTER, f"applications/{safe.token(app)}/eventFilter", body)


def _source(kind: Source, name: str) -> str:
    return f"eventSource={safe.token(kind)}:{'/'.join(safe.ident(part) for part in name.split('/'))}"


def subscribe(app: str, kind: Source, name: str) -> Request[None]:
    """Events of a channel, bridge, endpoint (`PJSIP/<name>`) or device."""
    return Request(_SUBSCRIBE, f"applications/{safe.token(app)}/subscription?{_source(kind, name)}")


def unsubscribe(app: str, kind: Source, name: str) -> Request[None]:
    """End `subscribe`."""
    return Request(_UNSUBSCRIBE, f"applications/{safe.token(app)}/subscription?{_source(kind, name)}")
