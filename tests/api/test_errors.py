"""Errors have one form, whatever goes wrong, and every answer says which request it belongs to."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import psutil
import pytest
import structlog

from m3voip.api.edge import MOST_BYTES
from m3voip.config import DEFAULT_TENANT
from m3voip.storage.postgres.admin import calls
from m3voip.telemetry import logs
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import ended, new_id, started, story, to_agent
from tests.api.test_setup import agent, unique
from tests.support.eventually import eventually

pytestmark = pytest.mark.postgres


async def test_unknown_paths_and_methods_have_the_same_form(mine: Client) -> None:
    gone = await mine.get("/v1/tm/nothing")
    assert (gone.status, gone.code) == (404, "NOT_FOUND")
    wrong = await mine.ask("DELETE", "/v1/tm/calls")
    assert (wrong.status, wrong.code) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in wrong.headers["Allow"]
    assert (await mine.get("/v1/tm/calls/")).status == 404


async def test_problem_json_when_asked_for(mine: Client) -> None:
    asked = {"Accept": "application/problem+json, application/json;q=0.5", "X-Request-Id": "abc"}
    answer = await mine.ask("POST", "/v1/tm/agents", {"extension": "1", "displayName": "A"}, headers=asked)
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json
    assert (body["status"], body["code"], body["title"]) == (422, "VALIDATION_FAILED", "Validation failed")
    assert body["type"] == "urn:m3voip:error:validation-failed"
    assert body["instance"] == "urn:request:abc"
    assert body["details"][0]["path"] == "extension"
    for accept in ("application/problem+json;q=0", "*/*", "text/html"):
        answer = await mine.ask("GET", "/v1/tm/nothing", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{", "application/json"), (b"[]", "application/json"), (b"null", "application/json"), (b"", "application/json"),
     (b"\xff\xfe", "application/json"), (b"extension=101", "application/x-www-form-urlencoded"),
     (b'{"extension": "101", "displayName": "\\ud800"}', "application/json"),
     (b'{"extension": NaN}', "application/json"), (b"[" * 5000, "application/json")],
)  # fmt: skip
async def test_a_body_that_cannot_be_read_is_the_clients_fault(mine: Client, body: bytes, kind: str) -> None:
    answer = await mine.ask("POST", "/v1/tm/agents", data=body, headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (422, "VALIDATION_FAILED")
    assert answer.json["error"]["details"]


async def test_a_body_over_a_megabyte_is_refused_announced_or_not(world: World, mine: Client) -> None:
    big = b'{"displayName": "' + b"x" * MOST_BYTES + b'"}'
    answer = await mine.ask("POST", "/v1/tm/agents", data=big, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")

    async def pieces() -> object:
        for start in range(0, len(big), 65536):
            yield big[start : start + 65536]

    url = f"{world.base}/v1/tm/agents"
    headers = {**mine.headers, "Content-Type": "application/json"}
    async with mine.session.post(url, data=pieces(), headers=headers) as response:
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "PAYLOAD_TOO_LARGE"


async def test_the_request_id_is_echoed_when_it_is_one(mine: Client) -> None:
    assert (await mine.ask("GET", "/healthz", headers={"X-Request-Id": "a-1/2:3"})).headers["X-Request-Id"] == "a-1/2:3"
    first = (await mine.get("/v1/tm/nothing")).headers["X-Request-Id"]
    assert first != (await mine.get("/v1/tm/nothing")).headers["X-Request-Id"]
    for odd in ("x" * 129, "a b"):
        assert (await mine.ask("GET", "/healthz", headers={"X-Request-Id": odd})).headers["X-Request-Id"] != odd


async def test_a_fault_of_ours_says_so_and_nothing_else(
    world: World, mine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret +15557654321")

    monkeypatch.setattr(calls, "get", broken)
    answer = await mine.get(f"/v1/tm/calls/{uuid4()}")
    assert (answer.status, answer.code) == (500, "INTERNAL")
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body


@contextmanager
def frozen(world: World) -> Iterator[None]:
    """Postgres neither answers nor goes away: the worst it can do."""
    master = psutil.Process(world.stack.processes["postgres"].pid)
    all_of_it = [master, *master.children(recursive=True)]
    for process in all_of_it:
        process.suspend()
    try:
        yield
    finally:
        for process in all_of_it:
            process.resume()


async def away_within_two_seconds(client: Client, path: str) -> None:
    began = time.monotonic()
    answer = await client.get(path)
    took = time.monotonic() - began
    assert (answer.status, answer.code) == (503, "INTEGRATION_DOWN")
    assert took < 2.0, f"{path}: {took:.2f} s"


async def test_a_postgres_that_does_not_answer_is_known_within_two_seconds(world: World, mine: Client) -> None:
    assert (await mine.get("/v1/tm/calls")).status == 200
    with frozen(world):
        await away_within_two_seconds(mine, "/v1/tm/calls")
        await asyncio.gather(*(away_within_two_seconds(mine, "/v1/tm/queues") for _ in range(30)))
        assert (await mine.get("/healthz")).status == 200
    await eventually(lambda: answers(mine), within=10)


async def test_a_killed_postgres_is_known_at_once_and_its_return_too(world: World, mine: Client) -> None:
    world.stack.processes["postgres"].send(signal.SIGKILL)
    seen = set()
    until = time.monotonic() + 15
    while time.monotonic() < until:
        began = time.monotonic()
        answer = await mine.get("/v1/tm/agents")
        assert time.monotonic() - began < 2.0
        seen.add(answer.status)
        if seen == {503, 200} and answer.status == 200:
            break
        await asyncio.sleep(0.02)
    assert seen == {200, 503}
    await world.reconnect()


async def answers(client: Client) -> bool:
    return (await client.get("/v1/tm/calls")).status == 200


@contextmanager
def captured() -> Iterator[io.StringIO]:
    """Everything that is logged, at DEBUG, as it would be written in production."""
    out = io.StringIO()
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    logs.set_up(level="debug", as_json=True, stream=out)
    try:
        yield out
    finally:
        root.handlers[:], root.level = before[0], before[1]
        structlog.reset_defaults()


async def test_no_number_name_or_key_reaches_a_log_line_or_a_metric(
    world: World, mine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bar S-12: canaries through every kind of request, an error of ours and a dropped connection included."""
    number, name = "+15559182736", "Zebediah Canaryson"
    with captured() as out:
        call = new_id()
        await world.writer.write(
            *story(DEFAULT_TENANT, call, datetime.now(UTC), started(number, name=name), *to_agent(), *ended())
        )
        assert name in (await mine.get(f"/v1/tm/calls/{call}")).body.decode()
        await mine.get("/v1/tm/calls", caller=number, did=number)
        made = await agent(mine, displayName=name)
        await mine.ask("POST", "/v1/tm/agents", {"extension": made["extension"], "displayName": name})
        await mine.made("/v1/tm/blocked-callers", {"number": number, "reason": name})
        await mine.ask("POST", "/v1/tm/blocked-callers", {"number": number})
        await mine.ask("POST", "/v1/tm/agents", {"extension": number, "displayName": f"{name}\n"})
        await mine.get(f"/v1/tm/calls/{number}")
        await mine.get(f"/v1/tm/{name}/{number}")
        await mine.using("m3v_aaaaaaaaaaaa_canarySecretCanarySecretCanary").get("/v1/tm/calls")
        key = await mine.made("/v1/tm/api-keys", {"name": unique("name"), "scopes": ["telemarketing.supervise"]})

        async def broken(*_: object) -> None:
            raise RuntimeError(f"caller_name='{name}' {number} {key['key']}")

        with monkeypatch.context() as patch:
            patch.setattr(calls, "get", broken)
            assert (await mine.get(f"/v1/tm/calls/{call}")).status == 500
        host, port = world.base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as odd:
            odd.sendall(f"GET /{number} HTP/9\r\n{name}\r\n\r\n".encode())
            await asyncio.to_thread(odd.recv, 1000)
    text = out.getvalue()
    metrics = (await mine.get("/metrics")).body.decode()
    assert text.count('"event":"api.request"') >= 10
    assert "RuntimeError" in text
    for canary in (number[1:], "9182736", "Zebediah", "Canaryson", "canarySecret", key["key"], made["sipSecret"]):
        assert canary not in text
        assert canary not in metrics
    for line in text.splitlines():
        json.loads(line)


async def test_a_log_line_has_the_requests_id_and_the_routes_template(mine: Client) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with captured() as out:
        sent = {"X-Request-Id": "my-id", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        await mine.ask("GET", f"/v1/tm/calls/{uuid4()}", headers=sent)
    (line,) = [json.loads(line) for line in out.getvalue().splitlines() if '"api.request"' in line]
    assert (line["request_id"], line["trace_id"], line["route"]) == ("my-id", trace, "/v1/tm/calls/{callId}")
    assert (line["status"], line["method"]) == (404, "GET")


async def test_metrics_are_labelled_by_template_only(mine: Client) -> None:
    await mine.get(f"/v1/tm/calls/{uuid4()}")
    await mine.get("/v1/tm/whatever")
    text = (await mine.get("/metrics")).body.decode()
    assert re.search(
        r'm3voip_api_requests_total\{method="GET",route="/v1/tm/calls/\{callId\}",status="404"\} [1-9]', text
    )
    assert 'route="other"' in text
    assert "whatever" not in text
    assert "m3voip_api_event_streams" in text
    documented = set(mine.contract.document["paths"]) | {"other", "/openapi.json"}
    assert set(re.findall(r'route="([^"]*)"', text)) <= documented
