"""What calls in hand cost: requests, transfers, and CPU per talk in a queue's hands and in ours.

One stack with its own phones. The phones run in this process, which is not counted; what Asterisk and the service use is read
from /proc over some seconds in which nothing happens but talking.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

from m3voip.phones import Answer, Softphone, Ticker
from m3voip.phones.errors import RegistrationRefusedError
from m3voip.phones.incoming import IncomingCall
from m3voip.phones.media.g711 import RATE, decode
from m3voip.phones.media.tones import tone_share
from m3voip.phones.outgoing import OutgoingCall
from m3voip.stack.stack import Stack, fresh_name
from tests.bench.load import quantile
from tests.bench.machine import process_ms
from tests.support.office import DID, Api, api_of

TURNS = 40
TALKS = 10
TALK_S = 10.0
CALLER_HZ, FIRST_HZ, SECOND_HZ = 440, 1870, 1230


@dataclass(slots=True)
class Measured:
    """Milliseconds, by what they are of; ``cpu``: milliseconds of CPU per talk and second; ``channels`` per talk."""

    times: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, dict[str, float]] = field(default_factory=dict)
    channels: dict[str, float] = field(default_factory=dict)

    def note(self, what: str, since: float, until: float) -> None:
        """One time."""
        self.times.setdefault(what, []).append((until - since) * 1000)


async def first_packet(
    call: OutgoingCall | IncomingCall, since: float, is_it: Callable[[float], bool], hz: int
) -> float:
    """When the first packet after ``since`` came in which the share of a tone is as wanted."""
    async with asyncio.timeout(10):
        while True:
            for at, (codec, payload) in zip(call.ear._at, call.ear._payloads, strict=True):
                if at > since and is_it(tone_share(decode(codec, payload), RATE, hz)):
                    return at
            await asyncio.sleep(0.005)


@asynccontextmanager
async def office() -> AsyncIterator[tuple[Stack, Api]]:
    """A stack of its own."""
    async with Stack(instance=fresh_name(), ephemeral=True, seeded=True) as stack, api_of(stack) as api:
        yield stack, api


async def phone_of(stack: Stack, exits: AsyncExitStack, username: str, password: str, ticker: Ticker) -> Softphone:
    """A registered phone."""
    settings = stack.settings
    phone = Softphone(settings.sip_address, settings.sip_udp_port, "udp", username, password, ticker=ticker)
    await exits.enter_async_context(phone)
    async with asyncio.timeout(10):
        while True:  # a new agent's phone is known within a second
            try:
                await phone.register(expires=300)
            except RegistrationRefusedError:
                await asyncio.sleep(0.2)
            else:
                return phone


async def talk(caller: Softphone, number: str) -> OutgoingCall:
    """A caller who talks to an agent of sales."""
    call = await caller.dial(DID, caller_id=number, tone=CALLER_HZ)
    await call.answered()
    await call.hear_sound()
    await call.send_digits("1")
    await call.hear_tone(FIRST_HZ, within=30)
    return call


async def requests(stack: Stack, api: Api, ticker: Ticker, found: Measured) -> None:
    """One caller: held and taken back again and again, then handed from agent to agent."""
    async with AsyncExitStack() as exits:
        agents = {a.extension: a for a in stack.secrets.agents}
        phones = {
            e: await phone_of(stack, exits, agents[e].username, agents[e].password, ticker) for e in ("101", "104")
        }
        phones["101"].on_invite, phones["104"].on_invite = (
            Answer(after=0.0, tone=FIRST_HZ),
            Answer(after=0.0, tone=SECOND_HZ),
        )
        line = Softphone(stack.settings.sip_address, stack.settings.sip_udp_port, ticker=ticker)
        call = await talk(await exits.enter_async_context(line), "15550207001")
        record = await api.in_state("15550207001", "talking")

        async def ask(what: str, **body: object) -> float:
            began = time.monotonic()
            await api.ask("POST", f"/v1/tm/calls/{record['id']}/{what}", json=body or None)
            found.note("request answered", began, time.monotonic())
            return began

        for turn in range(TURNS):
            began = await ask("hold")
            name = "hold: taken out of the queue until music" if turn == 0 else "hold until music"
            found.note(name, began, await first_packet(call, began, lambda share: share < 0.3, FIRST_HZ))
            began = await ask("resume")
            found.note(
                "resume until the agent is heard",
                began,
                await first_packet(call, began, lambda share: share > 0.7, FIRST_HZ),
            )
            await asyncio.sleep(0.1)
        tones = {"101": FIRST_HZ, "104": SECOND_HZ}
        for turn in range(TURNS):
            to = ("104", "101")[turn % 2]
            began = await ask("transfer", kind="extension", name=to)
            rung = await phones[to].next_call(10, after=len(phones[to].received) - (1 if phones[to].calls else 0))
            found.note("transfer until the next phone rings", began, rung.moments["invite"].mono)
            heard = await first_packet(call, began, lambda share: share > 0.7, tones[to])
            found.note("transfer until the next agent is heard", began, heard)
            await rung.hear_tone(CALLER_HZ)
            await api.in_state("15550207001", "talking")
        await call.hangup()


async def cpu(stack: Stack, api: Api, ticker: Ticker, found: Measured) -> None:
    """Some talks at once, first in the queue's hands, then in ours."""
    async with AsyncExitStack() as exits:
        sales = next(q for q in (await api.get("/v1/tm/queues"))["items"] if q["name"] == "sales")
        for number in range(TALKS):
            made = await api.ask(
                "POST", "/v1/tm/agents",
                json={"extension": str(300 + number), "displayName": f"Bench {number}", "phoneKind": "desk_udp"},
            )  # fmt: skip
            await api.ask("POST", f"/v1/tm/queues/{sales['id']}/members", json={"agentId": made["id"]})
            phone = await phone_of(stack, exits, made["sipUsername"], made["sipSecret"], ticker)
            phone.on_invite = Answer(after=0.0, tone=FIRST_HZ)
        line = Softphone(stack.settings.sip_address, stack.settings.sip_udp_port, ticker=ticker)
        caller = await exits.enter_async_context(line)
        numbers = [f"155502071{n:02}" for n in range(TALKS)]
        calls = [await talk(caller, number) for number in numbers]
        records = [await api.in_state(number, "talking") for number in numbers]
        found.cpu["talk in a queue's hands"] = await burnt(stack, TALKS)
        found.channels["talk in a queue's hands"] = await channels(stack) / TALKS
        for record in records:
            await api.ask("POST", f"/v1/tm/calls/{record['id']}/mute", json={"on": False})
            await api.ask("POST", f"/v1/tm/calls/{record['id']}/hold")
            await api.ask("POST", f"/v1/tm/calls/{record['id']}/resume")
        for call in calls:
            await call.hear_tone(FIRST_HZ, within=10)
        found.cpu["talk in hand"] = await burnt(stack, TALKS)
        found.channels["talk in hand"] = await channels(stack) / TALKS
        for record in records:
            await api.ask("POST", f"/v1/tm/calls/{record['id']}/hold")
        await asyncio.sleep(1)
        found.cpu["caller on hold"] = await burnt(stack, TALKS)
        found.channels["caller on hold"] = await channels(stack) / TALKS
        for call in calls:
            await call.hangup()


async def burnt(stack: Stack, among: int) -> dict[str, float]:
    """Milliseconds of CPU a second for each of so many talks or lines, by part."""
    pids = {name: stack.processes[name].pid or 0 for name in ("asterisk", "service")}
    before, began = {name: process_ms(pid) for name, pid in pids.items()}, time.monotonic()
    await asyncio.sleep(TALK_S)
    seconds = time.monotonic() - began
    return {name: (process_ms(pid) - before[name]) / seconds / among for name, pid in pids.items()}


async def channels(stack: Stack) -> float:
    """Asterisk's channels now, those of music included."""
    return float((await stack.cli("core show channels count")).split()[0])


async def measure() -> Measured:
    """All of it."""
    found, ticker = Measured(), Ticker()
    async with office() as (stack, api):
        await requests(stack, api, ticker, found)
        await cpu(stack, api, ticker, found)
    return found


def main() -> str:
    """The tables."""
    found = asyncio.run(measure())
    lines = ["|  | p50, ms | p99, ms | times |", "|---|---:|---:|---:|"]
    for what, times in found.times.items():
        lines.append(f"| {what} | {median(times):.1f} | {quantile(times, 0.99):.1f} | {len(times)} |")
    lines += ["", "|  | Asterisk, ms of CPU a second | service | channels |", "|---|---:|---:|---:|"]
    for what, burns in found.cpu.items():
        lines.append(f"| one {what} | {burns['asterisk']:.1f} | {burns['service']:.1f} | {found.channels[what]:.1f} |")
    return "\n".join(lines)
