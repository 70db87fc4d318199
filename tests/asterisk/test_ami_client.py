"""The AMI client on a real Asterisk, over a whole path and over a broken one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Protocol

import pytest

from m3voip.providers.asterisk.ami import actions
from m3voip.providers.asterisk.ami import events as ev
from m3voip.providers.asterisk.ami.client import AmiAccess, AmiClient
from m3voip.providers.asterisk.ami.errors import AmiDisconnected, AmiError, AmiNotSent, AmiTimeout, UnsafeValue
from m3voip.providers.asterisk.ari import channels
from m3voip.providers.asterisk.timing import LinkTiming
from tests.asterisk.conftest import OpenAri
from tests.asterisk.lab import Lab
from tests.chaos.relay import Relay
from tests.support.eventually import eventually, never

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("quiet_lab")]

QUICK = LinkTiming(ping_every_s=0.3, dead_after_s=0.9, tick_s=0.05, connect_s=0.5)
MEMBER = "Local/quiet@lab/n"


class Observed:
    """An AMI client of a test and what it was told."""

    client: AmiClient

    def __init__(self) -> None:
        self.events: list[ev.AmiEvent] = []
        self.ups = 0
        self.downs: list[str] = []

    async def up(self) -> None:
        self.ups += 1

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


class OpenAmi(Protocol):
    def __call__(
        self,
        *,
        port: int = ...,
        secret: str = ...,
        timing: LinkTiming | None = ...,
        on_event: Callable[[ev.AmiEvent], None] | None = ...,
        wait: bool = ...,
    ) -> AbstractAsyncContextManager[Observed]: ...


@pytest.fixture
def open_ami(lab: Lab) -> OpenAmi:
    """Opens supervised AMI clients."""

    @asynccontextmanager
    async def opened(
        *,
        port: int = 0,
        secret: str = "",
        timing: LinkTiming | None = None,
        on_event: Callable[[ev.AmiEvent], None] | None = None,
        wait: bool = True,
    ) -> AsyncIterator[Observed]:
        seen = Observed()
        seen.client = AmiClient(
            AmiAccess(host="127.0.0.1", port=port or lab.ami_port, user=lab.user, secret=secret or lab.password),
            on_event=on_event or seen.events.append,
            on_connected=seen.up,
            on_disconnected=seen.downs.append,
            timing=timing,
            rng=Random(1),
        )
        run = asyncio.create_task(seen.client.run(), name="test ami client")
        try:
            if wait:
                async with asyncio.timeout(5):
                    await seen.client.wait_connected()
            yield seen
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)

    return opened


async def test_a_call_through_a_queue_is_told_with_the_callers_channel_id(open_ami: OpenAmi, open_ari: OpenAri) -> None:
    async with open_ami() as seen, open_ari() as ari:
        await ari.client.call(
            channels.originate(
                "Local/quiet@lab/n", app=ari.app, channel_id="caller-1", variables={"M3_CALL_ID": "call-1"}
            )
        )
        await eventually(lambda: any(type(event).__name__ == "StasisStart" for event in ari.events))
        await ari.client.call(channels.send_on("caller-1", context="lab", extension="queue"))
        await eventually(lambda: "AgentConnect" in seen.names())
        await ari.client.call(channels.hangup("caller-1"))
        await eventually(lambda: "AgentComplete" in seen.names())
        order = [name for name in seen.names() if name.startswith(("QueueCaller", "Agent"))]
        assert order == ["QueueCallerJoin", "AgentCalled", "QueueCallerLeave", "AgentConnect", "AgentComplete"]
        join = next(event for event in seen.events if isinstance(event, ev.QueueCallerJoin))
        assert (join.queue, join.uniqueid, join.position, join.caller_number) == ("sales", "caller-1", 1, "")
        assert abs(join.timestamp - time.time()) < 5
        complete = next(event for event in seen.events if isinstance(event, ev.AgentComplete))
        assert (complete.member_name, complete.reason) == ("101", "caller")


async def test_members_are_added_paused_weighted_and_removed(open_ami: OpenAmi) -> None:
    async with open_ami() as seen:
        call = seen.client.call
        await call(actions.queue_add("sales", MEMBER, member_name="102", penalty=2))
        with pytest.raises(AmiError, match="Already there"):
            await call(actions.queue_add("sales", MEMBER, member_name="102"))
        await call(actions.queue_pause(MEMBER, paused=True, queue="sales", reason="lunch; späte Pause"))
        await call(actions.queue_penalty(MEMBER, 5, queue="sales"))
        member = next(one for one in (await call(actions.queue_status("sales"))).members if one.member_name == "102")
        assert (member.interface, member.paused, member.paused_reason, member.penalty) == (
            MEMBER,
            True,
            "lunch; späte Pause",
            5,
        )
        await call(actions.queue_pause(MEMBER, paused=False))
        await call(actions.queue_remove("sales", MEMBER))
        with pytest.raises(AmiError):
            await call(actions.queue_remove("sales", MEMBER))
        await eventually(lambda: "QueueMemberRemoved" in seen.names())
        told = [(type(e).__name__, e.member_name) for e in seen.events if isinstance(e, ev._Member)]
        assert told == [
            ("QueueMemberAdded", "102"),
            ("QueueMemberPause", "102"),
            ("QueueMemberPenalty", "102"),
            ("QueueMemberPause", "102"),
            ("QueueMemberRemoved", "102"),
        ]


async def test_snapshots_of_queues_and_devices_are_complete(open_ami: OpenAmi) -> None:
    async with open_ami() as seen:
        status = await seen.client.call(actions.queue_status())
        assert [queue.queue for queue in status.queues] == ["sales"]
        assert [(member.queue, member.member_name) for member in status.members] == [("sales", "101")]
        assert status.waiting == ()
        devices = await seen.client.call(actions.device_states())
        assert isinstance(devices, tuple)
        await seen.client.call(actions.queue_reload("sales"))
        await seen.client.call(actions.reload_module("app_queue.so"))
        await eventually(lambda: "Reload" in seen.names())
        assert "QueueMember" not in seen.names()  # parts of answers are no events


async def test_an_action_that_wants_a_list_is_refused_at_once(open_ami: OpenAmi) -> None:
    async with open_ami() as seen:
        with pytest.raises(AmiError, match="Invalid/unknown command"):
            await seen.client.call(actions.AmiAction("NoSuchAction", items=True), timeout_s=2)


async def test_a_wrong_secret_is_reported_and_not_tried_more_often_than_once_a_second(open_ami: OpenAmi) -> None:
    async with open_ami(secret="wrong-secret-of-this-test", wait=False) as seen:
        await eventually(lambda: seen.client.metrics.failed_connects == 1)
        await never(lambda: seen.client.metrics.failed_connects > 1 or seen.client.connected, during=1.0)
        with pytest.raises(AmiNotSent):
            await seen.client.call(actions.ping())
        assert seen.ups == 0


async def test_an_action_without_an_answer_times_out(open_ami: OpenAmi, lab: Lab) -> None:
    async with open_ami(timing=LinkTiming(tick_s=0.05)) as seen:
        try:
            await lab.freeze()
            with pytest.raises(AmiTimeout):
                await seen.client.call(actions.ping(), timeout_s=0.3)
        finally:
            lab.thaw()
        await seen.client.call(actions.ping())
        assert seen.downs == []


async def test_pending_actions_fail_at_once_and_are_not_repeated_after_the_reconnect(
    open_ami: OpenAmi, lab: Lab
) -> None:
    async with Relay("127.0.0.1", lab.ami_port) as relay, open_ami(port=relay.port) as seen:
        relay.open_hole()
        add = asyncio.create_task(seen.client.call(actions.queue_add("sales", MEMBER, member_name="102")))
        errors: list[AmiError] = []
        seen.client.submit(actions.queue_pause(MEMBER, paused=True), errors.append)
        await asyncio.sleep(0)
        began = time.monotonic()
        relay.cut()
        with pytest.raises(AmiDisconnected):
            await add
        assert time.monotonic() - began < 0.2
        assert [type(error) for error in errors] == [AmiDisconnected]
        relay.close_hole()
        await eventually(lambda: seen.ups == 2, within=2)
        assert [member.member_name for member in (await seen.client.call(actions.queue_status())).members] == ["101"]


async def test_cuts_half_open_links_and_black_holes_are_survived(open_ami: OpenAmi, lab: Lab) -> None:
    async with Relay("127.0.0.1", lab.ami_port) as relay, open_ami(port=relay.port, timing=QUICK) as seen:
        relay.cut()
        await eventually(lambda: seen.ups == 2, within=2)
        relay.forget_far_side()
        await eventually(lambda: seen.ups == 3, within=QUICK.dead_after_s + QUICK.ping_every_s + 1.0)
        relay.open_hole()
        await eventually(lambda: not seen.client.connected, within=QUICK.dead_after_s + 0.5)
        await never(lambda: seen.client.connected, during=1.0)
        relay.close_hole()
        await eventually(lambda: seen.ups == 4, within=2)
        assert seen.downs[1:] == ["no sign of life"] * 2


async def test_an_exception_in_the_consumer_costs_only_its_event(open_ami: OpenAmi) -> None:
    handled: list[ev.AmiEvent] = []

    def consumer(event: ev.AmiEvent) -> None:
        if type(event) is ev.QueueMemberAdded:
            raise ValueError("a bug in the consumer")
        handled.append(event)

    async with open_ami(on_event=consumer) as seen:
        await seen.client.call(actions.queue_add("sales", MEMBER, member_name="102"))
        await seen.client.call(actions.queue_remove("sales", MEMBER))
        await eventually(lambda: any(isinstance(event, ev.QueueMemberRemoved) for event in handled))
        assert seen.client.metrics.callback_errors == 1
        assert seen.downs == []


async def test_a_restarted_asterisk_is_found_again(open_ami: OpenAmi, lab: Lab) -> None:
    async with open_ami() as seen:
        await lab.kill()
        await eventually(lambda: seen.downs)
        await lab.start()
        await eventually(lambda: seen.ups == 2, within=3)
        assert (await seen.client.call(actions.queue_status())).queues


INJECTIONS = (
    "x\r\n\r\nAction: Originate\r\nChannel: Local/quiet@lab",
    "x\nAction: Command",
    "x\rY: z",
    "x\x00",
    "x\u2028y",
    "PJSIP/1&PJSIP/2",
    "",
    " ",
)


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_value_can_hold_another_action(text: str) -> None:
    builders: list[Callable[[], object]] = [
        lambda: actions.queue_add(text, MEMBER, member_name="1"),
        lambda: actions.queue_add("sales", text, member_name="1"),
        lambda: actions.queue_add("sales", MEMBER, member_name=text),
        lambda: actions.queue_pause(text, paused=True),
        lambda: actions.queue_remove("sales", text),
        lambda: actions.mixmonitor_mute(text, mute=True),
        lambda: actions.reload_module(f"{text}.so"),
        lambda: actions.login(text, "secret"),
    ]
    if not text.isprintable():
        builders.append(lambda: actions.queue_pause(MEMBER, paused=True, reason=text))
        builders.append(lambda: actions.login("user", text))
    for build in builders:
        with pytest.raises(UnsafeValue):
            build()
