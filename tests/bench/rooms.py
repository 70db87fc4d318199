"""What a party of a conference costs, and how soon it hears the others: ConfBridge() as shipped, a mixing bridge of ARI, and
what recording, talk detection and opus add. ``scripts/bench --rooms`` writes its table into docs/benchmarks.md.

Parties are softphones of this process (ulaw, G.711) or baresip (opus); only Asterisk's CPU is counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from m3voip.phones import Softphone, Ticker
from m3voip.phones.baresip import Account, Baresip
from m3voip.phones.call import Call
from m3voip.phones.media.sounds import silence
from m3voip.providers.asterisk.ari import bridges
from m3voip.providers.asterisk.ari.client import AriAccess, AriClient
from m3voip.providers.asterisk.ari.events import Event, StasisStart
from m3voip.providers.asterisk.provision import model
from m3voip.providers.asterisk.provision.conferences import ConferenceConfig
from m3voip.providers.asterisk.provision.writer import Provisioner
from m3voip.stack.stack import Stack, fresh_name
from tests.bench import machine
from tests.bench.load import quantile

SECONDS, SETTLE = 8.0, 1.5
USER, SECRET = "e0000000001", "secret"
PLAIN, RECORDED = (f"c{n:032x}" for n in (1, 2))
APP, BRIDGE = "rooms", "rooms-bridge"
DIALPLAN = f"""\
[from-agent-directory](+)
exten => 802,1,Answer(,i)
 same => n,ConfBridge(talkers,{PLAIN},talker)
exten => 803,1,Answer(,i)
 same => n,Stasis({APP})
 same => n,Hangup()
"""
TALKER = f"[talker]({PLAIN}-participant)\ntalk_detection_events = yes\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement. ``share``: of a core, all parties together; ``joins``: ms from INVITE to the others' sound."""

    label: str
    parties: int
    share: float
    joins: tuple[float, ...]
    others: float


class Bench:
    """One Asterisk and its parties."""

    def __init__(self, stack: Stack, ticker: Ticker, tell: Callable[[str], None]) -> None:
        self.stack, self.ticker, self.tell = stack, ticker, tell
        self.rows: list[Row] = []

    @asynccontextmanager
    async def phone(self) -> AsyncIterator[Softphone]:
        """A registered phone that may place any number of calls."""
        settings = self.stack.settings
        where = (settings.sip_address, settings.sip_udp_port)
        async with Softphone(*where, "udp", USER, SECRET, ticker=self.ticker, keep_audio=False) as phone:
            await phone.register(expires=300)
            yield phone

    async def ulaw(self, label: str, number: str, parties: int, *, talkers: int = 0, after: str = "") -> None:
        """So many softphones join, one after the other; ``talkers`` of them (0 = all) make a sound. ``after``: a command for
        Asterisk when all are in."""
        async with self.phone() as phone:
            calls: list[Call] = []
            for n in range(parties):
                loud = not talkers or n < talkers
                call = await phone.dial(number, **({"tone": 300 + 25 * n} if loud else {"sound": silence()}))
                await call.answered()
                if n:
                    await call.hear_sound(within=15)
                calls.append(call)
            if after:
                await self.stack.cli(after)
            joins = [1000 * (call.ear.first_sound_at - call.moments["invite"].mono) for call in calls[1:]
                     if call.ear.first_sound_at is not None]  # fmt: skip
            await self._measure(label, parties, tuple(joins))
            await asyncio.gather(*(call.hangup() for call in calls))
        await self._empty()

    async def opus(self, label: str, number: str, parties: int) -> None:
        """The same with baresip and opus."""
        settings = self.stack.settings
        async with AsyncExitStack() as exits:
            for n in range(parties):
                folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="m3voip-bench-")))
                account = Account(username=USER, password=SECRET, address=settings.sip_address,
                                  port=settings.sip_udp_port, transport="udp",
                                  media_encryption="", codecs=("opus",), tone=300 + 40 * n)  # fmt: skip
                phone = await exits.enter_async_context(Baresip(account, folder))
                await phone.dial(number)
                await phone.wait_for("CALL_ESTABLISHED")
            await self._measure(label, parties, ())
        await self._empty()

    async def _measure(self, label: str, parties: int, joins: tuple[float, ...]) -> None:
        await asyncio.sleep(SETTLE)
        pid = self.stack.processes["asterisk"].pid
        assert pid
        before, own, busy = machine.process_ms(pid), machine.self_ms(), machine.busy()
        began = time.monotonic()
        await asyncio.sleep(SECONDS)
        spent, ours, after = machine.process_ms(pid) - before, machine.self_ms() - own, machine.busy()
        passed = 1000 * (time.monotonic() - began)
        others = max(0.0, after.work - busy.work - spent - ours) / passed
        self.rows.append(Row(label=label, parties=parties, share=spent / passed, joins=joins, others=others))
        self.tell(f"{label}, {parties} parties: {spent / passed:.1%} of a core, {spent / passed / parties:.2%} a party")

    async def _empty(self) -> None:
        while "0 active channels" not in await self.stack.cli("core show channels count"):
            await asyncio.sleep(0.1)


@asynccontextmanager
async def own_bridge(stack: Stack) -> AsyncIterator[None]:
    """An application that does what a conference of ours would: put everybody who comes into a mixing bridge."""
    settings = stack.settings
    access = AriAccess(
        base_url=f"http://{settings.ari_host}:{settings.ari_port}/ari", user=settings.ari_user,
        password=settings.ari_password.get_secret_value(), app=APP, drop_events=(),
    )  # fmt: skip

    def heard(event: Event) -> None:
        if isinstance(event, StasisStart):
            client.submit(bridges.add_channels(BRIDGE, [event.channel.id]), lambda _error: None)

    client = AriClient(access, on_event=heard)
    running = asyncio.create_task(client.run(), name="bench.rooms")
    await client.wait_connected()
    await client.call(bridges.create(BRIDGE))
    try:
        yield
    finally:
        await client.call(bridges.destroy(BRIDGE))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def measure(tell: Callable[[str], None]) -> list[Row]:
    """Everything, in about three minutes."""
    async with Stack(instance=fresh_name(), parts={"asterisk"}, ephemeral=True) as stack:
        ha1 = hashlib.md5(f"{USER}:asterisk:{SECRET}".encode(), usedforsecurity=False).hexdigest()
        phone = model.EndpointConfig(name=USER, kind=model.EndpointKind.DESK_UDP, ha1=ha1, extension="101")
        rooms = (
            ConferenceConfig(name=PLAIN, number="800", announce=False, max_parties=500),
            ConferenceConfig(name=RECORDED, number="801", announce=False, max_parties=500, record=True),
        )
        await Provisioner(stack.folders.generated, _Cli(stack)).apply(
            model.Provisioning(endpoints=(phone,), conferences=rooms)
        )
        folder = stack.folders.asterisk_etc / "bench"
        folder.mkdir(exist_ok=True)
        (folder / "rooms.conf").write_text(DIALPLAN)
        profiles = stack.folders.generated / "confbridge.conf"
        profiles.write_text(profiles.read_text() + TALKER)
        for command in ("dialplan reload", "module reload app_confbridge.so"):
            await stack.cli(command)
        bench = Bench(stack, Ticker(), tell)
        recorder = f"channel originate Local/{PLAIN}@conference-recorder/n application Wait 60"
        steps: list[Callable[[], Awaitable[None]]] = [
            lambda: bench.ulaw("ConfBridge, all talk", "800", 10),
            lambda: bench.ulaw("ConfBridge, all talk", "800", 25),
            lambda: bench.ulaw("ConfBridge, all talk", "800", 50),
            lambda: bench.ulaw("ConfBridge, 3 talk", "800", 50, talkers=3),
            lambda: bench.ulaw("ConfBridge, all talk, talk detection", "802", 25),
            lambda: bench.ulaw("ConfBridge, all talk, recorded from the start", "801", 25),
            lambda: bench.ulaw("ConfBridge, all talk, recorded on demand", "800", 25, after=recorder),
        ]
        for step in steps:
            await step()
        async with own_bridge(stack):
            await bench.ulaw("mixing bridge of ARI, all talk", "803", 25)
        if Baresip.is_installed():
            await bench.opus("ConfBridge, all talk, opus", "800", 6)
        return bench.rows


class _Cli:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def reload(self, module: str) -> None:
        """For the provisioner."""
        await self._stack.cli("dialplan reload" if module == "pbx_config.so" else f"module reload {module}")


def cells(rows: list[Row]) -> list[tuple[str, ...]]:
    """The table."""
    head = ("", "parties", "Asterisk, cores", "of a core per party", "parties per core", "INVITE → others heard, p50",
            "p95", "other load, cores")  # fmt: skip
    return [head, *(
        (
            row.label, str(row.parties), f"{row.share:.2f}", f"{row.share / row.parties:.2%}",
            f"{row.parties / row.share:.0f}", *_times(row.joins), f"{row.others:.2f}",
        )
        for row in rows
    )]  # fmt: skip


def _times(joins: tuple[float, ...]) -> tuple[str, str]:
    return ("", "") if not joins else (f"{quantile(list(joins), 0.5):.0f} ms", f"{quantile(list(joins), 0.95):.0f} ms")
