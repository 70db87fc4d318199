"""Queues of a story: made by the API with numbers that lead there, and looked at from both sides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from itertools import count
from typing import Any

from m3voip.phones import Softphone
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.office import Api, Json

OpenQueue = Callable[..., Awaitable[Json]]
_numbers = count(15550100400)
_SILENT = {"pauseOnNoAnswer": False, "announceIntervalSec": 0}
_PRIORITY_TREE = """\
version: 1
entry: wait
nodes:
  wait: {{queue: {{name: {queue}, priority: 5, overflow: bye}}}}
  bye: {{hangup: {{}}}}
"""


@asynccontextmanager
async def opening_queues(stack: Stack, api: Api) -> AsyncIterator[OpenQueue]:
    """``await open_queue({"101": {"english": 80}}, maxWaiting=1)``: a queue with these agents and their skills; its
    ``number`` leads there, ``vip`` with a priority. Returns when Asterisk knows it."""
    async with AsyncExitStack() as exits:
        agents = {agent["extension"]: agent["id"] for agent in (await api.get("/v1/tm/agents"))["items"]}

        def afterwards(method: str, path: str, **more: Any) -> None:
            exits.push_async_callback(api.ask, method, path, **more)

        async def opened(members: Mapping[str, Mapping[str, int]], **settings: Any) -> Json:
            number, vip = f"{next(_numbers)}", f"{next(_numbers)}"
            queue = await api.ask("POST", "/v1/tm/queues", json={"name": f"q{number}", **_SILENT, **settings})
            afterwards("DELETE", f"/v1/tm/queues/{queue['id']}")
            for extension, skills in members.items():
                path = f"/v1/tm/agents/{agents[extension]}/skills"
                await api.ask("PUT", path, json={"skills": skills})
                afterwards("PUT", path, json={"skills": {}})
                member = {"agentId": agents[extension]}
                await api.ask("POST", f"/v1/tm/queues/{queue['id']}/members", json=member)
            source = _PRIORITY_TREE.format(queue=queue["name"])
            tree = await api.ask("POST", "/v1/tm/ivr-trees", json={"name": f"t{number}", "source": source})
            afterwards("DELETE", f"/v1/tm/ivr-trees/{tree['id']}")
            for digits, target in ((number, {"queueId": queue["id"]}), (vip, {"treeId": tree["id"]})):
                did = await api.ask("POST", "/v1/tm/dids", json={"number": f"+{digits}", **target})
                afterwards("DELETE", f"/v1/tm/dids/{did['id']}")
            # Asterisk hears of numbers last.
            await eventually(lambda: _knows(stack, vip), 10, what="the number to be in effect")
            return {**await api.get(f"/v1/tm/queues/{queue['id']}"), "number": number, "vip": vip}

        yield opened


async def _knows(stack: Stack, number: str) -> bool:
    return f"'{number}'" in await stack.cli(f"dialplan show {number}@did-floor")


async def place(api: Api, caller: str) -> Json | None:
    """Where this caller waits at this moment."""
    call = await api.call_from(caller)
    waiting: Json | None = (await api.get(f"/v1/tm/calls/{call['id']}"))["waiting"]
    return waiting


async def waits(api: Api, caller: str, position: int) -> Json:
    """The caller waits at this position."""

    async def there() -> Json | None:
        seen = await place(api, caller)
        return seen if seen and seen["position"] == position else None

    return await eventually(there, 10, what=f"the caller to wait at {position}")


async def moments(api: Api, call_id: str) -> list[tuple[str, str, datetime]]:
    """(kind, extension, at) of a call's events."""
    return [
        (event["kind"], event["payload"].get("extension", ""), datetime.fromisoformat(event["at"]))
        for event in await api.events(call_id)
    ]


async def has_line(stack: Stack, queue: str, *words: str) -> bool:
    """A line of ``queue show`` with all of these words."""
    lines = (await stack.cli(f"queue show {queue}")).splitlines()
    return any(all(word in line for word in words) for line in lines)


async def turned_away(phone: Softphone, api: Api, queue: Json, caller: str) -> str:
    """Call a queue that does not take this caller; why."""
    call = await phone.dial(queue["number"], caller_id=caller)
    await call.ended(within=15)
    return str((await api.ended(caller))["queueVisits"][0]["outcome"])
