"""The HTTP way to ARI, for an Asterisk whose socket carries events but no requests.

Law: one request at a time and in order, so that switching the way never changes the order of commands.
"""

from __future__ import annotations

from time import monotonic

import aiohttp
import msgspec

from m3voip.providers.asterisk.ari.codec import Answer
from m3voip.providers.asterisk.ari.errors import AriDisconnected, AriTimeout
from m3voip.providers.asterisk.ari.pending import PendingRequests, Waiting


class HttpRest:
    """Sends requests by HTTP; the session carries the credentials."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url

    async def perform(self, request_id: str, waiting: Waiting, pending: PendingRequests) -> None:
        """Send one request and settle it; never raises for what goes wrong on the way."""
        request = waiting.request
        left = aiohttp.ClientTimeout(total=max(0.001, waiting.deadline - monotonic()))
        headers = {"Content-Type": "application/json"} if request.body else None
        try:
            async with self._session.request(
                request.route.method,
                f"{self._base_url}/{request.uri}",
                data=request.body or None,
                headers=headers,
                timeout=left,
            ) as response:
                body = await response.text()
                answer = Answer(
                    request_id, response.status, response.reason or "", msgspec.Raw(msgspec.json.encode(body))
                )
        except TimeoutError:
            pending.give_up(request_id, AriTimeout(f"no answer to {request.route}"), "timeout")
        except (OSError, aiohttp.ClientError) as error:
            pending.give_up(request_id, AriDisconnected(f"HTTP failed: {type(error).__name__}"), "disconnected")
        else:
            pending.settle(request_id, answer, monotonic())
