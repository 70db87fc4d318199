"""A call centre's people, simulated: agents who answer and talk, callers who press keys, wait, lose patience.

``DemoPeople(run_json, Pace(...), on_event).run()`` keeps going until it is cancelled, then everybody hangs up and
unregisters within about two seconds. Randomness comes from one seed, so a run can be repeated."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

from m3voip.phones import voices
from m3voip.phones.behaviour import Answer
from m3voip.phones.call import Call
from m3voip.phones.errors import PhoneError, SipError
from m3voip.phones.incoming import IncomingCall
from m3voip.phones.media.sounds import Sound
from m3voip.phones.media.ticker import Ticker
from m3voip.phones.softphone import Softphone

Kind = Literal[
    "agent.ready", "agent.away", "agent.rings", "caller.dials", "caller.presses", "caller.ends", "caller.fails"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How busy it is. Seconds; ranges are (least, most)."""

    calls_per_second: float = 0.3
    at_once: int = 12
    """Callers who may be on the line together; further ones do not even dial."""
    answer_after: tuple[float, float] = (1.0, 4.0)
    talk: tuple[float, float] = (5.0, 20.0)
    patience: tuple[float, float] = (20.0, 60.0)
    """How long a caller stays in all after his last key."""
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEvent:
    """Something a simulated person did, for whoever shows it. ``who`` is an extension or a caller's number."""

    kind: Kind
    who: str
    text: str = ""
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Mind:
    """What a caller is going to do: keys, each after so many seconds of listening, then wait or give up."""

    keys: tuple[tuple[float, str], ...]
    stays: float


CHOICES: dict[str, int] = {"1": 40, "2": 15, "3": 15, "0": 6, "*1": 6, "91": 4, "": 6, "hang up": 8}
"""Keys pressed and how many callers in a hundred press them: ``*`` repeats, 9 is no choice, "" waits for the end."""


def make_up(mind: random.Random, pace: Pace) -> Mind:
    """Think of a caller. Pure but for the generator it is given."""
    choice = mind.choices(list(CHOICES), list(CHOICES.values()))[0]
    if choice == "hang up":
        return Mind((), mind.uniform(0.5, 6.0))
    return Mind(tuple((mind.uniform(1.5, 5.0), key) for key in choice), mind.uniform(*pace.patience))


class DemoPeople:
    """``run`` is what run.json holds (``sip``, ``agents``, ``dids``)."""

    def __init__(
        self, run: Mapping[str, Any], pace: Pace = Pace(), on_event: Callable[[DemoEvent], None] = lambda _: None
    ) -> None:
        self._sip: Mapping[str, Any] = run["sip"]
        self._agents: list[Mapping[str, str]] = list(run["agents"])
        self._dids: list[str] = list(run["dids"])
        self._pace = pace
        self._tell = on_event
        self._random = random.Random(pace.seed)
        self._ticker = Ticker()
        self.on_the_line = 0

    async def run(self) -> None:
        """Simulate until cancelled."""
        agent_voice, caller_voice = await asyncio.gather(
            voices.speech(voices.AGENT, "slt", 600), voices.speech(voices.CALLER, "rms", 440)
        )
        async with AsyncExitStack() as phones:
            agents = [await phones.enter_async_context(self._phone(agent)) for agent in self._agents]
            line = await phones.enter_async_context(self._phone({}))
            # Leaving order: the group ends every script first, then the phones say goodbye all at once.
            phones.push_async_callback(_close_all, [*agents, line])
            async with asyncio.TaskGroup() as people:
                for agent, phone in zip(self._agents, agents, strict=True):
                    phone.on_invite = self._manners(agent["extension"], phone, agent_voice)
                    people.create_task(self._stay_registered(agent["extension"], phone), name="demo.agent")
                people.create_task(self._callers(people, line, caller_voice), name="demo.callers")

    def _phone(self, agent: Mapping[str, str]) -> Softphone:
        return Softphone(
            self._sip["address"], self._sip["udp"], "udp", agent.get("username", ""), agent.get("password", ""),
            ticker=self._ticker, keep_audio=False, local_host=self._sip["address"],
        )  # fmt: skip

    # Agents

    async def _stay_registered(self, extension: str, phone: Softphone) -> None:
        """Register, and again after every refusal or silence: Asterisk may restart under a demo."""
        while True:
            try:
                await phone.register(expires=60)
                self._tell(DemoEvent(kind="agent.ready", who=extension))
                await phone.registration.until_lost()
            except SipError as error:
                self._tell(DemoEvent(kind="agent.away", who=extension, text=str(error.status)))
            await asyncio.sleep(2)

    def _manners(self, extension: str, phone: Softphone, voice: Sound) -> Callable[[IncomingCall], Answer]:
        def begin(_: IncomingCall) -> Answer:
            phone.received.clear()  # a demo may run for days
            self._tell(DemoEvent(kind="agent.rings", who=extension))
            return Answer(
                after=self._random.uniform(*self._pace.answer_after), sound=voice,
                hangup_after=self._random.uniform(*self._pace.talk),
            )  # fmt: skip

        return begin

    # Callers

    async def _callers(self, people: asyncio.TaskGroup, line: Softphone, voice: Sound) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(self._pace.calls_per_second))
            if self.on_the_line < self._pace.at_once:
                number = f"1{self._random.choice(('212', '312', '415', '617'))}55501{self._random.randrange(100):02}"
                mind = make_up(self._random, self._pace)
                people.create_task(self._one_call(line, number, mind, voice), name="demo.caller")

    async def _one_call(self, line: Softphone, number: str, mind: Mind, voice: Sound) -> None:
        self.on_the_line += 1
        call: Call | None = None
        try:
            self._tell(DemoEvent(kind="caller.dials", who=number))
            call = await line.dial(self._random.choice(self._dids), sound=voice, caller_id=number)
            await call.answered(within=15)
            for after, key in mind.keys:
                await asyncio.sleep(after)
                await call.send_digits(key)
                self._tell(DemoEvent(kind="caller.presses", who=number, text=key))
            await call.ended(within=mind.stays)
            self._tell(DemoEvent(kind="caller.ends", who=number, text="the other side hung up"))
        except SipError as error:
            self._tell(DemoEvent(kind="caller.fails", who=number, text=f"{error.status} {error.reason}"))
        except PhoneError:
            # Patience is over, or the call ended between two keys.
            self._tell(DemoEvent(kind="caller.ends", who=number, text="the caller hung up"))
        except OSError as error:
            self._tell(DemoEvent(kind="caller.fails", who=number, text=str(error)))
        finally:
            self.on_the_line -= 1
            if call is not None:
                call.give_up()


async def _close_all(phones: list[Softphone]) -> None:
    await asyncio.gather(*(phone.close() for phone in phones))
