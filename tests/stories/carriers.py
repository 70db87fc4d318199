"""Two carriers on addresses of this machine, and what was tried through them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from m3voip.phones import Softphone
from m3voip.phones.media.ticker import Ticker
from m3voip.stack.stack import Stack
from tests.stories.talk import Talk
from tests.support.eventually import eventually
from tests.support.office import Api, Json

OUTSIDE = 2310
"""What the one outside says (Hz)."""
NUMBER, SHOWN = "+12025550143", "+12025550100"


class Carriers(NamedTuple):
    """Calls are tried through the first before the second."""

    first: Softphone
    second: Softphone

    @property
    def called(self) -> tuple[int, int]:
        return len(self.first.received), len(self.second.received)


@asynccontextmanager
async def two_carriers(stack: Stack, ticker: Ticker, api: Api) -> AsyncIterator[Carriers]:
    """Connected, for a tenant that may call the United States."""
    async with AsyncExitStack() as exits:
        phones = []
        for n, host in enumerate(("127.0.0.2", "127.0.0.3"), 1):
            settings = stack.settings
            carrier = Softphone(settings.sip_address, settings.sip_udp_port, local_host=host, ticker=ticker)
            phones.append(await exits.enter_async_context(carrier))
            trunk = await api.ask("POST", "/v1/tm/trunks", json={
                "name": f"carrier-{n}", "kind": "ip", "host": host, "port": carrier.address[1], "addresses": [host],
                "priority": n,
            })  # fmt: skip
            exits.push_async_callback(api.ask, "DELETE", f"/v1/tm/trunks/{trunk['id']}")
        await api.ask("PUT", "/v1/tm/dial-settings", json={"region": "US", "callerId": SHOWN})
        shown = await api.ask("POST", "/v1/tm/caller-ids", json={"number": SHOWN, "proof": "a contract"})
        exits.push_async_callback(api.ask, "DELETE", f"/v1/tm/caller-ids/{shown['id']}")

        async def known() -> bool:
            contacts = await stack.cli("pjsip show contacts")
            return all(f"{phone.address[0]}:{phone.address[1]}" in contacts for phone in phones)

        await eventually(known, 10, what="the carriers in Asterisk")
        yield Carriers(*phones)


async def attempts(talk: Talk) -> list[Json]:
    """Those of this call, oldest first."""
    found: list[Json] = (await talk.api.get("/v1/tm/attempts", call=talk.id))["items"]
    return found[::-1]


async def over(talk: Talk, *results: str) -> None:
    """Wait until those that were cleared have ended so."""

    async def so() -> bool:
        found = [one["result"] for one in await attempts(talk) if one["cleared"]]
        assert found == list(results)
        return True

    await eventually(so, 10, what=f"attempts to end {results}")
