"""Fixtures for call stories on the real stack; the root conftest names this file in ``pytest_plugins``.

``stack``: one whole instance (Postgres, Asterisk, service, agi) for the session, with the sample office in it.
``asterisk``: Asterisk alone with its own phones, for tests that need no service. Both end without a trace."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

import numpy as np
import pytest

from m3voip.phones import Softphone, Ticker
from m3voip.providers.asterisk.provision import model
from m3voip.providers.asterisk.provision.writer import Provisioner
from m3voip.providers.speech import sound
from m3voip.stack.certificates import CA_FILE
from m3voip.stack.stack import Stack, fresh_name
from tests.support import leaks

T = TypeVar("T")
OpenPhone = Callable[..., Awaitable[Softphone]]

PHONES = {
    "101": model.EndpointKind.DESK_UDP, "102": model.EndpointKind.DESK_UDP, "103": model.EndpointKind.SOFTPHONE,
    "201": model.EndpointKind.DESK_TLS, "202": model.EndpointKind.DESK_TLS,
}  # fmt: skip
"""Extensions of the ``asterisk`` fixture; user ``e00000<extension>``, password ``secret-<extension>``."""


@asynccontextmanager
async def in_own_task(context: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave a context manager in one task, as task groups demand; pytest runs the two halves of a fixture in
    different ones."""
    entered: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def hold() -> None:
        try:
            async with context as value:
                entered.set_result(value)
                await leave.wait()
        except BaseException as error:
            if entered.done():
                raise
            entered.set_exception(error)

    holder = asyncio.create_task(hold(), name="tests.in_own_task")
    try:
        yield await entered
    finally:
        leave.set()
        await holder


@pytest.fixture(scope="session")
async def stack() -> AsyncIterator[Stack]:
    """Everything, once for the session."""
    async with in_own_task(Stack(instance=fresh_name(), ephemeral=True, seeded=True)) as running:
        yield running


@pytest.fixture(scope="session")
async def asterisk() -> AsyncIterator[Stack]:
    """Asterisk alone with PHONES and a trunk from this machine, configured by the files the service would write."""
    async with in_own_task(Stack(instance=fresh_name(), parts={"asterisk"}, ephemeral=True)) as running:
        phones = tuple(
            model.EndpointConfig(
                name=f"e{number:0>10}", kind=kind, extension=number, display_name=f"Agent {number}",
                ha1=hashlib.md5(f"e{number:0>10}:asterisk:secret-{number}".encode()).hexdigest(),
                mailbox="801@default" if number == "101" else "",
            )
            for number, kind in PHONES.items()
        )  # fmt: skip
        config = model.Provisioning(
            endpoints=phones,
            trunks=(model.TrunkConfig(name="trunk-local", addresses=("127.0.0.1",)),),
            queues=(
                model.QueueConfig(name="sales", members=(model.MemberConfig(endpoint=phones[1].name, name="102"),)),
                model.QueueConfig(
                    name="spoken",
                    members=(model.MemberConfig(endpoint=phones[0].name, name="101"),),
                    announce_interval=0,
                    join_announcement=_beep(running, 700),
                    agent_announcement=_beep(running, 2310),
                    periodic_announcements=(_beep(running, 1300),),
                    periodic_interval=5,
                ),
            ),
            dids=(model.DidConfig(number="15550100100", queue="sales", mailbox="801@default"),),
        )
        await Provisioner(running.folders.generated, _CliReloader(running)).apply(config)
        yield running


def _beep(stack: Stack, hz: int) -> str:
    """A prompt of one second of this tone, and its name."""
    key = f"{hz:032x}"
    second = np.arange(sound.RATE, dtype=np.float32) / sound.RATE
    wave = (0.3 * np.sin(2 * np.pi * hz * second)).astype(np.float32)
    sound.store(wave, stack.folders.prompts, key)
    return key


class _CliReloader:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def reload(self, module: str) -> None:
        await self._stack.cli("dialplan reload" if module == "pbx_config.so" else f"module reload {module}")


@pytest.fixture(scope="session")
def ticker() -> Ticker:
    """One RTP clock for all phones of the session."""
    return Ticker()


@pytest.fixture
async def trunk_caller(stack: Stack, ticker: Ticker) -> AsyncIterator[OpenPhone]:
    """``await trunk_caller()``: a caller from outside at the stack's trunk; any number of calls from each."""
    async with AsyncExitStack() as exits:

        async def open_caller() -> Softphone:
            phone = Softphone(stack.settings.sip_address, stack.settings.sip_udp_port, ticker=ticker)
            return await exits.enter_async_context(phone)

        yield open_caller


@pytest.fixture
async def agent_phone(stack: Stack, ticker: Ticker) -> AsyncIterator[OpenPhone]:
    """``await agent_phone("101")``: the registered phone of a demo agent; set its ``on_invite``."""
    secrets = {agent.extension: agent for agent in stack.secrets.agents}
    async with AsyncExitStack() as exits:

        async def open_agent(extension: str) -> Softphone:
            me, settings = secrets[extension], stack.settings
            phone = Softphone(
                settings.sip_address, settings.sip_udp_port, "udp", me.username, me.password, ticker=ticker
            )
            await exits.enter_async_context(phone)
            await phone.register(expires=60)
            return phone

        yield open_agent


@pytest.fixture
async def desk(asterisk: Stack, ticker: Ticker) -> AsyncIterator[OpenPhone]:
    """``await desk("101")``: a registered phone of the ``asterisk`` fixture, over the transport of its kind."""
    async with AsyncExitStack() as exits:

        async def open_desk(extension: str, password: str = "") -> Softphone:
            settings, kind = asterisk.settings, PHONES[extension]
            user, secret = f"e{extension:0>10}", password or f"secret-{extension}"
            match kind:
                case model.EndpointKind.DESK_TLS:
                    ca = asterisk.folders.asterisk_keys / CA_FILE
                    phone = Softphone(
                        settings.sip_address, settings.sip_tls_port, "tls", user, secret, tls_ca=ca, ticker=ticker
                    )
                case model.EndpointKind.SOFTPHONE:
                    phone = Softphone(settings.sip_address, settings.sip_tcp_port, "tcp", user, secret, ticker=ticker)
                case _:
                    phone = Softphone(settings.sip_address, settings.sip_udp_port, "udp", user, secret, ticker=ticker)
            await exits.enter_async_context(phone)
            await phone.register(expires=60)
            return phone

        yield open_desk


@pytest.fixture
async def stack_unchanged(stack: Stack) -> AsyncIterator[leaks.Baseline]:
    """The leak check of the whole stack around one test; first in the list of fixtures, so that it looks last."""
    pids = {name: process.pid for name, process in stack.processes.items() if process.pid}
    async with leaks.nothing_left(stack.cli, {n: p for n, p in pids.items() if n in ("asterisk", "service")}) as before:
        yield before


@pytest.fixture
async def asterisk_unchanged(asterisk: Stack) -> AsyncIterator[leaks.Baseline]:
    """The same for Asterisk alone."""
    pid = asterisk.processes["asterisk"].pid
    async with leaks.nothing_left(asterisk.cli, {"asterisk": pid} if pid else {}) as before:
        yield before
