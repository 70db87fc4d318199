"""The owner of agents: durable before queues are told, put right after crashes, told by calls, phones and time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import agent as ag
from m3voip.core import agent_state as a
from m3voip.core import events as ev
from m3voip.core import requests as rq
from m3voip.core.office import Agent, Member, Office, Queue
from m3voip.engine.agents import REFUSED, Agents
from m3voip.engine.calls import Calls
from m3voip.engine.presence import Presence
from tests.engine.support import World, arrived

pytestmark = pytest.mark.unit

ANN, BOB = UUID(int=101), UUID(int=102)
NOBODY: dict[UUID, a.Agent] = {}


def person(agent_id: UUID, extension: str, signs_in: str = "explicitly") -> Agent:
    return Agent(
        id=agent_id, tenant_id=DEFAULT_TENANT, extension=extension, display_name="A", endpoint=f"e0000000{extension}",
        phone_kind="desk_tls", ha1="", box="", signs_in=signs_in,
    )  # fmt: skip


def office(*people: Agent, wrapup_s: int = 0, paused: tuple[str, ...] = ()) -> Office:
    members = tuple(
        Member(extension=p.extension, endpoint=p.endpoint, penalty=0, paused=p.extension in paused) for p in people
    )
    queue = Queue(
        tenant_id=DEFAULT_TENANT, name="sales", strategy="rrmemory", ring_timeout_s=15, retry_s=1, wrapup_s=wrapup_s,
        max_wait_s=300, maxlen=0, weight=0, announce_interval_s=0, announce_position=False, announce_holdtime="no",
        music="default", join_empty=(), leave_empty=(), overflow="", box="", record=False, members=members,
    )  # fmt: skip
    return Office(agents=people, queues=(queue,))


class Desk(World):
    """An engine with agents; ``order`` is what was written down and what the queues were told, as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        self.saved: dict[UUID, a.Agent] = {}
        self.failing = False
        self.agents = self.new_agents()
        self.calls = Calls(
            event_log=self, telephony=self, crm=self, agents=self, clock=self, router=self._route,
            on_facts=lambda call, rows: self.agents.heard(call, rows),  # noqa: PLW0108  # a new process has other agents
        )  # fmt: skip

    def new_agents(self) -> Agents:
        """A new process'."""
        log = Outside(self)
        return Agents(event_log=log, control=log, clock=self, calls=lambda: self.calls, default_tenant=DEFAULT_TENANT)

    async def begin(self, *people: Agent, **more: object) -> Desk:
        await self.agents.update(office(*people, **more))  # type: ignore[arg-type]
        await self.agents.adopt(dict(self.saved))
        return self

    def see(self, extension: str, *, paused: str = "", fresh: bool = False) -> None:
        """The queue shows a member, whose phone is there."""
        if fresh:
            self.agents.take(ag.BoardCleared())
        endpoint = f"e0000000{extension}"
        self.agents.take(ag.DeviceSeen(endpoint=endpoint, device=ag.Device.NOT_INUSE))
        self.agents.take(
            ag.MemberSeen(
                queue="sales",
                endpoint=endpoint,
                extension=extension,
                device=ag.Device.NOT_INUSE,
                paused=bool(paused),
                reason=paused,
            )
        )

    def state(self, extension: str = "101") -> str:
        now = self.agents.agent(DEFAULT_TENANT, extension)
        assert now is not None
        return now.state

    def want(self, kind: type[a.Asked], agent_id: UUID = ANN, **more: object) -> str | None:
        return self.agents.ask(agent_id, kind(at=self.time, **more))  # type: ignore[arg-type]

    def call(self, *events: ev.Event) -> None:
        for event in events:
            self.calls.deliver("a.1", event)

    def queue_up(self) -> None:
        self.call(arrived("a.1", self.time), ev.CallerPressed(at=self.later(1), digit="1"))


class Outside:
    """Where changes are written down, which survives a process, and the queues."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def append(self, rows: Sequence[a.AgentFact]) -> None:
        for row in rows:
            self._desk.order.append(row.kind.value)
            if row.saved is not None:
                self._desk.saved[row.agent_id] = row.saved

    def hold(self, queue: str, endpoint: str, reason: str, failed: Callable[[], None]) -> None:
        self._desk.order.append(f"{queue}/{endpoint[-3:]}:{reason or 'free'}")
        if self._desk.failing:
            failed()


async def test_what_a_person_asks_for_is_written_down_before_queues_are_told() -> None:
    desk = await Desk().begin(person(ANN, "101"))
    desk.see("101")
    desk.want(a.SignInAsked)
    desk.want(a.PauseAsked, reason="lunch")
    assert desk.order == [
        "phone_back", "sales/101:logged_out", "signed_in", "sales/101:free", "paused", "sales/101:lunch",
    ]  # fmt: skip


async def test_a_call_makes_an_agent_reserved_busy_and_wrapping_up() -> None:
    desk = await Desk().begin(person(ANN, "101"), wrapup_s=20)
    desk.see("101")
    desk.want(a.SignInAsked)
    desk.queue_up()
    desk.call(ev.AgentOffered(at=desk.later(1), extension="101"))
    assert desk.state() == "reserved"
    desk.call(ev.AgentAnswered(at=desk.later(2), extension="101"))
    assert desk.state() == "on_call"
    desk.call(ev.AgentLeft(at=desk.later(30), extension="101", by_caller=False))
    assert (desk.state(), desk.order[-1]) == ("wrap_up", "sales/101:wrap_up")
    now = desk.agents.agent(DEFAULT_TENANT, "101")
    assert now is not None
    assert now.until == desk.time + timedelta(seconds=20)


async def test_of_those_rung_together_the_others_are_free_again_when_one_answers() -> None:
    desk = await Desk().begin(person(ANN, "101"), person(BOB, "102"))
    for agent_id, extension in ((ANN, "101"), (BOB, "102")):
        desk.see(extension)
        desk.want(a.SignInAsked, agent_id)
    desk.queue_up()
    for extension in ("101", "102"):
        desk.call(ev.AgentOffered(at=desk.later(0), extension=extension))
    assert (desk.state("101"), desk.state("102")) == ("reserved", "reserved")
    desk.call(ev.AgentAnswered(at=desk.later(1), extension="102"))
    assert (desk.state("101"), desk.state("102")) == ("available", "on_call")


async def test_a_caller_who_gives_up_while_it_rings_pauses_nobody_and_a_missed_offer_does() -> None:
    desk = await Desk().begin(person(ANN, "101"))
    desk.see("101")
    desk.want(a.SignInAsked)
    desk.queue_up()
    desk.call(ev.AgentOffered(at=desk.later(1), extension="101"))
    desk.call(ev.AgentDidNotAnswer(at=desk.later(15), extension="101", rang_ms=15000))
    assert desk.state() == "paused"
    desk.want(a.UnpauseAsked)
    desk.call(ev.AgentOffered(at=desk.later(1), extension="101"))
    assert desk.state() == "reserved"
    desk.call(ev.CallerHungUp(at=desk.later(1), cause=16), ev.QueueAbandoned(at=desk.time, queue="sales", position=1))
    assert desk.state() == "available"


async def test_a_new_process_finds_every_agent_and_puts_right_what_calls_made_of_them_meanwhile() -> None:
    desk = await Desk().begin(person(ANN, "101"), person(BOB, "102"))
    for agent_id, extension in ((ANN, "101"), (BOB, "102")):
        desk.see(extension)
        desk.want(a.SignInAsked, agent_id)
    desk.queue_up()
    desk.call(ev.AgentOffered(at=desk.later(1), extension="101"), ev.AgentAnswered(at=desk.later(1), extension="101"))
    desk.want(a.PauseAsked, BOB, reason="lunch")
    # Killed before this was written down of the agent, though it was of the call.
    before = dict(desk.saved)
    desk.call(ev.AgentLeft(at=desk.later(9), extension="101", by_caller=True))
    desk.saved = before
    desk.agents = desk.new_agents()
    await desk.begin(person(ANN, "101"), person(BOB, "102"))
    assert (desk.state("101"), desk.state("102")) == ("on_call", "paused")
    desk.agents.compare()
    assert (desk.state("101"), desk.state("102")) == ("available", "paused")


async def test_a_talk_that_began_unheard_is_found_by_comparing_and_has_its_wrap_up() -> None:
    desk = await Desk().begin(person(ANN, "101"), wrapup_s=20)
    desk.see("101")
    desk.want(a.SignInAsked)
    heard, desk.agents.heard = desk.agents.heard, lambda call, rows: None  # type: ignore[method-assign]
    desk.queue_up()
    desk.call(ev.AgentOffered(at=desk.later(1), extension="101"), ev.AgentAnswered(at=desk.later(1), extension="101"))
    desk.agents.heard = heard  # type: ignore[method-assign]
    desk.agents.compare()
    assert desk.state() == "on_call"
    desk.call(ev.AgentLeft(at=desk.later(9), extension="101", by_caller=True))
    assert desk.state() == "wrap_up"


async def test_members_that_a_restarted_asterisk_shows_unpaused_are_paused_again() -> None:
    desk = await Desk().begin(person(ANN, "101"))
    desk.see("101")
    desk.order.clear()
    desk.see("101", fresh=True)
    assert desk.order == ["sales/101:logged_out"]
    desk.see("101", paused="logged_out")
    assert len(desk.order) == 1, "what is right is left alone"
    desk.see("101", paused="somebody")
    assert desk.order[1:] == ["sales/101:logged_out"]


async def test_what_asterisk_did_not_take_is_tried_again() -> None:
    desk = await Desk().begin(person(ANN, "101"))
    desk.failing = True
    desk.see("101")
    desk.failing = False
    desk.agents.compare()
    desk.agents.compare()
    assert desk.order.count("sales/101:logged_out") == 2


async def test_a_membership_that_is_paused_by_configuration_stays_so_whatever_the_agent_does() -> None:
    desk = await Desk().begin(person(ANN, "101"), paused=("101",))
    desk.see("101")
    desk.want(a.SignInAsked)
    assert desk.order[-1] == "sales/101:in_this_queue"
    await desk.agents.update(office(person(ANN, "101")))
    assert desk.order[-1] == "sales/101:free"


async def test_whose_phone_signs_them_in_is_not_held_while_it_is_away() -> None:
    desk = await Desk().begin(person(ANN, "101", "by_phone"))
    desk.see("101")
    assert (desk.state(), desk.order) == ("available", ["phone_back", "signed_in"])


async def test_an_agent_who_is_made_inactive_is_signed_out() -> None:
    desk = await Desk().begin(person(ANN, "101"))
    desk.see("101")
    desk.want(a.SignInAsked)
    await desk.agents.update(office())
    assert desk.want(a.SignInAsked) is None
    await desk.agents.update(office(person(ANN, "101")))
    assert desk.state() == "logged_out"


async def test_deadlines_come_true_and_survive_a_process() -> None:
    desk = await Desk().begin(person(ANN, "101"), wrapup_s=20)
    desk.see("101")
    desk.want(a.SignInAsked)
    desk.queue_up()
    desk.call(ev.AgentOffered(at=desk.later(1), extension="101"), ev.AgentAnswered(at=desk.later(1), extension="101"))
    desk.call(ev.AgentLeft(at=desk.later(9), extension="101", by_caller=True))
    assert desk.state() == "wrap_up"
    desk.agents.close()
    desk.later(25)
    desk.agents = desk.new_agents()
    await desk.begin(person(ANN, "101"), wrapup_s=20)
    while desk.state() == "wrap_up":
        await asyncio.sleep(0)
    assert desk.state() == "available"


async def test_a_code_from_a_phone_is_its_agent_s_word() -> None:
    desk = await Desk().begin(person(ANN, "101"))
    desk.see("101")
    mine = "e0000000101"
    assert desk.agents.ask_by_phone(mine, "pause") == REFUSED
    assert [desk.agents.ask_by_phone(mine, what) for what in ("sign_in", "pause", "unpause", "end_wrap_up", "sign_out")] == [
        "signed_in", "paused", "unpaused", "wrap_up_ended", "signed_out",
    ]  # fmt: skip
    assert desk.agents.ask_by_phone("e0000000999", "sign_in") == REFUSED
    assert desk.agents.ask_by_phone(mine, "dance") == REFUSED


def test_a_phone_in_use_is_lost_when_its_registration_says_so_and_there_again_when_that_does() -> None:
    heard: list[bool] = []
    presence = Presence(lambda _, reachable: heard.append(reachable))

    def device(state: ag.Device) -> None:
        presence.take(ag.DeviceSeen(endpoint="e1", device=state))

    def contact(reachable: bool, address: str = "sip:a") -> None:
        presence.take(ag.ContactSeen(endpoint="e1", contact=address, reachable=reachable))

    contact(reachable=True)
    device(ag.Device.INUSE)
    contact(reachable=False)
    device(ag.Device.ONHOLD)  # the line is in use, whoever holds it
    assert heard == [True, False]
    contact(reachable=True, address="sip:b")
    contact(reachable=False, address="sip:a")  # the old registration goes because a new one came
    assert heard == [True, False, True]
    device(ag.Device.UNAVAILABLE)
    device(ag.Device.NOT_INUSE)
    presence.take(ag.BoardCleared())
    presence.settle()  # a fresh reading that does not name it
    assert heard[3:] == [False, True, False]


async def test_who_is_consulted_and_handed_the_call_is_busy_with_it_and_has_the_work_after_it() -> None:
    desk = await Desk().begin(person(ANN, "101"), person(BOB, "102"), wrapup_s=20)
    for agent_id, extension in ((ANN, "101"), (BOB, "102")):
        desk.see(extension)
        desk.want(a.SignInAsked, agent_id)
    desk.queue_up()
    desk.call(ev.AgentOffered(at=desk.later(1), extension="101"))
    desk.call(ev.AgentAnswered(at=desk.later(1), extension="101", agent_leg="b.1"))
    call = next(iter(desk.calls))
    assert desk.calls.ask(call.id, rq.ConsultRequested(at=desk.later(5), extension="102")) == ""
    for leg in ("a.1", "b.1"):
        desk.calls.deliver(leg, ev.LegArrived(at=desk.later(0)))
    assert (desk.state("101"), desk.state("102")) == ("on_call", "reserved")
    guest = next(leg for leg in next(iter(desk.calls)).parties if leg not in ("a.1", "b.1"))
    desk.calls.deliver(guest, ev.LegArrived(at=desk.later(3)))
    assert (desk.state("101"), desk.state("102")) == ("on_call", "on_call")
    desk.calls.deliver("b.1", ev.CallerHungUp(at=desk.later(3)))
    assert (desk.state("101"), desk.state("102")) == ("wrap_up", "on_call")
    desk.agents.compare()
    assert (desk.state("101"), desk.state("102")) == ("wrap_up", "on_call")
    desk.calls.deliver("a.1", ev.CallerHungUp(at=desk.later(3)))
    assert (desk.state("101"), desk.state("102")) == ("wrap_up", "wrap_up")
