"""An agent whose phone is a page in Chromium: JsSIP over a secure WebSocket, DTLS-SRTP, a secret of minutes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which

import numpy as np
import pytest
import soundfile
from aiohttp import web

from m3voip.phones import Answer
from m3voip.stack.stack import Stack
from tests.browser.chromium import Tab, chromium, key_of
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api, Json, api_of
from tests.support.queues import opening_queues

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stack_unchanged")]

PAGE = Path(__file__).parent / "page"
BUILT = Path(__file__).parent / "built"
MICROPHONE, CALLER, COLLEAGUE = 1500, 440, 700
TOLERANCE_HZ = 15


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The page's address."""
    assert which("chromium"), "there is no Chromium here; run: make browser"
    assert (BUILT / "jssip.js").exists(), "JsSIP is not here; run: make browser"
    site = web.Application()
    site.add_routes([web.static("/built", BUILT), web.static("/", PAGE)])
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/index.html"
    finally:
        await runner.cleanup()


def sing(file: Path) -> Path:
    """What the microphone hears."""
    rate = 48000
    wave = 0.3 * np.sin(2 * np.pi * MICROPHONE * np.arange(rate * 10) / rate)
    soundfile.write(file, wave, rate, subtype="PCM_16")
    return file


@asynccontextmanager
async def browser_agent(stack: Stack, api: Api, folder: Path, extension: str) -> AsyncIterator[tuple[Json, Tab]]:
    """An agent and their registered page."""
    new = {"extension": extension, "displayName": "Bea Browser", "phoneKind": "browser"}
    agent = await api.ask("POST", "/v1/tm/agents", json=new)
    try:
        given = await api.ask("POST", f"/v1/tm/agents/{agent['id']}/browser-credentials", json={"ttlSec": 120})
        trusted = key_of(stack.folders.asterisk_keys / "asterisk.crt")
        async with (
            served() as url,
            chromium(folder / "profile", url, microphone=sing(folder / "voice.wav"), trusted_key=trusted) as tab,
        ):
            config = json.dumps(given["provisioning"]["jssip"])
            await eventually(lambda: knows(api, agent), 5, what="the secret to be in effect")
            assert await tab.run(f"start({config})") == "registered"
            yield agent, tab
            await tab.run("stop()")
    finally:
        await api.ask("DELETE", f"/v1/tm/agents/{agent['id']}")


async def knows(api: Api, agent: Json) -> bool:
    shown = await api.get(f"/v1/tm/agents/{agent['id']}")
    return shown["phone"] is not None


async def hears(tab: Tab, hz: float) -> bool:
    seen = await tab.run("heard()")
    assert abs(seen["hz"] - hz) < TOLERANCE_HZ, f"hears {seen}"
    assert seen["db"] > -60, f"hears {seen}"
    return True


async def test_a_browser_takes_a_call_of_a_queue_and_calls_a_colleague(
    stack: Stack, trunk_caller: OpenPhone, agent_phone: OpenPhone, tmp_path: Path
) -> None:
    async with (
        api_of(stack) as api,
        browser_agent(stack, api, tmp_path, "171") as (agent, tab),
        opening_queues(stack, api) as open_queue,
    ):
        shown = (await api.get(f"/v1/tm/agents/{agent['id']}"))["phone"]
        assert (shown["registered"], shown["transport"]) == (True, "ws")  # RFC 7118 knows no other name in a Contact

        queue = await open_queue({"171": {}})
        caller = await (await trunk_caller()).dial(queue["number"], caller_id="15550201971", tone=CALLER)
        await caller.answered()
        await caller.hear_tone(MICROPHONE, within=20)
        await eventually(lambda: hears(tab, CALLER), 10, what="the caller to be heard in the browser")
        inbound = await tab.run("report()")
        assert (inbound["dtls"], inbound["tls"]) in (("connected", "FEFD"), ("connected", "FEFC"))
        assert "AES" in inbound["srtp"]
        await caller.hangup()
        assert await eventually(lambda: tab.run("phone.ended.length"), 5) == 1

        colleague = await agent_phone("101")
        colleague.on_invite = Answer(after=0.1, tone=COLLEAGUE)
        assert await tab.run('call("101")') == "confirmed"
        await colleague.received[-1].hear_tone(MICROPHONE, within=10)
        await eventually(lambda: hears(tab, COLLEAGUE), 10, what="the colleague to be heard in the browser")
        await tab.run("hangUp()")
        assert (await colleague.received[-1].ended()).by == "them"

        assert (
            await tab.run('call("600")') == "confirmed"
        )  # its own voice comes back, so the codec is the browser's choice
        await eventually(lambda: hears(tab, MICROPHONE), 10, what="the browser to hear itself")
        echo = await tab.run("report()")
        assert (echo["codecIn"], echo["codecOut"]) == ("audio/opus", "audio/opus")
        assert echo["packetsIn"] > 0
        await tab.run("hangUp()")
