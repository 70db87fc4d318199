"""Agents sign in, pause, miss calls, wrap up and lose their phones: what each does is right at every moment, and queues go by
it. Their own queues and phones, so that no other story is disturbed."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import pytest

from m3voip.phones import Answer, NeverAnswer, Softphone, Ticker
from m3voip.phones.outgoing import OutgoingCall
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api, Json, api_of, registered_phone

pytestmark = pytest.mark.asterisk

ANN, BOB, CLEO = "191", "192", "193"
PLAIN, WRAP = "15550100791", "15550100792"
WRAP_UP_S = 4


@dataclass
class Desk:
    """Three agents who sign in explicitly, in two queues: one without a wrap-up, one with."""

    stack: Stack
    api: Api
    agents: dict[str, Json] = field(default_factory=dict)

    async def open(self) -> None:
        """Ann is rung first, then Bob, then Cleo."""
        make = self.api.ask
        await make("POST", "/v1/tm/pause-reasons", json={"code": "lunch", "limitSec": 1800})
        quiet = {"ringTimeoutSec": 2, "announceIntervalSec": 0, "announcePosition": False, "announceHoldtime": "no"}
        queues = [
            await make("POST", "/v1/tm/queues", json={"name": name, "wrapupSec": wrap_up_s, **quiet})
            for name, wrap_up_s in (("desk-plain", 0), ("desk-wrap", WRAP_UP_S))
        ]
        for penalty, extension in enumerate((ANN, BOB, CLEO)):
            body = {"extension": extension, "displayName": "A", "phoneKind": "desk_udp", "signsIn": "explicitly"}
            agent = self.agents[extension] = await make("POST", "/v1/tm/agents", json=body)
            for queue in queues:
                member = {"agentId": agent["id"], "penalty": penalty}
                await make("POST", f"/v1/tm/queues/{queue['id']}/members", json=member)
        for number, queue in zip((PLAIN, WRAP), queues, strict=True):
            await make("POST", "/v1/tm/dids", json={"number": f"+{number}", "queueId": queue["id"]})
        await eventually(self._in_effect, 20, what="the desk to be in effect in Asterisk")

    async def _in_effect(self) -> bool:
        numbers = [await self.stack.cli(f"dialplan show {number}@did-floor") for number in (PLAIN, WRAP)]
        shown = await self.stack.cli("queue show desk-wrap")
        # Whoever is not signed in is paused as soon as the queue has them.
        known = all("M3_FLOOR_QUEUE" in text for text in numbers)
        return known and shown.count("(paused:logged_out") == 3

    def path(self, extension: str) -> str:
        return f"/v1/tm/agents/{self.agents[extension]['id']}"

    async def be(self, extension: str, state: str, **more: str) -> Json:
        """A supervisor's word."""
        return await self.api.ask("POST", f"{self.path(extension)}/state", json={"state": state, **more})

    async def now(self, extension: str) -> Json:
        return await self.api.get(f"{self.path(extension)}/state")

    async def until(self, extension: str, state: str, within: float = 10.0) -> Json:
        async def is_so() -> Json | None:
            now = await self.now(extension)
            return now if now["agentState"] == state else None

        return await eventually(is_so, within, what=f"{extension} to be {state}")

    async def kinds(self, extension: str, last: str) -> list[str]:
        """What happened to an agent, in order, when ``last`` is the last of it in Postgres."""

        async def stored() -> list[str] | None:
            items = (await self.api.get(f"{self.path(extension)}/events", limit="200"))["items"]
            kinds = [item["kind"] for item in reversed(items)]
            assert [item["seq"] for item in reversed(items)] == list(range(1, len(items) + 1))
            return kinds if kinds and kinds[-1] == last else None

        return await eventually(stored, 10, what=f"{last} to be stored")

    async def member(self, extension: str, queue: str = "desk-plain") -> str:
        """The line of the agent in what Asterisk itself says of the queue."""
        lines = (await self.stack.cli(f"queue show {queue}")).splitlines()
        return next((line for line in lines if self.agents[extension]["sipUsername"] in line), "")


@pytest.fixture(scope="module")
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    async with api_of(stack) as api:
        made = Desk(stack, api)
        await made.open()
        yield made


@pytest.fixture
async def phone_of(desk: Desk, ticker: Ticker) -> AsyncIterator[OpenPhone]:
    """``await phone_of(ANN)``: the agent's registered phone. Afterwards everybody goes home."""
    async with AsyncExitStack() as exits:

        async def open_phone(extension: str) -> Softphone:
            phone = await registered_phone(exits, desk.stack, desk.agents[extension], ticker)
            phone.on_invite = Answer(after=0.1, tone=1700)
            return phone

        yield open_phone
    for extension in desk.agents:
        await desk.be(extension, "offline")
        await desk.until(extension, "logged_out")


@pytest.fixture
def call_to(trunk_caller: OpenPhone, number: str) -> OpenPhone:
    """``await call_to(PLAIN)``: a caller in that queue."""

    async def call(did: str, tone: int = 440) -> OutgoingCall:
        phone = await trunk_caller()
        made = await phone.dial(did, caller_id=number, tone=tone)
        await made.answered()
        return made

    return call  # type: ignore[return-value]  # a call, not a phone


@pytest.mark.usefixtures("stack_unchanged")
async def test_who_signs_in_by_the_api_gets_the_caller_who_waits_and_who_has_not_gets_none(
    desk: Desk, phone_of: OpenPhone, call_to: OpenPhone, api: Api, number: str
) -> None:
    ann, bob = await phone_of(ANN), await phone_of(BOB)
    call = await call_to(PLAIN)
    await api.in_state(number, "queued")
    assert (await desk.now(ANN))["state"] == "offline"
    assert (await desk.be(ANN, "available"))["agentState"] == "available"
    await call.hear_tone(1700, within=15)  # type: ignore[attr-defined]
    talking = await desk.until(ANN, "on_call")
    assert talking["callId"] == (await api.call_from(number))["id"]
    await call.hangup()  # type: ignore[attr-defined]
    await desk.until(ANN, "available")
    kinds = await desk.kinds(ANN, "talk_ended")
    assert [kind for kind in kinds if not kind.startswith("phone")][-4:] == [
        "signed_in", "offered", "connected", "talk_ended",
    ]  # fmt: skip
    assert (len(ann.received), len(bob.received)) == (1, 0)


@pytest.mark.usefixtures("stack_unchanged")
async def test_an_agent_s_phone_signs_them_in_pauses_and_signs_them_out(desk: Desk, phone_of: OpenPhone) -> None:
    ann = await phone_of(ANN)
    for code, state in (("*50", "available"), ("*52", "paused"), ("*53", "available"), ("*51", "logged_out")):
        call = await ann.dial(code)
        await call.answered()
        await call.hear_sound()
        assert (await call.ended(within=10)).by == "them"
        assert (await desk.now(ANN))["agentState"] == state, code
    refused = await ann.dial("*52")  # nobody pauses who is not signed in
    await refused.ended(within=10)
    assert (await desk.now(ANN))["agentState"] == "logged_out"
    await desk.kinds(ANN, "signed_out")
    events = (await api_events(desk, ANN))[-4:]
    assert {event["via"] for event in events} == {"phone_code"}
    assert [event["kind"] for event in events] == ["signed_in", "paused", "unpaused", "signed_out"]


async def api_events(desk: Desk, extension: str) -> list[Json]:
    items: list[Json] = (await desk.api.get(f"{desk.path(extension)}/events", limit="200"))["items"]
    return items[::-1]


@pytest.mark.usefixtures("stack_unchanged")
async def test_a_paused_agent_gets_no_call_and_a_pause_asked_for_in_a_call_takes_effect_after_it(
    desk: Desk, phone_of: OpenPhone, call_to: OpenPhone
) -> None:
    ann, bob = await phone_of(ANN), await phone_of(BOB)
    for extension in (ANN, BOB):
        await desk.be(extension, "available")
    paused = await desk.be(ANN, "away", reason="lunch")
    assert (paused["state"], paused["reason"], paused["overLimit"]) == ("away", "lunch", False)
    assert paused["limitAt"] is not None
    call = await call_to(PLAIN)  # Ann would be first
    await desk.until(BOB, "on_call")
    assert (len(ann.received), len(bob.received)) == (0, 1)
    pending = await desk.be(BOB, "away", reason="lunch")
    assert (pending["agentState"], pending["pending"]) == ("on_call", "paused")
    await call.hangup()  # type: ignore[attr-defined]
    after = await desk.until(BOB, "paused")
    assert (after["reason"], after["pending"]) == ("lunch", None)
    assert "(paused:lunch" in await desk.member(BOB)
    # Somebody else's hand in the queue is put right: the service owns this.
    await desk.stack.cli(f"queue unpause member PJSIP/{desk.agents[BOB]['sipUsername']} queue desk-plain")
    await eventually(lambda: is_paused(desk, BOB), 5, what="the queue to be put right")


async def is_paused(desk: Desk, extension: str) -> bool:
    return "(paused:lunch" in await desk.member(extension)


@pytest.mark.usefixtures("stack_unchanged")
async def test_who_misses_a_call_is_paused_and_the_caller_goes_to_the_next(
    desk: Desk, phone_of: OpenPhone, call_to: OpenPhone
) -> None:
    ann, bob = await phone_of(ANN), await phone_of(BOB)
    ann.on_invite = NeverAnswer()
    for extension in (ANN, BOB):
        await desk.be(extension, "available")
    call = await call_to(PLAIN)
    await call.hear_tone(1700, within=15)  # type: ignore[attr-defined]
    missed = await desk.until(ANN, "paused")
    assert missed["reason"] == "ring_no_answer"
    assert (await desk.now(BOB))["agentState"] == "on_call"
    await call.hangup()  # type: ignore[attr-defined]
    assert (await desk.be(ANN, "available"))["agentState"] == "available"
    assert (len(ann.received), len(bob.received)) == (1, 1)


@pytest.mark.usefixtures("stack_unchanged")
async def test_a_wrap_up_holds_the_next_call_off_until_it_is_ended_or_ends_by_itself(
    desk: Desk, phone_of: OpenPhone, call_to: OpenPhone, stack: Stack
) -> None:
    ann = await phone_of(ANN)
    await desk.be(ANN, "available")
    body = {"name": "Ann's", "agentId": desk.agents[ANN]["id"], "scopes": ["telemarketing.make_calls"]}
    key = (await desk.api.ask("POST", "/v1/tm/api-keys", json=body))["key"]
    first, second = await call_to(WRAP), await call_to(WRAP)
    await desk.until(ANN, "on_call")
    await ann.received[0].hangup()
    wrapping = await desk.until(ANN, "wrap_up")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        me = Api(stack, session)
        extended = await me.ask("POST", "/v1/tm/agents/me/wrap-up/extend", json={"extendSec": 600})
        assert extended["wrapUpEndsAt"] > wrapping["wrapUpEndsAt"]
        assert "(paused:wrap_up" in await desk.member(ANN, "desk-wrap")
        assert len(ann.received) == 1
        await me.ask("POST", "/v1/tm/agents/me/wrap-up/end")
    await ann.next_call(within=15, after=1)
    await desk.until(ANN, "on_call")
    await ann.received[1].hangup()
    await desk.until(ANN, "wrap_up")
    await desk.until(ANN, "available", within=WRAP_UP_S + 10)
    kinds = await desk.kinds(ANN, "wrap_up_ended")
    assert kinds[-9:] == [
        "offered", "connected", "wrap_up_began", "wrap_up_extended", "wrap_up_ended", "offered", "connected",
        "wrap_up_began", "wrap_up_ended",
    ]  # fmt: skip
    for call in (first, second):
        await call.hangup()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("stack_unchanged")
async def test_a_phone_that_vanishes_in_a_talk_is_seen_and_may_come_back(
    desk: Desk, phone_of: OpenPhone, call_to: OpenPhone
) -> None:
    ann = await phone_of(ANN)
    await desk.be(ANN, "available")
    call = await call_to(PLAIN)
    await desk.until(ANN, "on_call")
    ann.vanish()
    await desk.stack.cli(f"pjsip qualify {desk.agents[ANN]['sipUsername']}")
    await eventually(lambda: phone_is(desk, ANN, "unreachable"), 15, what="the phone to be seen lost")
    assert (await desk.now(ANN))["agentState"] == "on_call"
    ann.come_back()
    await desk.stack.cli(f"pjsip qualify {desk.agents[ANN]['sipUsername']}")
    await eventually(lambda: phone_is(desk, ANN, "reachable"), 15, what="the phone to be seen back")
    assert (await desk.now(ANN))["agentState"] == "on_call"
    await call.hangup()  # type: ignore[attr-defined]
    await desk.until(ANN, "available")


async def phone_is(desk: Desk, extension: str, what: str) -> bool:
    return bool((await desk.now(extension))["phone"] == what)


async def test_after_a_kill_of_the_service_every_agent_is_what_they_were_or_have_become(
    desk: Desk, phone_of: OpenPhone, call_to: OpenPhone, stack: Stack
) -> None:
    ann, bob = await phone_of(ANN), await phone_of(BOB)
    await desk.be(CLEO, "available")
    await desk.be(CLEO, "away", reason="lunch")
    await desk.be(BOB, "available")
    earlier = await call_to(WRAP)
    await desk.until(BOB, "on_call")
    await bob.received[0].hangup()
    await desk.until(BOB, "wrap_up")
    await desk.api.ask("POST", f"{desk.path(BOB)}/wrap-up/extend", json={"extendSec": 600})
    await desk.be(ANN, "available")
    call = await call_to(PLAIN)
    await desk.until(ANN, "on_call")
    before = {extension: await desk.now(extension) for extension in desk.agents}

    await kill(stack)
    after = {extension: await desk.now(extension) for extension in desk.agents}
    assert after == before
    await kill(stack, meanwhile=call)
    assert (await desk.until(ANN, "available"))["pending"] is None
    assert {extension: await desk.now(extension) for extension in (BOB, CLEO)} == {
        extension: before[extension] for extension in (BOB, CLEO)
    }
    assert "(paused:wrap_up" in await desk.member(BOB)
    assert "(paused:lunch" in await desk.member(CLEO)
    await earlier.hangup()  # type: ignore[attr-defined]
    assert len(ann.received) == 1


async def test_after_a_restart_of_asterisk_its_queues_are_held_to_the_agents_again(
    desk: Desk, phone_of: OpenPhone, call_to: OpenPhone, stack: Stack
) -> None:
    ann = await phone_of(ANN)
    await desk.be(ANN, "available")
    await desk.be(CLEO, "available")
    await desk.be(CLEO, "away", reason="lunch")
    asterisk = stack.processes["asterisk"]
    dead = asterisk.pid
    asterisk.send(signal.SIGKILL)
    await eventually(lambda: asterisk.pid not in (None, dead), 20, what="another life of Asterisk")
    await asterisk.wait_ready()
    await ann.register(expires=60)  # a registration of a moment ago may not have been on the disk
    wanted = {ANN: "", BOB: "(paused:logged_out", CLEO: "(paused:lunch"}

    async def held() -> bool:
        for extension, mark in wanted.items():
            line = await desk.member(extension)
            assert line, "the queue is not there yet"
            assert mark in line if mark else "paused" not in line
        return True

    await eventually(held, 30, what="the queue to be put right")
    await eventually(lambda: phone_is(desk, ANN, "reachable"), 30, what="Ann's phone to be found there")
    assert [(await desk.now(extension))["agentState"] for extension in wanted] == ["available", "logged_out", "paused"]
    await stack.processes["service"].wait_ready()
    call = await call_to(PLAIN)
    await call.hear_tone(1700, within=15)  # type: ignore[attr-defined]
    await call.hangup()  # type: ignore[attr-defined]
    await desk.until(ANN, "available")


async def kill(stack: Stack, meanwhile: object = None) -> None:
    """The service dies; ``meanwhile`` the caller hangs up; the next process is ready."""
    service = stack.processes["service"]
    dead = service.pid
    service.send(signal.SIGKILL)
    await eventually(lambda: service.pid != dead, 10, what="the end of the process")
    if meanwhile is not None:
        await meanwhile.hangup()  # type: ignore[attr-defined]
    await eventually(lambda: service.pid not in (None, dead), 30, what="the next process")
    await service.wait_ready()


@pytest.mark.usefixtures("stack_unchanged")
async def test_a_call_is_noted_while_it_goes_on_and_its_outcome_dialled_ends_the_wrap_up(
    desk: Desk, phone_of: OpenPhone, call_to: OpenPhone, api: Api, number: str
) -> None:
    ann = await phone_of(ANN)
    await desk.be(ANN, "available")
    await call_to(WRAP)
    call = (await desk.until(ANN, "on_call"))["callId"]
    path = f"/v1/tm/calls/{call}"
    note = await api.ask("POST", f"{path}/notes", json={"text": "asks for Ms. Doe"})
    await kinds_of(api, call, "call.noted")
    await ann.received[0].hangup()
    await desk.until(ANN, "wrap_up")
    refused = await ann.dial("*5505")  # a callback needs its time, which a phone cannot say
    assert (await refused.ended(within=10)).by == "them"
    assert (await desk.now(ANN))["agentState"] == "wrap_up"
    dialled = await ann.dial("*5512")
    await dialled.hear_sound()
    assert (await desk.now(ANN))["agentState"] == "available"
    assert (await dialled.ended(within=10)).by == "them"
    shown = await api.get(path)
    assert (shown["outcomeCode"], shown["outcomeMapsTo"], shown["callNotes"]) == ("SALE", "INTERESTED", [note])
    await api.ask("POST", f"{path}/disposition", json={"outcomeCode": "NOT_INTERESTED"})
    kinds = await kinds_of(api, call, "call.disposition_set", count=2)
    assert kinds.index("call.noted") < kinds.index("call.ended") < kinds.index("call.disposition_set")
    assert [one["via"] for one in (await api.get(path))["dispositions"]] == ["api", "phone"]


async def kinds_of(api: Api, call: str, last: str, count: int = 1) -> list[str]:
    """The kinds of a call's events, when ``last`` has come so often."""

    async def stored() -> list[str] | None:
        kinds = [event["kind"] for event in (await api.get(f"/v1/tm/calls/{call}/events", limit="200"))["items"]]
        return kinds if kinds.count(last) == count else None

    return await eventually(stored, 10, what=f"{last} of the call")
