"""The stack as its users see it: the API with the administrator's key, and where things lie on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from m3voip.phones import RegistrationRefusedError, Softphone, Ticker
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually

DID = "15550100100"
Json = dict[str, Any]


class Api:
    """A client of one stack."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self.stack = stack
        self.session = session
        self.base = f"http://{stack.settings.api_host}:{stack.settings.api_port}"

    async def get(self, path: str, **query: str) -> Json:
        return await self.ask("GET", path, params=query)

    async def ask(self, method: str, path: str, *, expect: int | None = None, **more: Any) -> Json:
        async with self.session.request(method, self.base + path, **more) as reply:
            body: Json = await reply.json() if reply.content_type.endswith("json") else {}
            wanted = [expect] if expect else [200, 201, 202, 204]
            assert reply.status in wanted, f"{method} {path}: {reply.status} {body}"
            return body

    async def ready(self, within: float = 30.0) -> None:
        """Wait until the service has all that it needs, Asterisk for one, and has caught up with it."""

        async def so() -> bool:
            async with self.session.get(f"{self.base}/readyz") as reply:
                assert reply.status == 200, await reply.text()
            return True

        await eventually(so, within, what="the service to be ready")

    async def call_from(self, caller: str) -> Json:
        """The newest call of this caller's number, as soon as it is in the list."""

        async def found() -> Json | None:
            items = (await self.get("/v1/tm/calls", caller=caller))["items"]
            return items[0] if items else None

        return await eventually(found, 10, what=f"a call from {caller}")

    async def ended(self, caller: str, within: float = 15.0) -> Json:
        """The caller's call once it has ended, whole."""

        async def over() -> Json | None:
            call = await self.call_from(caller)
            return call if call["state"] == "ended" else None

        call = await eventually(over, within, what=f"the end of the call from {caller}")
        return await self.get(f"/v1/tm/calls/{call['id']}")

    async def events(self, call_id: str) -> list[Json]:
        """All events of a call, in order."""
        items: list[Json] = (await self.get(f"/v1/tm/calls/{call_id}/events", limit="200"))["items"]
        assert [item["seq"] for item in items] == list(range(1, len(items) + 1)), "a gap in the call's events"
        return items

    async def kinds(self, call_id: str) -> list[str]:
        """What happened, in order."""
        return [event["kind"] for event in await self.events(call_id)]

    async def in_state(self, caller: str, state: str, within: float = 10.0) -> Json:
        """The caller's call once it is in this state."""

        async def there() -> Json | None:
            call = await self.call_from(caller)
            return call if call["state"] == state else None

        return await eventually(there, within, what=f"call from {caller} to be {state}")

    async def recording(self, call_id: str, target: Path, within: float = 20.0) -> Path:
        """Download a call's recording by a short-lived link, as a CRM would."""

        async def stored() -> Json | None:
            items = (await self.get(f"/v1/tm/calls/{call_id}/recordings"))["items"]
            return items[0] if items else None

        recording = await eventually(stored, within, what="the recording")
        link = await self.ask("POST", f"/v1/tm/recordings/{recording['id']}/link")
        async with aiohttp.ClientSession() as stranger, stranger.get(link["url"]) as reply:
            assert reply.status == 200, await reply.text()
            target.write_bytes(await reply.read())
        return target


@asynccontextmanager
async def api_of(stack: Stack) -> AsyncIterator[Api]:
    """A client with the administrator's key."""
    headers = {"Authorization": f"Bearer {stack.secrets.admin_key}"}
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield Api(stack, session)


async def registered_phone(exits: AsyncExitStack, stack: Stack, agent: Json, ticker: Ticker) -> Softphone:
    """The UDP phone of an agent as the API told of it when it was made, registered as soon as Asterisk knows it; ``exits``
    closes it."""
    settings = stack.settings
    phone = Softphone(
        settings.sip_address, settings.sip_udp_port, "udp", agent["sipUsername"], agent["sipSecret"], ticker=ticker
    )
    await exits.enter_async_context(phone)

    async def registers() -> bool:
        try:
            await phone.register(expires=60)
        except RegistrationRefusedError:
            return False
        return True

    await eventually(registers, 10, what="the phone to be known to Asterisk")
    return phone
