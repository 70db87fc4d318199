"""Numbers outside in calls: the next trunk when one fails, nobody dialled twice whatever dies, an end for every attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce
from uuid import UUID

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core import requests as rq
from m3voip.core import trunks as tr
from m3voip.core.call import Call, State, evolve
from m3voip.core.dial_result import DialResult
from m3voip.core.office import Office, Trunk
from m3voip.core.watched import watch
from m3voip.engine.calls import Calls
from m3voip.engine.outbound import Outbound
from m3voip.engine.recovery import Recovery
from m3voip.ports import AttemptEnd
from tests.engine.support import T0, World
from tests.support.clearances import a_clearance
from tests.support.eventually import eventually

pytestmark = pytest.mark.unit

NUMBER, ATTEMPT, CALLER, AGENT = "+12025550143", UUID(int=77), "a.1", "agent.1"


class Outside(World):
    """A world with trunks a and b, whose calls dial through ``outbound``."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[AttemptEnd] = []
        self.old: list[tuple[UUID, UUID]] = []
        self.begin()

    def begin(self) -> None:
        """A process of the service."""
        self.outbound = Outbound(
            telephony=self, source=self, store=self, clock=self, default_tenant=DEFAULT_TENANT,
            ask=lambda call_id, request: self.calls.ask(call_id, request),  # noqa: PLW0108  # made below
        )  # fmt: skip
        self.calls = Calls(
            event_log=self, telephony=self.outbound, crm=self, agents=self, clock=self, router=self._route,
            outside=self.outbound.hear,
        )  # fmt: skip
        self.recovery = Recovery(calls=self.calls, source=self, ledger=self, finder=self)

    async def ended(self, end: AttemptEnd) -> None:  # type: ignore[override]  # the store's, of attempts
        self.ends.append(end)

    async def forgotten(self, before: datetime) -> Sequence[tuple[UUID, UUID]]:
        return self.old

    async def settled(self) -> list[tuple[DialResult, str]]:
        """What is written down of attempts by now."""
        writing = asyncio.get_running_loop().create_task(self.outbound.run())
        while not self.outbound._ends.empty():
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        writing.cancel()
        return [(end.result, end.trunk) for end in self.ends]

    async def talk(self) -> Call:
        await self.outbound.update(Office(trunks=tuple(_trunk(name, n) for n, name in enumerate("ab"))))
        self.arrive(CALLER)
        self.calls.deliver(CALLER, ev.CallerPressed(at=self.time, digit="1"))
        self.calls.deliver(CALLER, ev.AgentAnswered(at=self.later(2), extension="101", agent_leg=AGENT))
        return self.call

    @property
    def call(self) -> Call:
        found = self.calls.get(CALLER)
        assert found is not None
        return found

    def place(self, how: rq.How = rq.How.ADD) -> str | None:
        answer = self.outbound.place(self.call.id, a_clearance(attempt=ATTEMPT), how, None)
        for leg in (CALLER, AGENT):
            self.calls.deliver(leg, ev.LegArrived(at=self.later(0.1)))
        return answer

    def dials(self) -> list[do.DialOut]:
        return [command for command in self.commands if isinstance(command, do.DialOut)]

    def tell(self, event: ev.Event, leg: str = "") -> None:
        self.calls.deliver(leg or self.dials()[-1].leg, event)

    def fail(self, cause: int, status: int | None = None) -> None:
        self.tell(ev.CallerHungUp(at=self.later(0.1), cause=cause, status=status))


def _trunk(name: str, priority: int) -> Trunk:
    return Trunk(
        tenant_id=DEFAULT_TENANT, name=name, kind="ip", host="192.0.2.1", port=5060, transport="udp", addresses=(),
        username="", secret="", contact_user="", priority=priority,
    )  # fmt: skip


async def test_a_trunk_that_fails_is_followed_by_the_next_which_gets_the_party() -> None:
    world = Outside()
    await world.talk()
    assert world.place() == ""
    world.fail(34, 503)
    assert [dial.trunk for dial in world.dials()] == ["a", "b"]
    assert len({dial.leg for dial in world.dials()}) == 2
    assert {dial.clearance.number for dial in world.dials()} == {NUMBER}
    world.tell(ev.DialRings(at=world.later(1)))
    world.tell(ev.LegArrived(at=world.later(2)))
    party = world.call.parties[world.dials()[-1].leg]
    assert (party.number, party.trunk, party.here, party.attempt) == (NUMBER, "b", True, ATTEMPT)
    world.fail(16)
    assert world.call.parties.keys() == {CALLER, AGENT}
    assert await world.settled() == [(DialResult.ANSWERED, "b")]
    assert reduce(evolve, world.rows, Call(id=world.call.id, tenant_id=DEFAULT_TENANT)).parties == world.call.parties


@pytest.mark.parametrize(
    ("cause", "status", "rings", "result"),
    [
        (17, 486, False, "busy"),
        (34, 503, True, "no_answer"),
        (1, 404, False, "unallocated"),
        (0, None, False, "unknown"),
    ],
)
async def test_what_the_callee_says_ends_the_attempt(cause: int, status: int | None, rings: bool, result: str) -> None:
    world = Outside()
    await world.talk()
    world.place()
    if rings:
        world.tell(ev.DialRings(at=world.later(1)))
    world.fail(cause, status)
    assert len(world.dials()) == 1
    assert [fact.result for row in world.rows if isinstance(fact := row.fact, f.PartyLeft)] == [result]
    assert await world.settled() == [(DialResult(result), "a")]


async def test_when_every_trunk_fails_the_attempt_says_so_and_the_talk_goes_on() -> None:
    world = Outside()
    await world.talk()
    world.place(rq.How.CONSULT)
    world.fail(34, 503)
    world.tell(ev.CommandFailed(at=world.later(0.1), command="DialOut", why="no such endpoint", gone=True))
    assert await world.settled() == [(DialResult.TRUNK_FAILED, "b")]
    assert world.call.parties.keys() == {CALLER, AGENT}
    assert all(party.place == "main" for party in world.call.parties.values())
    assert world.place() == ""  # the trunks failed once each: they are not sick yet
    world.fail(34, 503)
    world.fail(34, 503)
    asked = world.outbound.plan(DEFAULT_TENANT, NUMBER, emergency=False)
    assert (asked.order, len(asked.skipped)) == ((), 2)
    assert world.outbound.place(world.call.id, a_clearance(attempt=UUID(int=78)), rq.How.ADD, None)
    assert len(world.dials()) == 4


async def test_a_number_that_nobody_wants_any_more_is_not_dialled_through_the_next_trunk() -> None:
    for give_up in ("drop", "caller", "hang up"):
        world = Outside()
        await world.talk()
        world.place()
        if give_up == "drop":
            asked = rq.DropRequested(at=world.time, extension=NUMBER)
            assert world.calls.ask(world.call.id, asked) == ""
        elif give_up == "caller":
            world.tell(ev.CallerHungUp(at=world.time), CALLER)
        else:
            world.calls.hang_up(world.call.id, None)
        world.fail(34, 503)
        assert len(world.dials()) == 1
        ended = (
            DialResult.TRUNK_FAILED if give_up == "hang up" else DialResult.CANCELLED
        )  # that of the legs comes later
        assert [result for result, _ in await world.settled()] == [ended], give_up


async def test_a_clearance_dials_once() -> None:
    world = Outside()
    await world.talk()
    clearance = a_clearance(attempt=ATTEMPT)
    assert world.outbound.place(world.call.id, clearance, rq.How.ADD, None) == ""
    assert world.outbound.place(world.call.id, clearance, rq.How.ADD, None)
    world.outbound.perform(do.DialOut(leg="x", clearance=clearance, call_id=world.call.id, trunk="b", timeout_s=9))
    assert len(world.dials()) == 1


async def test_a_transfer_waits_for_the_number_and_gives_the_caller_back_if_it_does_not_answer() -> None:
    for answers in (True, False):
        world = Outside()
        await world.talk()
        assert world.place(rq.How.TRANSFER) == ""
        assert [fact.agent_leg for row in world.rows if isinstance(fact := row.fact, f.HandTaken)] == [""]
        if answers:
            world.tell(ev.LegArrived(at=world.later(3)))
            call = world.call
            assert (call.agent, call.agent_leg, call.state) == ("", world.dials()[0].leg, State.IN_HAND)
            refused = world.calls.ask(call.id, rq.ParkRequested(at=world.time, slot=701))
            assert refused == "the call has no agent to whom it could come back"
            assert isinstance(watch(call), str), "nobody listens to two who are not ours"
        else:
            world.fail(17, 486)
            sent = [command for command in world.commands if isinstance(command, do.SendToAgent)]
            assert [command.extension for command in sent] == ["101"]


async def test_a_transfer_while_in_hand_lets_the_agent_go_at_once() -> None:
    world = Outside()
    await world.talk()
    world.calls.ask(world.call.id, rq.HoldRequested(at=world.time))
    for leg in (CALLER, AGENT):
        world.calls.deliver(leg, ev.LegArrived(at=world.later(0.1)))
    world.place(rq.How.TRANSFER)
    assert do.Hangup(leg=AGENT) in world.commands
    world.tell(ev.LegArrived(at=world.later(3)))
    assert world.call.agent_leg == world.dials()[0].leg


@pytest.mark.parametrize("died", ["before the call heard", "before the request left", "while it rang", "in the talk"])
async def test_a_service_killed_anywhere_dials_nobody_twice(died: str) -> None:
    world = Outside()
    call = await world.talk()
    if died == "before the call heard":
        world.old = [(ATTEMPT, DEFAULT_TENANT)]
    else:
        world.place()
    leg = world.dials()[-1].leg if world.dials() else ""
    if died == "in the talk":
        world.tell(ev.LegArrived(at=world.later(1)))
    world.begin()  # all that was in memory is gone
    await world.outbound.update(Office(trunks=tuple(_trunk(name, n) for n, name in enumerate("ab"))))
    adopted = reduce(evolve, world.rows, Call(id=call.id, tenant_id=DEFAULT_TENANT))
    world.calls.adopt([(adopted, world.flow)])
    world.outbound.adopt(adopted, world.rows)
    world.hold(CALLER, in_application=died != "before the call heard")
    world.hold(AGENT, in_application=died != "before the call heard")
    if died in ("while it rang", "in the talk"):
        world.hold(leg, in_application=died == "in the talk")
    before = len(world.dials())
    await world.recovery.reconcile()
    await world.outbound.reconcile()
    if died == "while it rang":  # its trunk fails now: the clearance died with the process
        world.tell(ev.CallerHungUp(at=world.later(1), cause=34, status=503), leg)
    if died == "in the talk":
        assert world.call.parties[leg].number == NUMBER
        world.tell(ev.CallerHungUp(at=world.later(1), cause=16), leg)
    assert len(world.dials()) == before
    assert len(await world.settled()) == 1
    expected = {"before the call heard": DialResult.NOT_DIALLED, "before the request left": DialResult.UNKNOWN,
                "while it rang": DialResult.TRUNK_FAILED, "in the talk": DialResult.ANSWERED}  # fmt: skip
    assert world.ends[0].result is expected[died]
    joined = {row.fact.leg: row.at for row in world.rows if isinstance(row.fact, f.PartyJoined)}
    assert world.ends[0].answered_at == joined.get(leg)


async def test_what_the_node_tells_of_trunks_is_known_by_their_names_and_accounts() -> None:
    world = Outside()
    register = Trunk(
        tenant_id=DEFAULT_TENANT, name="c", kind="registration", host="sip.example.net", port=5060, transport="tls",
        addresses=(), username="u", secret="s", contact_user="",
    )  # fmt: skip
    await world.outbound.update(Office(trunks=(_trunk("a", 1), register)))
    world.outbound.seen(tr.TrunkReached(endpoint="trunk-a", reachable=False))
    world.outbound.seen(tr.TrunkRegistered(account="sip:u@sip.example.net:5060", registered=False))
    world.outbound.seen(tr.TrunkReached(endpoint="trunk-unknown", reachable=False))
    choice = world.outbound.plan(DEFAULT_TENANT, NUMBER, emergency=False)
    assert dict(choice.skipped) == {"a": "it does not answer", "c": "it does not know us (unregistered)"}
    await world.outbound.update(Office(trunks=(_trunk("a", 1),)))  # what is known stays known
    assert world.outbound.plan(DEFAULT_TENANT, NUMBER, emergency=False).order == ()
    world.outbound.seen(tr.TrunkReached(endpoint="trunk-a", reachable=True))
    assert world.outbound.plan(DEFAULT_TENANT, NUMBER, emergency=False).order == ("a",)


async def test_a_trunk_that_says_nothing_is_given_up_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3voip.engine.outbound.SILENT", timedelta(milliseconds=10))
    world = Outside()
    await world.talk()
    world.place()
    await eventually(lambda: do.Hangup(leg=world.dials()[0].leg) in world.commands)
    world.fail(16)
    assert [dial.trunk for dial in world.dials()] == ["a", "b"]
    assert "rests" in world.outbound.plan(DEFAULT_TENANT, NUMBER, emergency=False).reasons[0]
    assert world.time > T0
