"""What a line that is kept up is worth: from the caller's INVITE until the agent hears them, joined and rung; channels and CPU.

One stack with its own phones, which run in this process and are not counted. Times are those of packets at the agent's phone.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from statistics import median

from m3voip.phones import Answer, Softphone, Ticker
from m3voip.phones.incoming import IncomingCall
from m3voip.phones.outgoing import OutgoingCall
from m3voip.stack.stack import Stack
from tests.bench.hands import CALLER_HZ, FIRST_HZ, Measured, burnt, channels, first_packet, office, phone_of
from tests.bench.load import quantile
from tests.support.office import Api, Json

JOINS, RINGS, LINES = 120, 40, 10
JOINED, RUNG = "joined to a line that is kept up", "a phone that rings and answers at once"
NUMBER, QUEUE = "15550100890", "bench-lines"
AT_ONCE = {"announceIntervalSec": 0, "announcePosition": False, "announceHoldtime": "no", "wrapupSec": 0}


async def queue_of(api: Api) -> Json:
    """A queue of our own, and a number that leads there."""
    queue = await api.ask("POST", "/v1/tm/queues", json={"name": QUEUE, "record": True, **AT_ONCE})
    await api.ask("POST", "/v1/tm/dids", json={"number": f"+{NUMBER}", "queueId": queue["id"]})
    return queue


async def agent_of(api: Api, queue: Json, extension: str, works: str) -> Json:
    """One more agent of the queue."""
    body = {"extension": extension, "displayName": "Bench", "phoneKind": "desk_udp", "works": works}
    made = await api.ask("POST", "/v1/tm/agents", json=body)
    await api.ask("POST", f"/v1/tm/queues/{queue['id']}/members", json={"agentId": made["id"]})
    return made


async def free(stack: Stack, lines: int) -> None:
    """So many members of the queue can be given a call."""
    async with asyncio.timeout(30):
        while (await stack.cli(f"queue show {QUEUE}")).count("(Not in use)") < lines:
            await asyncio.sleep(0.02)


async def reached(caller: Softphone, found: Measured, what: str, agent: Softphone, line: OutgoingCall | None) -> None:
    """One call, until the agent hears it."""
    rung = len(agent.received)
    began = time.monotonic()
    call = await caller.dial(NUMBER, caller_id="15550208001", tone=CALLER_HZ)
    ear: OutgoingCall | IncomingCall = line or await agent.next_call(10, after=rung)
    found.note(what, began, await first_packet(ear, began, lambda share: share > 0.5, CALLER_HZ))
    await call.hear_tone(FIRST_HZ)
    await call.hangup()


async def times(stack: Stack, api: Api, found: Measured) -> None:
    """The same queue, with one agent after the other."""
    async with AsyncExitStack() as exits:
        ticker = Ticker()
        settings, queue = stack.settings, await queue_of(api)
        caller = await exits.enter_async_context(Softphone(settings.sip_address, settings.sip_udp_port, ticker=ticker))
        made = await agent_of(api, queue, "390", "session")
        phone = await phone_of(stack, exits, made["sipUsername"], made["sipSecret"], ticker)
        line = await phone.dial("*56", tone=FIRST_HZ)
        await line.answered()
        for _ in range(JOINS):
            await free(stack, 1)
            await reached(caller, found, JOINED, phone, line)
        await line.hangup()
        made = await agent_of(api, queue, "391", "ring")
        phone = await phone_of(stack, exits, made["sipUsername"], made["sipSecret"], ticker)
        phone.on_invite = Answer(after=0.0, tone=FIRST_HZ)
        for _ in range(RINGS):
            await free(stack, 1)
            await reached(caller, found, RUNG, phone, None)
        await phone.unregister()


async def costs(stack: Stack, api: Api, found: Measured) -> None:
    """Some lines, first without and then with calls on them."""
    async with AsyncExitStack() as exits:
        ticker = Ticker()
        settings = stack.settings
        queue = next(q for q in (await api.get("/v1/tm/queues"))["items"] if q["name"] == QUEUE)
        caller = await exits.enter_async_context(Softphone(settings.sip_address, settings.sip_udp_port, ticker=ticker))
        before = await channels(stack)
        for number in range(LINES):
            made = await agent_of(api, queue, str(300 + number), "session")
            phone = await phone_of(stack, exits, made["sipUsername"], made["sipSecret"], ticker)
            await (await phone.dial("*56", tone=FIRST_HZ)).answered()
        await free(stack, LINES)
        found.cpu["line that waits"] = await burnt(stack, LINES)
        found.channels["line that waits"] = (await channels(stack) - before) / LINES
        calls = [await caller.dial(NUMBER, caller_id=f"155502081{n:02}", tone=CALLER_HZ) for n in range(LINES)]
        for call in calls:
            await call.hear_tone(FIRST_HZ, within=20)
        found.cpu["line in a talk"] = await burnt(stack, LINES)
        found.channels["line in a talk"] = (await channels(stack) - before) / LINES
        for call in calls:
            await call.hangup()


async def measure() -> Measured:
    """All of it."""
    found = Measured()
    async with office() as (stack, api):
        await times(stack, api, found)
        await costs(stack, api, found)
    return found


def main() -> str:
    """The tables."""
    found = asyncio.run(measure())
    lines = [
        "| INVITE → the agent hears the caller | p50, ms | p99, ms | worst, ms | calls |",
        "|---|---:|---:|---:|---:|",
    ]
    for what, taken in found.times.items():
        figures = f"{median(taken):.0f} | {quantile(taken, 0.99):.0f} | {max(taken):.0f} | {len(taken)}"
        lines.append(f"| {what} | {figures} |")
    lines += ["", "|  | Asterisk, ms of CPU a second | service | channels |", "|---|---:|---:|---:|"]
    for what, burns in found.cpu.items():
        lines.append(f"| one {what} | {burns['asterisk']:.1f} | {burns['service']:.1f} | {found.channels[what]:.1f} |")
    return "\n".join(lines)
