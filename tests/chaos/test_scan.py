"""Bar S-03 at its length: everybody's scanner for ten minutes, while honest phones call."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles

import psutil
import pytest

from m3voip.phones import Softphone
from m3voip.stack.stack import Stack
from tests.chaos.report import Report, long_run
from tests.support import leaks
from tests.support.office import Api, api_of

pytestmark = pytest.mark.asterisk

SCAN_S = float(os.environ.get("M3VOIP_SCAN_S", "600"))
QUIET_S = SCAN_S / 10
CALLS_A_SECOND = 2.0
ADDRESSES = 10
FIRST = 3
"""Scanners come from 127.0.0.3 on."""
FROM = str(Path(__file__).with_name("sipvicious_from.py"))
RUN_S = 10.0
_FOUND = re.compile(r"^\| *(\S+) *\| *(\S.*?) *\|", re.MULTILINE)


async def set_ups(phone: Softphone, seconds: float) -> list[float]:
    """Milliseconds from INVITE to answer of calls to the echo, one after the other for so long."""
    times: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        began = time.perf_counter()
        call = await phone.dial("600")
        await call.answered()
        times.append(1000 * (time.perf_counter() - began))
        await call.hangup()
        await asyncio.sleep(1 / CALLS_A_SECOND)
    return times


class Scan:
    """Runs of sipvicious one after the other: names, then secrets of one name; every second run from a new address."""

    def __init__(self, site: Stack, folder: Path, known: list[str]) -> None:
        settings = site.settings
        self.target = f"udp://{settings.sip_address}:{settings.sip_udp_port}"
        self.known = known
        self.names = folder / "names"
        self.names.write_text(
            "\n".join([*(str(n) for n in range(100, 300)), *known, *(f"e{n:010x}" for n in range(300))])
        )
        self.folder = folder
        self.count: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.cracked: list[str] = []

    async def run(self) -> None:
        """Until cancelled."""
        number = 0
        while True:
            address = f"127.0.0.{FIRST + (number // 2) % ADDRESSES}"
            name = self.known[number % len(self.known)] if number % 4 == 1 else "100"
            if number % 2 == 0:
                told = await self._program(address, "svwar", "--force", "-m", "REGISTER", "-d", str(self.names))
                self.told.update(found for found, _ in _FOUND.findall(told) if found != "Extension")
            else:
                told = await self._program(address, "svcrack", "-u", name, "-r", "1000-4000")
                self.cracked += [f"{found}:{secret}" for found, secret in _FOUND.findall(told) if found != "Extension"]
            number += 1

    async def _program(self, address: str, name: str, *options: str) -> str:
        """What it prints. It stops by itself when it has an answer it can do nothing with, or goes on for ever."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, FROM, name, address, "-P", "5070", "-t", "0.005", *options, self.target,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.DEVNULL,
            cwd=self.folder, env={**os.environ, "HOME": str(self.folder)},
        )  # fmt: skip
        stop = asyncio.get_running_loop().call_later(RUN_S, process.send_signal, signal.SIGINT)
        try:
            told, _ = await process.communicate()
        finally:
            stop.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
        self.count[name] += 1
        return told.decode(errors="replace")


@asynccontextmanager
async def scanning(scan: Scan) -> AsyncIterator[Scan]:
    task = asyncio.create_task(scan.run())
    try:
        yield scan
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def shown(times: list[float]) -> str:
    return f"{median(times):.1f} / {quantiles(times, n=20)[-1]:.1f} ({len(times)} calls)"


async def bans_of(api: Api) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    cursor = ""
    while cursor is not None:
        page = await api.get(
            "/v1/tm/telephony/bans", inForce="false", limit="200", **({"cursor": cursor} if cursor else {})
        )
        found += page["items"]
        cursor = page["nextCursor"]
    return found


@long_run(hours=1)
async def test_ten_minutes_of_everybodys_scanner_find_nothing_and_harm_no_call(site: Stack, tmp_path: Path) -> None:
    report = Report("S-03", f"sipvicious for {SCAN_S:.0f} s")
    me, settings = site.secrets.agents[0], site.settings
    known = [agent.username for agent in site.secrets.agents]
    asterisk = psutil.Process(site.processes["asterisk"].pid)
    written = site.folders.asterisk_log / "messages.log"
    async with leaks.nothing_left(site.cli, {}), api_of(site) as api:
        phone = Softphone(
            settings.sip_address, settings.sip_udp_port, "udp", me.username, me.password, keep_audio=False
        )
        async with phone:
            await phone.register(expires=60)
            before = await set_ups(phone, QUIET_S)
            busy, log = sum(asterisk.cpu_times()[:2]), written.stat().st_size
            async with scanning(Scan(site, tmp_path, known)) as scan:
                during = await set_ups(phone, SCAN_S)
            busy, log = sum(asterisk.cpu_times()[:2]) - busy, written.stat().st_size - log
            after = await set_ups(phone, QUIET_S)
        contacts, bans = await site.cli("pjsip show contacts"), await bans_of(api)
    quiet = [*before, *after]
    banned = {str(ban["source"]) for ban in bans}
    ratio = quantiles(during, n=20)[-1] / quantiles(quiet, n=20)[-1]
    unknown_told = [name for name in scan.told if name not in known]
    report.tell(
        {
            "runs of svwar / svcrack": f"{scan.count['svwar']} / {scan.count['svcrack']}",
            "bans / sources banned": f"{len(bans)} / {len(banned)}",
            "latest ban": f"the {1 + max((int(str(ban['earlier'])) for ban in bans), default=-1)}. of its source",
            "names that svwar believes in: existing / not": f"{len(set(scan.told) - set(unknown_told))} / {len(unknown_told)}",
            "secrets found": len(scan.cracked),
            "set-up ms, median / p95, before": shown(before),
            "set-up ms, median / p95, during": shown(during),
            "set-up ms, median / p95, after": shown(after),
            "p95 during to quiet": f"{ratio:.2f}",
            "Asterisk's CPU during, % of a core": f"{100 * busy / SCAN_S:.1f}",
            "messages.log grew by, kB": log // 1024,
        }
    )
    report.write()
    assert not scan.cracked
    assert banned
    assert {str(ban["why"]) for ban in bans} <= {
        "unknown_names",
        "hammering",
    }  # svwar mostly gives up before its fifth try
    assert not re.findall(r"@127\.0\.0\.(?!1:)\d+", contacts)
    assert f"{settings.sip_address}/32" not in banned
