"""How the API is put on the network: uvicorn with nothing that would speak on its own.

Law: the client's address is the socket's; a forwarded header is believed only from proxies that the operator names,
because API keys may be bound to addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """uvicorn without its hands on the process's signals: the engine decides when to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


def make_server(
    app: ASGIApp, *, host: str, port: int, grace_seconds: int = 5, trusted_proxies: Sequence[str] = ()
) -> uvicorn.Server:
    """A server to ``await server.serve()`` in the engine's loop; set ``server.should_exit`` to end it gracefully.

    The caller closes the event hub first, so that open streams end by themselves.
    """
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="h11",
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies) or None,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=grace_seconds,
            limit_concurrency=2000,
            h11_max_incomplete_event_size=64 * 1024,
        )
    )
