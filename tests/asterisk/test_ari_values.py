"""The pure parts of the ARI client: building requests, reading messages, timing, metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from m3voip.providers.asterisk.ari import bridges, channels, media, safe, system
from m3voip.providers.asterisk.ari import events as ev
from m3voip.providers.asterisk.ari.codec import (
    DECODERS,
    Answer,
    message_type,
    read_answer,
    refusal,
    write_request,
)
from m3voip.providers.asterisk.ari.errors import UnsafeValue
from m3voip.providers.asterisk.ari.metrics import AriMetrics
from m3voip.providers.asterisk.ari.request import Request
from m3voip.providers.asterisk.timing import LinkTiming
from tests.support.clearances import a_clearance

pytestmark = pytest.mark.unit


def sent(request: Request[None]) -> dict[str, str]:
    message: dict[str, str] = json.loads(write_request("7", request))
    return message


def test_a_request_on_the_socket_is_what_ari_documents() -> None:
    assert sent(channels.send_on("c-1", context="to-queue", extension="s")) == {
        "type": "RESTRequest",
        "request_id": "7",
        "method": "POST",
        "uri": "channels/c-1/continue?context=to-queue&extension=s&priority=1",
    }


def test_variables_travel_as_json_inside_json() -> None:
    message = sent(channels.set_variables("c-1", {"M3_QUEUE": 'a "b" \\ ü'}))
    assert message["content_type"] == "application/json"
    assert json.loads(message["message_body"]) == {"variables": {"M3_QUEUE": 'a "b" \\ ü'}}


def test_every_builder_makes_a_uri_that_needs_no_json_escape() -> None:
    requests: list[Request[Any]] = [
        channels.originate(
            "PJSIP/e0123456789",
            app="m3voip",
            channel_id="c",
            app_args=("outbound", "x y"),
            caller_name='Jürgen "x" <1>',
            caller_number="+1555",
            variables={"PJSIP_HEADER(add,X-M3)": "1"},
        ),
        channels.create("PJSIP/e0123456789", app="m3voip", channel_id="c", originator="d"),
        channels.play("c", ("sound:/prompts/abc", "number:7", "sound:silence/1"), playback_id="p", language="en"),
        channels.record("c", name="a.b-c", terminate_on="#"),
        channels.snoop("c", snoop_id="s", app="m3voip", spy="both"),
        channels.get_variable("c", "CALLERID(num)"),
        channels.hangup("1763891234.12;2", 17),
        bridges.create("b", kinds=("mixing", "dtmf_events"), name="n"),
        bridges.add_channels("b", ("c", "d"), role="participant", mute=True),
        media.control_playback("p", "pause"),
        system.subscribe("m3voip", "endpoint", "PJSIP/e0123456789"),
        system.drop_events("m3voip", ("ChannelVarset",)),
    ]
    for request in requests:
        assert request.uri.isascii()
        assert not set(request.uri) & set('"\\\r\n ')
        assert json.loads(write_request("1", request))["uri"] == request.uri


def test_a_trunk_is_reached_by_a_clearance_and_by_nothing_else() -> None:
    for endpoint in ("PJSIP/+15550100@trunk-1", "PJSIP/trunk-1", "PJSIP/e0123456789@trunk-1"):
        with pytest.raises(UnsafeValue):
            channels.originate(endpoint, app="m3voip", channel_id="c")
        with pytest.raises(UnsafeValue):
            channels.create(endpoint, app="m3voip", channel_id="c")
    clearance = a_clearance("+12025550143", "+12025550100")
    request = channels.dial_out(clearance, "trunk-carrier-1", app="m3voip", channel_id="c", app_args=("party",))
    assert request.uri.startswith("channels?endpoint=PJSIP/%2B12025550143@trunk-carrier-1&app=m3voip&channelId=c&")
    assert "callerId=%22%22%20%3C%2B12025550100%3E" in request.uri
    with pytest.raises(UnsafeValue):
        channels.dial_out(clearance, "e0123456789", app="m3voip", channel_id="c")


@given(value=st.text(max_size=40))
def test_no_text_gets_into_a_uri_as_more_than_one_word(value: str) -> None:
    builds: tuple[Callable[[], Request[Any]], ...] = (
        lambda: channels.hangup(value),
        lambda: channels.send_on("c", context=value, extension=value),
        lambda: channels.originate(value, app="m3voip", channel_id="c"),
        lambda: channels.originate("PJSIP/a", app="m3voip", channel_id="c", app_args=(value,)),
        lambda: channels.originate("PJSIP/a", app="m3voip", channel_id="c", caller_name=value),
        lambda: channels.play("c", (value,), playback_id="p"),
        lambda: channels.record("c", name=value),
        lambda: channels.send_dtmf("c", value),
        lambda: system.subscribe("m3voip", "endpoint", value),
    )
    for build in builds:
        try:
            uri = build().uri
        except UnsafeValue:
            continue
        assert uri.isascii()
        assert uri.count("?") <= 1
        assert not set(uri) & set('#"<>\\ \r\n\x00')
        assert ".." not in uri.split("?")[0].split("/")


@pytest.mark.parametrize(
    "media_uri",
    [
        "sound:../x",
        "sound:a/../b",
        "sound:a/.b",
        "sound:http://evil/x.wav",
        "sound:",
        "tone:",
        "recording:/..",
        "x",
        "",
    ],
)
def test_media_stays_inside_the_sound_folders(media_uri: str) -> None:
    with pytest.raises(UnsafeValue):
        safe.media((media_uri,))


@pytest.mark.parametrize(
    "name", ["SHELL(rm)", "DB(a/b)", "A(B)", "9A", "", "A B", "CALLERID(num)x", "PJSIP_HEADER(add,From)"]
)
def test_only_plain_variables_and_a_few_functions_may_be_written(name: str) -> None:
    with pytest.raises(UnsafeValue):
        safe.variables({name: "1"})


@pytest.mark.parametrize("value", ["a\r\nb", "a\x00", "x" * 5_000, "\ud800"])
def test_values_hold_no_control_characters_and_no_novels(value: str) -> None:
    with pytest.raises(UnsafeValue):
        safe.variables({"A": value})


def test_the_type_is_found_wherever_it_stands() -> None:
    assert message_type(b'{"type":"StasisEnd","timestamp":"x"}') == b"StasisEnd"
    assert message_type(b'{"cause":32,"soft":true,"type":"ChannelHangupRequest"}') == b"ChannelHangupRequest"
    with pytest.raises(msgspec.DecodeError):
        message_type(b"[]")


def test_an_event_is_read_with_only_the_fields_we_use() -> None:
    raw = (
        b'{"type":"ChannelDestroyed","timestamp":"2026-11-23T09:48:11.522+0000","cause":16,"cause_txt":"Normal Clearing",'
        b'"tech_cause":200,"channel":{"id":"c-1","name":"PJSIP/x","state":"Up","caller":{"name":"n","number":"1"},'
        b'"creationtime":"2026-11-23T09:48:07.655+0000","channelvars":{"M3_CALL_ID":"x"},"new_field":[1,{}]},"future":1}'
    )
    event = DECODERS[message_type(raw)](raw)
    assert isinstance(event, ev.ChannelDestroyed)
    assert event.timestamp == datetime(2026, 11, 23, 9, 48, 11, 522_000, tzinfo=UTC)
    assert (event.cause, event.tech_cause, event.channel.channelvars) == (16, 200, {"M3_CALL_ID": "x"})


@pytest.mark.parametrize(
    ("raw", "message", "retryable"),
    [
        (b'"status_code":404,"reason_phrase":"Nope","message_body":"{\\"message\\":\\"Gone\\"}"', "Gone", False),
        (b'"status_code":500,"reason_phrase":"Internal Server Error"', "Internal Server Error", True),
        (b'"status_code":400,"reason_phrase":"Bad","message_body":"{\\"error\\":\\"x\\"}"', "x", False),
        (b'"status_code":400,"reason_phrase":"Bad","message_body":"not json"', "Bad", False),
    ],
)  # fmt: skip
def test_a_refusal_keeps_asterisks_words(raw: bytes, message: str, retryable: bool) -> None:
    error = refusal(read_answer(b'{"type":"RESTResponse","request_id":"1",' + raw + b"}"))
    assert (error.message, error.retryable, error.outcome_unknown) == (message, retryable, False)


def test_an_answer_without_a_body_has_no_text() -> None:
    assert Answer("1", 204).text() == ""


def test_reconnects_are_jittered_within_their_bounds() -> None:
    timing, rng = LinkTiming(), Random(7)
    for attempt in (*range(8), 10_000):
        delays = [timing.reconnect_delay(attempt, rng) for _ in range(200)]
        assert min(delays) >= 0.1
        assert max(delays) <= min(0.8, 0.1 * 2 ** min(attempt + 1, 20))
        assert len(set(delays)) > 150
    assert all(1.0 <= timing.refused_delay(rng) <= 5.0 for _ in range(200))


def test_the_default_timing_keeps_the_bar_for_broken_paths() -> None:
    timing = LinkTiming()
    assert timing.dead_after_s + timing.tick_s + timing.stall_s <= 20
    assert timing.connect_s + timing.reconnect_max_s <= 2
    assert timing.ping_every_s + timing.request_s <= timing.dead_after_s


def test_metrics_count_by_route_and_never_by_id() -> None:
    metrics = AriMetrics()
    for request in (channels.hangup("secret-id-1"), channels.hangup("secret-id-2")):
        metrics.route(request.route).answered(204, 0.0004)
    metrics.route(channels.hangup("x").route).answered(404, 0.2)
    metrics.event("StasisStart").seen += 3
    registry = CollectorRegistry()
    registry.register(metrics)
    text = generate_latest(registry).decode()
    assert 'm3voip_ari_requests_total{method="DELETE",outcome="ok",route="channels/{id}"} 2.0' in text
    assert 'm3voip_ari_requests_total{method="DELETE",outcome="404",route="channels/{id}"} 1.0' in text
    assert 'm3voip_ari_request_seconds_count{method="DELETE",route="channels/{id}"} 3.0' in text
    assert 'm3voip_ari_events_total{type="StasisStart"} 3.0' in text
    assert "secret" not in text
