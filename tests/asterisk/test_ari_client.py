"""The ARI client on a real Asterisk, over a whole path and over a broken one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import uvloop

from m3voip.providers.asterisk.ari import bridges, channels, media, system
from m3voip.providers.asterisk.ari import events as ev
from m3voip.providers.asterisk.ari.client import AriAccess, AriClient
from m3voip.providers.asterisk.ari.errors import (
    AriDisconnected,
    AriError,
    AriNotSent,
    AriReplaced,
    AriTimeout,
    UnsafeValue,
)
from m3voip.providers.asterisk.ari.queue import EventQueue
from m3voip.providers.asterisk.ari.request import Request, Route
from m3voip.providers.asterisk.timing import LinkTiming
from tests.asterisk.conftest import OpenAri, Seen
from tests.asterisk.lab import Lab
from tests.chaos.relay import Relay
from tests.support.eventually import eventually, never

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("quiet_lab")]

QUICK = LinkTiming(request_s=2.0, ping_every_s=0.3, dead_after_s=0.9, tick_s=0.05, connect_s=0.5)
"""The heartbeat shortened so that a test need not wait 20 s; the proportions are the defaults'."""


async def ring_up(seen: Seen, channel_id: str, *args: str) -> None:
    """A channel of ours that waits quietly."""
    await seen.client.call(channels.originate("Local/quiet@lab/n", app=seen.app, channel_id=channel_id, app_args=args))
    await eventually(lambda: any(e.channel.id == channel_id for e in seen.events if isinstance(e, ev.StasisStart)))


async def test_an_id_given_by_the_caller_is_kept_and_refused_the_second_time(open_ari: OpenAri) -> None:
    async with open_ari() as seen:
        await ring_up(seen, "leg-1", "outbound", "x")
        started = seen.of(ev.StasisStart)[0]
        assert isinstance(started, ev.StasisStart)
        assert started.args == ("outbound", "x")
        with pytest.raises(AriError) as refused:
            await seen.client.call(channels.originate("Local/quiet@lab/n", app=seen.app, channel_id="leg-1"))
        assert (refused.value.status, refused.value.retryable, refused.value.outcome_unknown) == (409, False, False)
        await seen.client.call(channels.hangup("leg-1"))
        await eventually(
            lambda: any(e.channel.id == "leg-1" for e in seen.events if isinstance(e, ev.ChannelDestroyed))
        )


async def test_a_call_is_played_to_bridged_and_ended(open_ari: OpenAri) -> None:
    async with open_ari() as seen:
        call = seen.client.call
        await ring_up(seen, "leg-2")
        await call(channels.set_variables("leg-2", {"M3_CALL_ID": 'ünï "quoted" \\ ${EXTEN}'}))
        assert (await call(channels.get_variable("leg-2", "M3_CALL_ID"))).value == 'ünï "quoted" \\ ${EXTEN}'
        await call(channels.play("leg-2", ["sound:beep", "digits:42"], playback_id="play-1"))
        assert (await call(media.get_playback("play-1"))).target_uri == "channel:leg-2"
        await call(media.stop_playback("play-1"))
        await eventually(lambda: seen.of(ev.PlaybackFinished))
        await call(bridges.create("bridge-1"))
        await call(bridges.add_channels("bridge-1", ["leg-2"]))
        snapshot = await seen.client.snapshot()
        assert [bridge.channels for bridge in snapshot.bridges if bridge.id == "bridge-1"] == [("leg-2",)]
        assert {"leg-2", "leg-2;2"} <= {channel.id for channel in snapshot.channels}
        assert snapshot.info.system.version.startswith("22.")
        await call(bridges.destroy("bridge-1"))
        await call(channels.hangup("leg-2"))

        async def gone() -> bool:
            try:
                await call(channels.get("leg-2"))
            except AriError as error:
                return error.status == 404
            return False

        await eventually(gone)


async def test_submitted_requests_keep_their_order_and_report_only_failures(open_ari: OpenAri) -> None:
    async with open_ari() as seen:
        await ring_up(seen, "leg-3")
        errors: list[AriError] = []
        seen.client.submit(channels.set_variables("leg-3", {"M3_QUEUE": "sales"}), errors.append)
        seen.client.submit(channels.send_on("leg-3", context="lab", extension="quiet"), errors.append)
        await eventually(lambda: seen.of(ev.StasisEnd))
        assert (await seen.client.call(channels.get_variable("leg-3", "M3_QUEUE"))).value == "sales"
        assert errors == []
        seen.client.submit(channels.answer("nobody"), errors.append)
        await eventually(lambda: errors)
        assert errors[0].status == 404
        await seen.client.call(channels.hangup("leg-3"))


async def test_a_request_without_an_answer_times_out_and_the_late_answer_harms_nobody(
    open_ari: OpenAri, lab: Lab
) -> None:
    async with open_ari(timing=LinkTiming(tick_s=0.05)) as seen:
        try:
            await lab.freeze()
            began = time.monotonic()
            with pytest.raises(AriTimeout) as timeout:
                await seen.client.call(system.ping(), timeout_s=0.3)
            assert 0.3 <= time.monotonic() - began < 0.8
            assert timeout.value.outcome_unknown
        finally:
            lab.thaw()
        await eventually(lambda: seen.client.metrics.late_answers == 1)
        await seen.client.call(system.ping())
        assert seen.downs == []


async def test_pending_requests_fail_at_once_when_the_connection_drops(open_ari: OpenAri, lab: Lab) -> None:
    async with (
        Relay("127.0.0.1", lab.http_port) as relay,
        open_ari(base_url=f"http://127.0.0.1:{relay.port}/ari") as seen,
    ):
        relay.open_hole()
        calls = [asyncio.create_task(seen.client.call(system.ping())) for _ in range(50)]
        errors: list[AriError] = []
        seen.client.submit(system.ping(), errors.append)
        await asyncio.sleep(0)
        began = time.monotonic()
        relay.cut()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert time.monotonic() - began < 0.2
        assert {type(outcome) for outcome in outcomes} == {AriDisconnected}
        assert [type(error) for error in errors] == [AriDisconnected]
        with pytest.raises(AriNotSent):
            await seen.client.call(system.ping())
        relay.close_hole()


async def test_the_connection_comes_back_after_each_of_ten_cuts(open_ari: OpenAri, lab: Lab) -> None:
    async with (
        Relay("127.0.0.1", lab.http_port) as relay,
        open_ari(base_url=f"http://127.0.0.1:{relay.port}/ari") as seen,
    ):
        await ring_up(seen, "leg-4")
        for cut in range(1, 11):
            relay.cut()
            await eventually(partial(seen.has_come_up, cut + 1), within=2.0)
            snapshot = await seen.client.snapshot()
            assert "leg-4" in {channel.id for channel in snapshot.channels}
        assert len(seen.downs) == 10
        await seen.client.call(channels.hangup("leg-4"))
        await eventually(
            lambda: any(e.channel.id == "leg-4" for e in seen.events if isinstance(e, ev.ChannelDestroyed))
        )


async def test_a_half_open_connection_is_noticed_and_replaced_without_replacing_ourselves(
    open_ari: OpenAri, lab: Lab
) -> None:
    async with (
        Relay("127.0.0.1", lab.http_port) as relay,
        open_ari(base_url=f"http://127.0.0.1:{relay.port}/ari", timing=QUICK) as seen,
    ):
        relay.forget_far_side()
        await eventually(lambda: seen.ups == 2, within=QUICK.dead_after_s + QUICK.ping_every_s + 1.0)
        assert seen.downs == ["no sign of life"]
        await seen.client.call(system.ping())


async def test_a_black_hole_is_noticed_and_left_within_two_seconds_of_its_end(open_ari: OpenAri, lab: Lab) -> None:
    async with (
        Relay("127.0.0.1", lab.http_port) as relay,
        open_ari(base_url=f"http://127.0.0.1:{relay.port}/ari", timing=QUICK) as seen,
    ):
        relay.open_hole()
        await eventually(lambda: seen.downs == ["no sign of life"], within=QUICK.dead_after_s + 0.5)
        await never(lambda: seen.client.connected, during=1.5)
        relay.close_hole()
        await eventually(lambda: seen.ups == 2, within=2.0)
        await seen.client.call(system.ping())
        assert not seen.run or not seen.run.done()


async def test_a_restarted_asterisk_is_found_again_and_shows_a_new_start_up_time(open_ari: OpenAri, lab: Lab) -> None:
    async with open_ari() as seen:
        before = (await seen.client.snapshot()).info.status.startup_time
        await lab.kill()
        await eventually(lambda: not seen.client.connected)
        await lab.start()
        await eventually(lambda: seen.ups == 2, within=2.0)
        assert (await seen.client.snapshot()).info.status.startup_time > before


async def test_a_wrong_password_is_not_tried_more_often_than_once_a_second(open_ari: OpenAri) -> None:
    async with open_ari(password="not-the-password", wait=False) as seen:
        await eventually(lambda: seen.client.metrics.failed_connects == 1)
        await never(lambda: seen.client.metrics.failed_connects > 1, during=1.0)
        with pytest.raises(AriNotSent):
            await seen.client.call(system.ping())
        assert seen.ups == 0


async def test_whoever_is_replaced_commands_nothing_more(open_ari: OpenAri) -> None:
    async with open_ari() as first, open_ari(app=first.app) as second:
        assert first.run is not None
        with pytest.raises(AriReplaced):
            await asyncio.wait_for(first.run, 1.0)
        with pytest.raises(AriReplaced):
            await first.client.call(system.ping())
        await second.client.call(system.ping())
        assert first.downs == ["replaced"]


async def test_events_of_unknown_types_are_counted_and_disturb_nothing(
    open_ari: OpenAri, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_ari() as seen:
        await ring_up(seen, "leg-5")  # brings ChannelDialplan, which we do not read
        await eventually(lambda: seen.client.metrics.unknown_events > 0)
        await seen.client.call(channels.hangup("leg-5"))
        await eventually(lambda: seen.of(ev.StasisEnd))
        assert seen.downs == []


async def test_dropped_event_types_are_not_even_sent(open_ari: OpenAri) -> None:
    async with open_ari(drop=("ChannelDialplan", "ChannelVarset", "ChannelStateChange")) as seen:
        await ring_up(seen, "leg-6")
        await seen.client.call(channels.hangup("leg-6"))
        await eventually(lambda: seen.of(ev.StasisEnd))
        assert seen.client.metrics.unknown_events == 0
        assert seen.of(ev.ChannelStateChange) == []


async def test_a_filter_that_silences_answers_is_repaired(open_ari: OpenAri, lab: Lab) -> None:
    async with open_ari(app="muted") as seen:
        route = Route("PUT", "applications/{name}/eventFilter")
        body = json.dumps({"allowed": [{"type": "StasisStart"}]}).encode()
        with pytest.raises(AriTimeout):
            await seen.client.call(Request(route, "applications/muted/eventFilter", body), timeout_s=0.5)
        seen.client.restart("test")
        await eventually(lambda: seen.ups == 2, within=5)
        await seen.client.call(system.ping())


async def test_a_consumer_that_lags_is_cut_off_while_requests_are_answered(open_ari: OpenAri) -> None:
    queue: EventQueue | None = None

    def put(event: ev.Event) -> None:
        if queue is not None:
            queue.put(event)

    async def consume(queue: EventQueue, heard: asyncio.Future[None]) -> None:
        async for _ in queue:
            if not heard.done():
                heard.set_result(None)

    async with open_ari(on_event=put) as seen:
        queue = EventQueue(limit=20, on_overrun=lambda: seen.client.restart("overrun"), metrics=seen.client.metrics)
        for number in range(8):  # nobody consumes; each call is a dozen events
            with contextlib.suppress(AriDisconnected, AriNotSent):  # but never AriTimeout: the reader goes on
                await seen.client.call(
                    channels.originate("Local/quiet@lab/n", app=seen.app, channel_id=f"flood-{number}")
                )
                await seen.client.call(channels.hangup(f"flood-{number}"))
        await eventually(lambda: seen.client.metrics.overruns >= 1 and seen.ups >= 2)
        assert len(queue) <= 20
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        consumer = asyncio.create_task(consume(queue, heard), name="tests.consumer")  # it has caught up
        try:
            await hang_up_all(seen)
            await seen.client.call(channels.originate("Local/quiet@lab/n", app=seen.app, channel_id="after"))
            await asyncio.wait_for(heard, 3)  # and it goes on
            await hang_up_all(seen)
        finally:
            consumer.cancel()


async def hang_up_all(seen: Seen) -> None:
    await asyncio.wait_for(seen.client.wait_connected(), 3)
    for channel in (await seen.client.snapshot()).channels:
        seen.client.submit(channels.hangup(channel.id), lambda _error: None)
    await seen.client.call(system.ping())


async def test_an_exception_in_the_consumer_costs_only_its_event(open_ari: OpenAri) -> None:
    handled: list[ev.Event] = []

    def consumer(event: ev.Event) -> None:
        if type(event) is ev.StasisStart:
            raise ValueError("a bug in the consumer")
        handled.append(event)

    async with open_ari(on_event=consumer) as seen:
        await seen.client.call(channels.originate("Local/quiet@lab/n", app=seen.app, channel_id="leg-7"))
        await eventually(lambda: seen.client.metrics.callback_errors == 1)
        await seen.client.call(channels.hangup("leg-7"))
        await eventually(lambda: any(isinstance(event, ev.StasisEnd) for event in handled))
        assert seen.downs == []


HOSTILE = (
    "x&app=other", "a/../b", "x\r\nAction: Originate", "", "x" * 150, "é", "a b", "x%2Fy", "x?y", "x#y", "${EXTEN}", "x\x00",
    "../../etc/passwd", "PJSIP/1&PJSIP/2", "Local/s@lab&Local/quiet@lab", "x;rm -rf", '"', "x,y", "\\", "x\n",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_names_never_reach_asterisk(open_ari: OpenAri, text: str) -> None:
    async with open_ari() as seen:
        sent = len(seen.client.metrics._routes)
        builds: tuple[Callable[[], Request[Any]], ...] = (
            lambda: channels.originate(text, app=seen.app, channel_id="leg-8"),
            lambda: channels.originate("PJSIP/a", app=text, channel_id="leg-8"),
            lambda: channels.send_on("leg-8", context=text, extension="s"),
            lambda: channels.send_on("leg-8", context="lab", extension=text),
            lambda: channels.set_variables("leg-8", {text: "1"}),
            lambda: channels.play("leg-8", [f"sound:{text}"], playback_id="p"),
            lambda: channels.record("leg-8", name=text),
            lambda: channels.hangup(text) if text != "x;rm -rf" else channels.hangup("a/b"),
            lambda: system.reload_module(text),
        )
        for build in builds:
            with pytest.raises(UnsafeValue):
                await seen.client.call(build())
        assert len(seen.client.metrics._routes) == sent


def ari_get(lab: Lab, path: str) -> object:
    """Past the client, to see what it did."""
    request = urllib.request.Request(f"{lab.base_url}/{path}")
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{lab.user}:{lab.password}".encode()).decode())
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)


async def test_the_event_filter_is_in_force_when_the_owner_is_told(open_ari: OpenAri, lab: Lab) -> None:
    async with open_ari(app="filtered", drop=("ChannelVarset",)) as seen:
        await eventually(lambda: seen.ups == 1)
        application = ari_get(lab, "applications/filtered")
        assert isinstance(application, dict)
        assert application["events_disallowed"] == [{"type": "ChannelVarset"}]


def test_the_client_runs_on_uvloop_as_the_service_does(lab: Lab) -> None:
    async def story() -> list[str]:
        downs: list[str] = []
        async with Relay("127.0.0.1", lab.http_port) as relay:
            access = AriAccess(
                base_url=f"http://127.0.0.1:{relay.port}/ari", user=lab.user, password=lab.password, app="uv"
            )
            client = AriClient(access, on_event=print, on_disconnected=downs.append)
            async with asyncio.TaskGroup() as group, asyncio.timeout(10):
                group.create_task(client.run())
                await client.wait_connected()
                relay.cut()
                await eventually(lambda: downs)
                await client.wait_connected()
                assert len((await client.snapshot()).bridges) == 0
                client.stop()
        return downs

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        downs = runner.run(story())
    assert downs[1:] == ["stopped"]
