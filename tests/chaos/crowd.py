"""A crowd around one stack: some fifty callers at any time, whatever happens to the stack, and five agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from random import Random

from m3voip.phones import CallRefusedError, PhoneTimeoutError, Softphone, Ticker
from m3voip.phones.errors import SipError
from m3voip.stack.stack import Stack
from tests.chaos.people import PLANS, Agents, Caller, Plan, Visit
from tests.support.eventually import eventually
from tests.support.office import api_of

DID = "15550100666"
TREE = """\
version: 1
entry: menu
nodes:
  menu:
    menu:
      prompt: One for sales, two for support, three for nobody, four for a message, five for one of us.
      keys: {1: sales, 2: support, 3: nobody, 4: message, 5: somebody}
      operator: support
      timeout_s: 10
      retries: 9
  sales: {queue: {name: sales, timeout_s: 60, box: "801", overflow: message}}
  support: {queue: {name: support, timeout_s: 60, box: "802", overflow: message}}
  nobody: {queue: {name: billing, timeout_s: 6, box: "803", overflow: message}}
  somebody: {dial: {extension: "104", timeout_s: 10, box: "802", overflow: sales}}
  message: {voicemail: {box: "801", then: bye}}
  bye: {hangup: Goodbye.}
"""
RINGS_FIRST = "17770000000"
"""The caller who tries whether the number works, before the crowd comes."""
everybody = {RINGS_FIRST}
"""Every number that has called so far, from any crowd."""
_numbers = count(1)


class Crowd:
    """``size`` callers are kept on the line from ``gather`` on; who hangs up is followed by somebody else."""

    def __init__(self, stack: Stack, *, size: int, seed: int) -> None:
        self.stack = stack
        self.size = size
        self.random = Random(seed)
        self.visits: list[Visit] = []
        self.agents = Agents(self.random)
        self.phones: dict[str, Softphone] = {}
        """Agents' phones by extension."""
        self._line: Softphone
        self._callers: dict[asyncio.Task[None], Caller] = {}
        self._coming = True

    @property
    def on_the_line(self) -> int:
        """Callers whose call is up."""
        return sum(visit.answered_at is not None and not visit.over for visit in self.visits)

    async def gather(self) -> None:
        """Wait until the line is full."""
        await eventually(lambda: self.on_the_line >= 0.9 * self.size, 60, what=f"{self.size} callers on the line")

    def cut_off(self) -> tuple[frozenset[str], frozenset[str]]:
        """The telephone system has died: every call is dead, nobody is told. Returns the numbers of those who were in a
        call, and of those who had dialled and had no answer yet (they may still get through to its next life)."""
        dialling = frozenset(
            v.number for v in self.visits if v.call is not None and v.answered_at is None and not v.over
        )
        talking = [v for v in self.visits if v.answered_at is not None and not v.over]
        for visit in talking:
            assert visit.call is not None
            visit.call.abandon()
        for phone in self.phones.values():
            for call in list(phone.calls):
                call.abandon()
        return frozenset(visit.number for visit in talking), dialling

    async def turn_over(self, within: float) -> None:
        """Let life go on until most of those who are on the line now have left, or so many seconds."""
        here = [visit for visit in self.visits if not visit.over]
        with suppress(AssertionError):  # patient people
            await eventually(lambda: sum(visit.over for visit in here) > 0.7 * len(here), within)

    async def go_home(self, within: float = 20.0) -> None:
        """Nobody comes any more; whoever is there hangs up in the next seconds."""
        self._coming = False
        for caller in self._callers.values():
            caller.go_home.set()
        await eventually(lambda: not self._callers, within, what="all callers to have hung up")

    async def run(self, phones: AsyncExitStack) -> None:
        """Open the phones, then keep callers coming until cancelled."""
        settings, ticker = self.stack.settings, Ticker()
        address, port = settings.sip_address, settings.sip_udp_port
        self._line = await phones.enter_async_context(Softphone(address, port, ticker=ticker, keep_audio=False))
        for agent in self.stack.secrets.agents:
            phone = Softphone(address, port, "udp", agent.username, agent.password, ticker=ticker, keep_audio=False)
            phone.on_invite = self.agents.manners(agent.extension)
            self.phones[agent.extension] = await phones.enter_async_context(phone)

    async def stay_registered(self, phone: Softphone) -> None:
        """As real phones do: register, and again after every refusal or silence."""
        while True:
            try:
                await phone.register(expires=60)
                await phone.registration.until_lost()
            except SipError:
                await asyncio.sleep(0.5)

    async def come(self, group: asyncio.TaskGroup) -> None:
        """Callers come as others leave, spread a little."""
        plans: list[Plan] = list(PLANS)
        weights = list(PLANS.values())
        while True:
            if self._coming and len(self._callers) < self.size:
                visit = Visit(number=f"1666{next(_numbers):07}", plan=self.random.choices(plans, weights)[0])
                caller = Caller(visit, agents=self.agents, random=self.random)
                self.visits.append(visit)
                everybody.add(visit.number)
                task = group.create_task(caller.live(self._line, DID), name=f"caller {visit.number}")
                self._callers[task] = caller
                task.add_done_callback(lambda done: self._callers.pop(done, None))
            await asyncio.sleep(self.random.uniform(0.02, 0.12))


@asynccontextmanager
async def crowd_at(stack: Stack, *, size: int = 50, seed: int = 0) -> AsyncIterator[Crowd]:
    """A crowd on the line of a stack that ``prepare`` has been called for."""
    crowd = Crowd(stack, size=size, seed=seed)
    async with AsyncExitStack() as phones:
        await crowd.run(phones)
        async with asyncio.TaskGroup() as group:
            lasting = [
                group.create_task(crowd.stay_registered(phone), name=f"agent {extension}")
                for extension, phone in crowd.phones.items()
            ]
            lasting.append(group.create_task(crowd.come(group), name="callers come"))
            try:
                await crowd.gather()
                yield crowd
            finally:
                await crowd.go_home()
                for task in lasting:
                    task.cancel()


async def prepare(stack: Stack) -> None:
    """The number and the tree that the crowd calls."""
    async with api_of(stack) as api:
        tree = await api.ask("POST", "/v1/tm/ivr-trees", json={"name": "crowd", "source": TREE})
        queues = (await api.get("/v1/tm/queues"))["items"]
        sales = next(queue["id"] for queue in queues if queue["name"] == "sales")
        number = {"number": f"+{DID}", "treeId": tree["id"], "floorQueueId": sales}
        await api.ask("POST", "/v1/tm/dids", json=number)
    async with Softphone(stack.settings.sip_address, stack.settings.sip_udp_port, keep_audio=False) as phone:

        async def in_effect() -> bool:
            call = await phone.dial(DID, caller_id=RINGS_FIRST)
            try:
                await call.answered()
                await call.ended(within=1)  # turned away: the number is not known yet
            except CallRefusedError:
                return False
            except PhoneTimeoutError:
                return DID in await stack.cli(f"dialplan show {DID}@did-floor")
            finally:
                await call.hangup()
            return False

        await eventually(in_effect, 20, what="the number to be in effect")
