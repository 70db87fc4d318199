"""The API as one ASGI application, made from its dependencies. Law: no globals; two of them can live in one process."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from m3voip import __version__
from m3voip.api import errors, openapi
from m3voip.api.auth import KeyAuthenticator
from m3voip.api.context import Services
from m3voip.api.deps import ApiDeps
from m3voip.api.edge import Edge
from m3voip.api.links import Links
from m3voip.api.paging import Cursors
from m3voip.api.routes import ROUTERS, health


class _Api(FastAPI):
    """FastAPI with our outermost layer outside its error handling, so that a 500 has a request id too."""

    deps: ApiDeps

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's hook."""
        return Edge(super().build_middleware_stack(), self.deps.meters)


def create_api(deps: ApiDeps) -> FastAPI:
    """The application; serve it with ``api.server.make_server``. Before stopping, close ``deps.hub``."""
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
    app.deps = deps
    secret = deps.settings.link_secret.get_secret_value().encode()
    keys = KeyAuthenticator(deps.pool, deps.settings.key_pepper.get_secret_value().encode(), deps.clock)
    app.state.services = Services(
        deps=deps,
        authenticate=keys,
        forget_key=keys.forget,
        links=Links(secret, deps.clock, deps.settings.base_url),
        cursors=Cursors(secret),
    )
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(health.router)
    readers = deps.meters.gauge("m3voip_api_event_streams", "Open event streams")
    readers.set_function(lambda: len(deps.hub))
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _operation_id(route: APIRoute) -> str:
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)
