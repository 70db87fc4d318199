"""Asks the API of the stack that runs here, with what run.json says; for commands that show what the service knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from m3voip.stack import files, paths
from m3voip.stack.errors import StackError

if TYPE_CHECKING:
    import aiohttp

Json = dict[str, Any]


def run_json() -> Json:
    """What the running stack has written down. Raises StackError where none runs."""
    run: Json | None = files.read_json(paths.locate().run_file)
    if run is None:
        raise StackError("nothing runs here; start it with: make up")
    return run


class RunningApi:
    """The API as the administrator."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def ask(
        self, method: str, path: str, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> Json:
        """The answer. Raises StackError with the API's own message."""
        import aiohttp

        try:
            async with self._session.request(method, self._base + path, json=body, params=query) as reply:
                answer: Json = {} if reply.status == 204 else await reply.json()
                if not reply.ok:
                    raise StackError(str(answer["error"]["message"]))
                return answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StackError(f"the service does not answer ({type(error).__name__}); see: make status") from None

    async def agent(self, extension: str) -> Json:
        """The agent at an extension. Raises StackError where there is none."""
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
            page = await self.ask("GET", "/v1/tm/agents", query=query)
            for agent in page["items"]:
                if agent["extension"] == extension:
                    found: Json = agent
                    return found
            cursor = page["nextCursor"]
        raise StackError(f"there is no agent with the extension {extension}")


@asynccontextmanager
async def running_api() -> AsyncIterator[RunningApi]:
    """For as long as the command takes."""
    import aiohttp

    run = run_json()
    headers = {"Authorization": f"Bearer {run['apiKey']}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield RunningApi(session, run["apiUrl"])
