"""The API as one ASGI application, made from its dependencies. Law: no globals; two of them can live in one process."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from m3voip import __version__
from m3voip.api import answers, openapi
from m3voip.api.auth import KeyAuthenticator
from m3voip.api.context import Services
from m3voip.api.deps import ApiDeps
from m3voip.api.edge import Edge
from m3voip.api.links import Links
from m3voip.api.paging import Cursors
from m3voip.api.routes import ROUTERS, health


class _Api(FastAPI):
    """FastAPI with our outermost layer outside its error handling, so that a 500 has a request id too."""

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's hook."""
        services: Services = self.state.services
        return Edge(super().build_middleware_stack(), services.deps.meters)

    def openapi(self) -> dict[str, Any]:
        """FastAPI's hook."""
        return openapi.describe(self)


def create_api(deps: ApiDeps) -> FastAPI:
    """The application; serve it with ``api.server.make_server``. Before stopping, close ``deps.hub``."""
    app = bare_api()
    secret = deps.settings.link_secret.get_secret_value().encode()
    keys = KeyAuthenticator(deps.pool, deps.settings.key_pepper.get_secret_value().encode(), deps.clock)
    app.state.services = Services(
        deps=deps,
        authenticate=keys,
        forget_key=keys.forget,
        links=Links(secret, deps.clock, deps.settings.base_url),
        cursors=Cursors(secret),
    )
    streams = deps.meters.gauge("m3voip_api_event_streams", "Open event streams")
    streams.set_function(lambda: len(deps.hub))
    return app


def bare_api() -> FastAPI:
    """Routes and errors without anything behind them: enough to be documented."""
    app = _Api(
        title="m3voip",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        # The framework's own would tell paths, which may hold numbers, to whatever its environment variables name.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    answers.install(app)
    for router in (*ROUTERS, health.router):
        app.include_router(router)
    return app


def _operation_id(route: APIRoute) -> str:
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)
