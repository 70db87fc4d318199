"""A real Chromium without a screen: started, spoken to by its DevTools protocol over a WebSocket, and gone afterwards.

Its microphone is a sound file; nothing of it asks the user, and the only certificate it trusts beside the usual ones is the
one whose key it is told.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.eventually import eventually

SWITCHES = (
    "--headless=new", "--remote-debugging-port=0", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--mute-audio",
    "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    # A machine without a network has loopback only.
    "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns",
)  # fmt: skip


def key_of(certificate: Path) -> str:
    """The digest by which Chromium knows a certificate's key."""
    pem = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True, capture_output=True)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "der"], check=True, capture_output=True, input=pem.stdout
    )
    return base64.b64encode(hashlib.sha256(der.stdout).digest()).decode()


class Tab:
    """One page. Expressions are JavaScript; what they promise is waited for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.console: list[str] = []

    async def listen(self) -> None:
        """Until the browser goes."""
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._waiting.pop(told["id"]).set_result(told)
            elif told["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                self.console.append(json.dumps(told["params"])[:500])

    async def command(self, method: str, **params: object) -> dict[str, Any]:
        """One command of the protocol. Raises AssertionError where it is refused."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(20):
            answer = await self._waiting[number]
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    async def run(self, expression: str) -> Any:
        """What an expression is. Raises AssertionError with what it throws."""
        told = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        wrong = told.get("exceptionDetails")
        assert wrong is None, f"{expression[:80]}: {json.dumps(wrong)[:600]}; console: {self.console[-3:]}"
        return told["result"].get("value")


@asynccontextmanager
async def chromium(profile: Path, url: str, *, microphone: Path, trusted_key: str) -> AsyncIterator[Tab]:
    """A browser with one page open. ``microphone``: a WAV file that is played again and again."""
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # it refuses to sandbox itself as root
    with (profile.parent / "chromium.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "chromium", *SWITCHES, *root, f"--user-data-dir={profile}", f"--use-file-for-fake-audio-capture={microphone}",
            f"--ignore-certificate-errors-spki-list={trusted_key}", "about:blank", stdout=log, stderr=log,
        )  # fmt: skip
    try:
        port_file = profile / "DevToolsActivePort"
        await eventually(port_file.exists, 30, what="Chromium to start")
        port = port_file.read_text().splitlines()[0]
        async with aiohttp.ClientSession() as web:
            async with web.get(f"http://127.0.0.1:{port}/json/list") as reply:
                pages = [page for page in await reply.json() if page["type"] == "page"]
            async with web.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                listening = asyncio.create_task(tab.listen())
                await tab.command("Runtime.enable")
                await tab.command("Log.enable")
                await tab.command("Page.navigate", url=url)
                await eventually(lambda: tab.run("document.readyState === 'complete' && typeof start"), 10)
                yield tab
                listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
