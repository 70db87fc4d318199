"""Supervisions: in any order of events there is one ear at most, in the mode and at the agent that is wanted, and nothing is left
when it is over. The pure machine against a node that carries out what it is told; then its owner."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from msgspec.structs import replace

from m3voip.config import DEFAULT_TENANT
from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import requests as rq
from m3voip.core import supervision as core
from m3voip.core.call import Call, State
from m3voip.core.modes import Mode
from m3voip.core.parties import Party, Role
from m3voip.core.supervision import Parting, Seen, Supervision
from m3voip.core.watched import Watched, talks, watch
from m3voip.engine.supervisions import Supervisions
from tests.engine.support import T0, World

pytestmark = pytest.mark.unit

ID = UUID(int=9)
AGENTS = tuple(Watched(call_id=UUID(int=1), agent=str(n), leg=f"agent-{n}") for n in (101, 102))


def supervision(**more: object) -> Supervision:
    values = {
        "id": ID, "tenant_id": DEFAULT_TENANT, "subject": UUID(int=2), "extension": "104", "watched": AGENTS[0],
        "mode": Mode.LISTEN, "started_at": T0,
    }  # fmt: skip
    return Supervision(**{**values, **more})  # type: ignore[arg-type]


class Node:
    """Carries out what a supervision orders, as Asterisk does; what it tells of that arrives when the test lets it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.alive = {watched.leg for watched in AGENTS}
        self.ears: dict[str, do.Overhear] = {}
        self.phone = ""  # "", "rings" or "up"
        self.bridged: set[str] = set()
        self.told: list[tuple[str, ev.Event]] = []
        self.rang = 0
        self.it = supervision()
        self.take(core.begin(self.it))

    def take(self, turn: core.Turn) -> None:
        self.it = turn.supervision
        for command in turn.commands:
            self._carry_out(command)

    def _carry_out(self, command: do.Command) -> None:
        gone = ev.CommandFailed(at=T0, command=type(command).__name__, why="gone", gone=True)
        match command:
            case do.Invite():
                self.phone, self.rang = "rings", self.rang + 1
            case do.Overhear():
                assert command.leg not in self.ears
                if command.of not in self.alive:
                    self.told.append((command.leg, gone))
                    return
                self.ears[command.leg] = command
                self.told.append((command.leg, ev.LegArrived(at=T0)))
            case do.Place():
                there = command.leg in self.ears or (command.leg == self.it.phone and self.phone == "up")
                if not there:
                    self.told.append((command.leg, gone))
                    return
                self.bridged.add(command.leg)
                speaking = [leg for leg in self.bridged if leg in self.ears]
                assert len(speaking) <= 1, "two ears in one bridge would speak to each other"
            case do.Hangup():
                self.leave(command.leg)
            case do.Dissolve():
                self.bridged.clear()

    def leave(self, leg: str) -> None:
        """A leg is gone, and with an agent's leg the ears at it."""
        self.alive.discard(leg)
        gone = [ear for ear, made in self.ears.items() if ear == leg or made.of == leg]
        if leg == self.it.phone and self.phone:
            self.phone = ""
            gone.append(leg)
        for one in gone:
            self.ears.pop(one, None)
            self.bridged.discard(one)
            self.told.append((one, ev.CallerHungUp(at=T0)))

    def hear(self, *, lost: bool = False) -> None:
        """The oldest thing that the node has to tell is told, or lost."""
        if self.told:
            leg, event = self.told.pop(0)
            if not lost:
                self.take(core.step(self.it, leg, event))

    def back(self, *, new_process: bool) -> None:
        """Events were missed: whoever is back looks."""
        self.told.clear()
        if new_process:
            self.it = replace(self.it, ear=None, ears=0, lost=0)
        seen = Seen(phone=bool(self.phone), answered=self.phone == "up", ears=frozenset(self.ears))
        self.take(core.resume(self.it, seen, T0))

    def move(self) -> None:
        """One thing happens."""
        match self.random.randrange(12):
            case 0 if self.phone == "rings":
                self.phone = "up"
                self.told.append((self.it.phone, ev.LegArrived(at=T0)))
            case 1 | 2 | 3:
                mode = self.random.choice(tuple(Mode))
                self.take(core.change(self.it, mode, self.random.choice((self.it.watched, *AGENTS))))
            case 4 if self.random.random() < 0.2:
                self.leave(self.random.choice((*self.alive, self.it.phone, "")))
            case 5 if self.ears and self.random.random() < 0.3:
                self.leave(self.random.choice(tuple(self.ears)))  # a fault of the node
            case 6 if self.random.random() < 0.1:
                self.take(core.end(self.it, Parting.ENDED))
            case 7 if self.random.random() < 0.2:
                self.back(new_process=self.random.random() < 0.5)
            case 8 if self.phone == "up" and self.random.random() < 0.1:
                self.take(core.step(self.it, self.it.phone, ev.PhoneTransfers(at=T0, to="1")))
            case _:
                self.hear()


def test_a_supervision_keeps_its_laws_in_5_000_random_orders_of_events() -> None:
    random, partings, modes = Random(16), set[Parting](), set[Mode]()
    for _ in range(5_000):
        node = Node(random)
        if random.random() < 0.8:
            node.phone = "up"
            node.told.append((node.it.phone, ev.LegArrived(at=T0)))
        for _ in range(random.randrange(40)):
            node.move()
        while node.told:
            node.hear()
        it = node.it
        assert node.rang == 1
        if it.parting is None:
            assert node.phone, "it goes on without its supervisor"
            assert bool(node.ears) is it.up, "an answered phone hears, and no other"
            for made in node.ears.values():
                assert (made.of, made.mode) == (it.watched.leg, it.mode)
                assert node.bridged == {it.phone, made.leg}
                modes.add(made.mode)
        else:
            assert (node.ears, node.phone, node.bridged) == ({}, "", set())
            partings.add(it.parting)
    assert modes == set(Mode)
    assert {Parting.ENDED, Parting.AGENT_LEFT, Parting.SUPERVISOR_LEFT, Parting.NOT_ANSWERED} <= partings


def test_an_ear_that_goes_again_and_again_ends_the_supervision() -> None:
    node = Node(Random(1))
    node.phone = "up"
    node.told.append((node.it.phone, ev.LegArrived(at=T0)))
    for _ in range(core.EARS_LOST + 1):
        while node.told:
            node.hear()
        assert node.it.parting is None
        node.leave(next(iter(node.ears)))
    while node.told:
        node.hear()
    assert node.it.parting is Parting.AGENT_LEFT


def test_who_is_heard_is_the_agent_or_whom_they_consult_and_nobody_on_the_floor() -> None:
    call = Call(id=UUID(int=1), tenant_id=DEFAULT_TENANT, state=State.TALKING, leg="c", agent="101", agent_leg="a")
    assert watch(call) == Watched(call_id=call.id, agent="101", leg="a")
    assert isinstance(watch(call, "102"), str)
    assert isinstance(watch(replace(call, talk_over=True)), str)
    assert "not known" in str(watch(replace(call, agent_leg="")))
    assert isinstance(watch(replace(call, state=State.QUEUED)), str)
    parties = {
        "c": Party(leg="c", role=Role.CALLER, here=True),
        "a": Party(leg="a", role=Role.AGENT, extension="101"),
        "g": Party(leg="g", role=Role.GUEST, extension="102", here=True),
        "r": Party(leg="r", role=Role.GUEST, extension="103"),
    }
    hand = replace(call, state=State.IN_HAND, parties=parties)
    legs = [found if isinstance(found, str) else found.leg for found in (watch(hand, n) for n in ("", "101", "102"))]
    assert legs == ["a", "a", "g"]
    assert isinstance(watch(hand, "103"), str)
    assert [talks(hand, extension) for extension in ("101", "103", "104")] == [True, True, False]


class Rows:
    """The port SupervisionStore: what was written down."""

    def __init__(self) -> None:
        self.ends: list[tuple[Parting, UUID | None]] = []

    async def open(self) -> list[Supervision]:
        return []

    async def answered(self, supervision_id: UUID, at: object) -> None:
        pass

    async def ended(self, supervision_id: UUID, at: object, why: Parting, by: UUID | None) -> None:
        self.ends.append((why, by))


class Office:
    """A talk of agent 101, and the owner of supervisions."""

    def __init__(self) -> None:
        self.world, self.rows = World(), Rows()
        self.owner = Supervisions(
            calls=self.world.calls, telephony=self.world, source=self.world, store=self.rows, clock=self.world
        )
        self.world.calls._on_facts = lambda call, _rows: self.owner.call_changed(call)
        self.world.arrive()
        self.say(ev.CallerPressed(at=T0, digit="1"))
        self.say(ev.AgentAnswered(at=T0, extension="101", agent_leg="agent"))
        (self.call,) = list(self.world.calls)

    def say(self, event: ev.Event) -> None:
        self.world.calls.deliver("a.1", event)

    def supervise(self) -> Supervision:
        found = self.owner.watch(DEFAULT_TENANT, agent="101")
        assert isinstance(found, Watched)
        one = supervision(watched=found)
        self.owner.begin(one)
        return one

    def ordered(self) -> list[str]:
        return [type(command).__name__ for command in self.world.commands]


async def test_a_supervision_ends_with_the_talk_that_it_hears() -> None:
    office = Office()
    one = office.supervise()
    office.owner.deliver(one.phone, ev.LegArrived(at=T0))
    assert office.ordered()[-1] == "Overhear"
    office.say(ev.AgentLeft(at=T0 + timedelta(seconds=3), extension="101", by_caller=False))
    assert office.ordered()[-3:] == ["Hangup", "Hangup", "Dissolve"]
    assert not office.owner.end(one.id, None)


async def test_nobody_supervises_their_own_call_or_another_tenants() -> None:
    office = Office()
    assert "their own call" in str(office.owner.watch(DEFAULT_TENANT, call_id=office.call.id, by="101"))
    assert isinstance(office.owner.watch(UUID(int=5), call_id=office.call.id), str)
    assert isinstance(office.owner.watch(DEFAULT_TENANT, agent="102"), str)


async def test_a_leg_that_no_row_knows_is_let_go_and_the_calls_recovery_leaves_it_alone() -> None:
    office = Office()
    stray = core.phone_of(UUID(int=77))
    office.world.hold("a.1", in_application=False)
    office.world.hold(stray, in_application=True)
    office.world.later(60)
    await office.world.recovery.reconcile()
    assert office.world.released == []
    await office.owner.reconcile()
    assert [command.leg for command in office.world.commands[-2:]] == [stray, stray]
    assert office.ordered()[-2:] == ["Hangup", "Dissolve"]


@pytest.mark.parametrize(
    ("phone", "answered", "why"),
    [(False, True, Parting.SUPERVISOR_LEFT), (False, False, Parting.LOST), (True, True, None)],
)
async def test_what_an_earlier_process_left_goes_on_or_ends_with_a_reason(
    phone: bool, answered: bool, why: Parting | None
) -> None:
    office = Office()
    found = office.owner.watch(DEFAULT_TENANT, agent="101")
    assert isinstance(found, Watched)
    one = supervision(watched=found, answered_at=T0 if answered else None, mode=Mode.WHISPER)
    office.owner.adopt([one])
    if phone:
        office.world.hold(one.phone, in_application=True)
        office.world.hold(f"{one.phone}-4", in_application=True)
    await office.owner.reconcile()
    if why is None:
        before, now = office.world.commands[-3:][0], office.world.commands[-1]
        assert (type(before), before.leg) == (do.Hangup, f"{one.phone}-4")
        assert isinstance(now, do.Overhear)
        assert (now.leg, now.mode) == (f"{one.phone}-5", Mode.WHISPER)
    else:
        assert (await office.owner._writes.get()).why is why


async def test_a_call_that_cannot_be_taken_over_goes_on_supervised() -> None:
    office = Office()
    one = office.supervise()
    assert "has not answered" in (office.owner.take_over(one.id, one.subject) or "")
    office.owner.deliver(one.phone, ev.LegArrived(at=T0))
    office.world.calls.ask(office.call.id, rq.ParkRequested(at=T0, slot=701))
    assert office.owner.take_over(one.id, one.subject) is None  # the agent parked the call and is gone
    assert office.owner.take_over(UUID(int=4), one.subject) is None


async def test_asterisk_that_will_not_take_the_caller_leaves_them_with_their_agent() -> None:
    office = Office()
    one = office.supervise()
    office.owner.deliver(one.phone, ev.LegArrived(at=T0))
    assert office.owner.take_over(one.id, one.subject) == ""
    assert not office.owner.owns(one.phone)
    office.say(ev.CommandFailed(at=T0, command="TakeInHand", why="no"))
    (call,) = list(office.world.calls)
    assert (call.state, call.agent, call.agent_leg) == (State.TALKING, "101", "agent")
    assert [command.leg for command in office.world.commands if isinstance(command, do.Hangup)][-1] == one.phone


async def test_a_phone_that_a_dead_process_gave_to_the_call_is_not_hung_up() -> None:
    office = Office()
    one = office.supervise()
    office.owner.deliver(one.phone, ev.LegArrived(at=T0))
    request = rq.TakeOverRequested(at=T0, leg=one.phone, extension="104")
    assert office.world.calls.ask(office.call.id, request) == ""  # and nobody told the owner
    assert (await office.owner._writes.get()).why is None
    assert (await office.owner._writes.get()).why is Parting.TAKEN_OVER
    assert one.phone not in [command.leg for command in office.world.commands if isinstance(command, do.Hangup)]
