"""Routes on real parts: rules by list, share, hour and holiday; VIPs go first; the CRM is asked, slow and dead; the last agent
rings first; a kill of the service in the middle costs nobody the call."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from aiohttp import web

from m3voip.phones import Answer, CallRefusedError, NeverAnswer, Softphone, Ticker
from m3voip.phones.outgoing import OutgoingCall
from m3voip.stack.stack import Stack, fresh_name
from tests.support.eventually import eventually
from tests.support.fixtures import in_own_task
from tests.support.office import Api, Json, api_of

pytestmark = pytest.mark.asterisk

RULES, CRM_VIP, STICKY = "15550100810", "15550100811", "15550100812"
_callers = count(1)


class Crm:
    """A CRM that says who is a VIP; ``mood``: answer, silent, dead, or kill the process ``victim`` before answering."""

    def __init__(self) -> None:
        self.asked: list[Json] = []
        self.mood = "answer"
        self.victim = 0
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        if self.mood == "kill":
            self.mood = "answer"
            os.kill(self.victim, signal.SIGKILL)
        if self.mood == "silent":
            await asyncio.sleep(30)
        if self.mood == "dead":
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"data": {"vip": self.asked[-1]["caller"].endswith("7")}})


class Office:
    """The stack of these stories with its routes, and one phone that calls them."""

    def __init__(self, stack: Stack, api: Api, crm: Crm, caller: Softphone) -> None:
        self.stack = stack
        self.api = api
        self.crm = crm
        self._caller = caller

    async def call(self, did: str, caller: str) -> OutgoingCall:
        return await self._caller.dial(did, caller_id=caller)

    async def routed(self, did: str, caller: str) -> Json:
        """Call, see which rule took the call, hang up."""
        call = await self.call(did, caller)
        fact = await self.fact(caller, "call.routed")
        with suppress(CallRefusedError):
            await call.hangup()
        return fact

    async def fact(self, caller: str, kind: str, within: float = 10.0) -> Json:
        """The first event of this kind in the caller's newest call."""
        record = await self.api.call_from(caller)

        async def there() -> Json | None:
            events = await self.api.events(record["id"])
            return next((event["payload"] for event in events if event["kind"] == kind), None)

        return await eventually(there, within, what=f"{kind} in the call from {caller}")

    async def agent(self, extension: str, ticker: Ticker) -> Softphone:
        settings = self.stack.settings
        secret = next(a for a in self.stack.secrets.agents if a.extension == extension)
        return Softphone(
            settings.sip_address, settings.sip_udp_port, "udp", secret.username, secret.password, ticker=ticker
        )


def somebody(last: int = 0) -> str:
    """A caller's number that no other story uses, ending as wanted."""
    return f"1555020{next(_callers):03}{last}"


@pytest.fixture(scope="module")
async def crm() -> AsyncIterator[Crm]:
    crm = Crm()
    app = web.Application()
    app.router.add_post("/callers", crm.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    crm.port = runner.addresses[0][1]
    yield crm
    await runner.cleanup()


@pytest.fixture(scope="module")
async def office(crm: Crm, ticker: Ticker) -> AsyncIterator[Office]:
    environ = {"M3VOIP_CRM_URL": f"http://127.0.0.1:{crm.port}"}
    stack = Stack(instance=fresh_name(), ephemeral=True, seeded=True, service_environ=lambda _: environ)
    async with in_own_task(stack) as running, api_of(running) as api:
        settings = running.settings
        async with Softphone(settings.sip_address, settings.sip_udp_port, ticker=ticker) as caller:
            office = Office(running, api, crm, caller)
            await _set_up(office)
            yield office


async def _set_up(office: Office) -> None:
    api = office.api
    queues = {queue["name"]: {"queueId": queue["id"]} for queue in (await api.get("/v1/tm/queues"))["items"]}
    box = next(box for box in (await api.get("/v1/tm/mailboxes"))["items"] if box["box"] == "801")
    now = datetime.now(UTC)
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    elsewhen = ",".join(day for n, day in enumerate(days) if n not in {now.weekday(), (now.weekday() + 1) % 7})
    rules: list[dict[str, Any]] = [
        {"name": "nuisance", "when": {"lists": ["nuisance"]}, "to": {"reject": True}},
        {"name": "vip", "when": {"lists": ["vip"]}, "set": {"priority": 9}, "to": queues["support"]},
        {"name": "trial", "when": {"prefixes": ["+15550201"]},
         "split": [{"percent": 50, "to": queues["sales"]}, {"percent": 50, "to": queues["billing"]}]},
        {"name": "closed", "when": {"week": {elsewhen: "00:00-24:00"}}, "to": {"mailboxId": box["id"]}},
        {"name": "holiday", "when": {"countries": ["GB"], "holiday": True}, "to": queues["billing"]},
        {"name": "open", "when": {"week": {"mon-sun": "00:00-24:00"}}, "to": queues["support"]},
    ]  # fmt: skip
    closed = [f"{now + timedelta(days=ahead):%Y-%m-%d}" for ahead in (0, 1)]
    lookup = {"path": "/callers", "extract": {"vip": "data.vip"}}
    vip = {"name": "vip", "when": {"crm": {"vip": "true"}}, "set": {"priority": 9}, "to": queues["support"]}
    last = {"name": "last", "preferred": {"lastAgentDays": 1, "ringSec": 5}, "to": queues["billing"]}
    for number, name in (("+15550209001", "vip"), ("+15550209002", "nuisance")):
        await api.ask("POST", "/v1/tm/listed-callers", json={"number": number, "list": name})
    for did, route in (
        (RULES, {"timezone": "UTC", "closedDates": closed, "rules": rules, "otherwise": queues["sales"]}),
        (CRM_VIP, {"crm": lookup, "rules": [vip], "otherwise": queues["billing"]}),
        (STICKY, {"rules": [last], "otherwise": queues["sales"]}),
    ):
        made = await api.ask("POST", "/v1/tm/routes", json={"name": f"route-{did}", **route})
        await api.ask("POST", "/v1/tm/dids", json={"number": f"+{did}", "routeId": made["id"]})

    async def in_effect() -> bool:  # what was made last; a reading that has it has all of it
        caller = somebody()
        call = await office.call(STICKY, caller)
        try:
            await call.answered()
        except CallRefusedError:  # nobody has this number yet
            return False
        await call.hangup()
        return True

    await eventually(in_effect, 20, what="the routes to be in effect")


async def test_callers_go_where_the_first_rule_that_holds_leads(office: Office) -> None:
    assert (await office.routed(RULES, "15550209002"))["rule"] == "nuisance"
    assert (await office.api.ended("15550209002"))["endReason"] == "rejected"
    assert (await office.routed(RULES, "442079460001"))["rule"] == "holiday"
    record = await office.api.call_from("442079460001")
    assert (record["tree"], record["queue"]) == ("direct-billing", "billing")
    assert (await office.routed(RULES, "15550208001"))["rule"] == "open"


async def test_a_split_sends_callers_both_ways_and_each_the_same_way_again(office: Office) -> None:
    queues: dict[str, str] = {}
    for n in range(40):
        caller = f"155502011{n:02}"
        queues[caller] = (await office.routed(RULES, caller))["to"]
        if len(set(queues.values())) == 2:
            break
    assert set(queues.values()) == {"sales", "billing"}
    for caller, queue in list(queues.items())[:1] + list(queues.items())[-1:]:
        call = await office.call(RULES, caller)
        assert (await office.api.in_state(caller, "queued"))["queue"] == queue
        await call.hangup()


async def test_a_vip_stands_before_those_who_came_earlier(office: Office) -> None:
    first, vip = somebody(), "15550209001"
    waiting = await office.call(RULES, first)
    assert (await office.fact(first, "queue.joined"))["position"] == 1
    favoured = await office.call(RULES, vip)
    assert (await office.fact(vip, "queue.joined"))["position"] == 1
    for call in (waiting, favoured):
        await call.hangup()


async def test_the_crm_says_who_is_a_vip_and_callers_go_on_when_it_is_slow_or_dead(office: Office) -> None:
    vip, other, third, fourth, fifth = somebody(7), somebody(), somebody(7), somebody(), somebody(7)
    assert (await office.routed(CRM_VIP, vip))["rule"] == "vip"
    assert office.crm.asked[-1] == {"caller": f"+{vip}", "did": f"+{CRM_VIP}", "route": f"route-{CRM_VIP}"}
    assert (await office.routed(CRM_VIP, other))["rule"] == ""
    office.crm.mood = "silent"
    fact = await office.routed(CRM_VIP, third)
    assert (fact["rule"], fact["to"]) == ("", "billing")
    assert (await office.fact(third, "ivr.crm_asked"))["why"] == "no answer within 300 ms"
    # what waits for the silent CRM holds up nobody
    silent = [await office.call(CRM_VIP, somebody(7)) for _ in range(3)]
    assert (await office.routed(RULES, fourth))["rule"] == "open"
    for call in silent:
        await call.hangup()
    office.crm.mood = "dead"
    assert (await office.routed(CRM_VIP, fifth))["rule"] == ""
    assert (await office.fact(fifth, "ivr.crm_asked"))["status"] == 0
    office.crm.mood = "answer"


async def test_a_kill_while_the_crm_is_asked_costs_the_caller_nothing_but_the_restart(office: Office) -> None:
    caller, service = somebody(7), office.stack.processes["service"]
    assert service.pid
    office.crm.victim, office.crm.mood = service.pid, "kill"
    asked = len(office.crm.asked)
    call = await office.call(CRM_VIP, caller)
    await eventually(lambda: len(office.crm.asked) >= asked + 2, 30, what="the CRM to be asked again")
    await service.wait_ready()
    assert (await office.fact(caller, "call.routed", 20))["rule"] == "vip"
    assert (await office.api.in_state(caller, "queued", 20))["queue"] == "support"
    await call.hangup()
    ended = await office.api.ended(caller)
    kinds = await office.api.kinds(ended["id"])
    assert (kinds.count("call.started"), kinds.count("call.routed"), kinds.count("call.ended")) == (1, 1, 1)
    assert "call.resumed" in kinds


async def test_the_last_agent_rings_first_if_free_and_then_the_queue_takes_over(office: Office, ticker: Ticker) -> None:
    caller = somebody()
    async with await office.agent("105", ticker) as agent:
        agent.on_invite = Answer(after=0.1, tone=1870)
        await agent.register(expires=60)
        first = await office.call(STICKY, caller)
        await first.hear_tone(1870, within=20, seconds=1.0)
        assert (await office.api.in_state(caller, "talking"))["queue"] == "billing"

        # the agent is busy: the queue at once
        seen = {(await office.api.call_from(caller))["id"]}
        meanwhile = await office.call(STICKY, caller)
        assert "dial.started" not in await _next_call(office, caller, seen)
        await meanwhile.hangup()
        await first.hangup()
        await eventually(lambda: _is(office, "105", "available"), 10, what="the agent to be free again")

        # free again: rung first, does not answer, the queue takes over
        agent.on_invite = NeverAnswer()
        again = await office.call(STICKY, caller)
        kinds = await _next_call(office, caller, seen)
        story = ["call.routed", "dial.started", "dial.ended", "queue.entered"]
        assert [kind for kind in kinds if kind in story] == story
        await again.hangup()
        await office.api.ended(caller)


async def _next_call(office: Office, caller: str, seen: set[str]) -> list[str]:
    """What happened in the caller's next call by the time it is in the queue."""

    async def queued() -> list[str] | None:
        call = await office.api.call_from(caller)
        kinds = await office.api.kinds(call["id"])
        return None if call["id"] in seen or "queue.entered" not in kinds else kinds

    kinds = await eventually(queued, 20, what="the next call to be in the queue")
    seen.add((await office.api.call_from(caller))["id"])
    return kinds


async def _is(office: Office, extension: str, state: str) -> bool:
    who = next(a for a in (await office.api.get("/v1/tm/agents"))["items"] if a["extension"] == extension)
    live = (await office.api.get(f"/v1/tm/agents/{who['id']}"))["live"]
    return bool(live and live["state"] == state)
