"""Verbs that the mission's tree does not use, on real parts: dial, collect, http with a CRM that answers or does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from m3voip.phones import Answer, CallRefusedError, NeverAnswer, Softphone, Ticker
from m3voip.stack.stack import Stack, fresh_name
from tests.support.eventually import eventually
from tests.support.fixtures import in_own_task
from tests.support.office import Api, api_of

pytestmark = pytest.mark.asterisk

DID = "15550100800"
TREE = """\
version: 1
entry: who
nodes:
  who:
    collect:
      prompt: Please type your customer number, then pound.
      into: customer
      min_digits: 3
      max_digits: 6
      then: ask
      on_fail: sorry
  ask:
    http:
      path: /ivr/customer
      method: POST
      body: {number: "{customer}"}
      extract: {tickets: data.open}
      timeout_ms: 1000
      on_ok: tell
      on_error: sorry
  tell:
    say:
      text: "Your open tickets: {number:tickets}."
      then: desk
  desk:
    dial:
      extension: "101"
      timeout_s: 5
      overflow: sorry
      then: thanks
  sorry: {hangup: We are sorry. Goodbye.}
  thanks: {hangup: Thank you. Goodbye.}
"""


class Crm:
    """A CRM of one route; ``silent`` never answers."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.silent = False
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        if self.silent:
            await asyncio.sleep(30)
        return web.json_response({"data": {"open": 2}})


@pytest.fixture
async def crm() -> AsyncIterator[Crm]:
    crm = Crm()
    app = web.Application()
    app.router.add_post("/ivr/customer", crm.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    crm.port = runner.addresses[0][1]
    yield crm
    await runner.cleanup()


@pytest.fixture
async def office(crm: Crm) -> AsyncIterator[Stack]:
    """A stack whose CRM is the story's."""
    environ = {"M3VOIP_CRM_URL": f"http://127.0.0.1:{crm.port}"}
    stack = Stack(instance=fresh_name(), ephemeral=True, seeded=True, service_environ=lambda _: environ)
    async with in_own_task(stack) as running:
        yield running


async def test_a_caller_is_asked_for_looked_up_told_and_put_through(office: Stack, crm: Crm, ticker: Ticker) -> None:
    where = (office.settings.sip_address, office.settings.sip_udp_port)
    secret = next(a for a in office.secrets.agents if a.extension == "101")
    async with (
        api_of(office) as api,
        Softphone(*where, "udp", secret.username, secret.password, ticker=ticker) as agent,
        Softphone(*where, ticker=ticker) as caller,
    ):
        await agent.register(expires=60)
        tree = await api.ask("POST", "/v1/tm/ivr-trees", json={"name": "lookup", "source": TREE})
        await api.ask("POST", "/v1/tm/dids", json={"number": f"+{DID}", "treeId": tree["id"]})
        await eventually(lambda: _answers(caller, api), 20, what="the tree to be in effect")

        agent.on_invite = Answer(after=0.3, tone=1870)
        call = await caller.dial(DID, caller_id="15550205001")
        await call.answered()
        await call.hear_sound()
        await call.send_digits("4711#")
        await call.hear_tone(1870, within=20, seconds=1.0)
        assert crm.asked == [{"number": "4711"}]
        assert (await api.in_state("15550205001", "talking"))["agentExtension"] == "101"
        await agent.received[0].hangup()
        await call.ended(within=15)
        ended = await api.ended("15550205001")
        kinds = await api.kinds(ended["id"])
        story = ["ivr.crm_asked", "dial.started", "call.connected", "call.talk_ended", "dial.ended", "call.ended"]
        assert [kind for kind in kinds if kind in story] == story
        assert ended["endReason"] == "completed"

        crm.silent = True
        agent.on_invite = NeverAnswer()
        call = await caller.dial(DID, caller_id="15550205002")
        await call.answered()
        await call.hear_sound()
        await call.send_digits("12#")  # too short
        await call.send_digits("99999#")
        await call.ended(within=40)
        ended = await api.ended("15550205002")
        asked = [e for e in await api.events(ended["id"]) if e["kind"] == "ivr.crm_asked"]
        assert [e["payload"]["status"] for e in asked] == [0]
        assert (ended["node"], ended["agentExtension"]) == ("sorry", "")


async def _answers(caller: Softphone, api: Api) -> bool:
    number = "15550205000"
    call = await caller.dial(DID, caller_id=number)
    try:
        await call.answered()
    except CallRefusedError:  # nobody has this number yet
        return False
    record = await api.call_from(number)
    await call.hangup()
    return bool(record["tree"] == "lookup")
