"""A changed configuration on a real Asterisk: at once, under calls, and after everything around it died (ADR 0003)."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import signal
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from m3voip.phones import Answer, NeverAnswer, RegistrationRefusedError, Softphone, Ticker
from m3voip.providers.asterisk.provision import model
from m3voip.providers.asterisk.provision.writer import Provisioner
from m3voip.stack.processes import State
from m3voip.stack.stack import Stack, fresh_name
from tests.support.eventually import eventually
from tests.support.fixtures import in_own_task
from tests.support.leaks import nothing_left

pytestmark = pytest.mark.asterisk

DID = "15550100100"


def endpoint(number: int) -> model.EndpointConfig:
    name = f"e{number:010x}"
    ha1 = hashlib.md5(f"{name}:asterisk:secret-{name}".encode()).hexdigest()
    return model.EndpointConfig(
        name=name, kind=model.EndpointKind.DESK_UDP, extension=str(number), display_name=f"Agent {number}", ha1=ha1
    )


def office(*numbers: int, members: tuple[int, ...] = ()) -> model.Provisioning:
    """These endpoints, a queue of some of them, a trunk from this machine."""
    queue = model.QueueConfig(
        name="sales", members=tuple(model.MemberConfig(endpoint=endpoint(n).name, name=str(n)) for n in members)
    )
    return model.Provisioning(
        endpoints=tuple(endpoint(number) for number in numbers),
        queues=(queue,),
        trunks=(model.TrunkConfig(name="trunk-local", addresses=("127.0.0.1",)),),
        dids=(model.DidConfig(number=DID, queue="sales"),),
    )


class ByAri:
    """Reloads as the service does."""

    def __init__(self, node: Stack) -> None:
        settings = node.settings
        login = aiohttp.encode_basic_auth(settings.ari_user, settings.ari_password.get_secret_value())
        self._headers = {"Authorization": login}
        self._base = f"http://127.0.0.1:{settings.ari_port}/ari/asterisk/modules/"

    async def reload(self, module: str) -> None:
        async with aiohttp.ClientSession(headers=self._headers) as session, session.put(self._base + module) as answer:
            assert answer.status == 204, await answer.text()


@pytest.fixture(scope="module")
async def node() -> AsyncIterator[Stack]:
    async with in_own_task(Stack(instance=fresh_name(), parts={"asterisk"}, ephemeral=True)) as running:
        yield running


@pytest.fixture
async def provisioner(node: Stack) -> AsyncIterator[Provisioner]:
    """A provisioner; afterwards nothing is left of the test's configuration, nor of its calls."""
    mine = Provisioner(node.folders.generated, ByAri(node))
    async with nothing_left(node.cli):
        yield mine
    await mine.apply(model.Provisioning())


def phone(node: Stack, number: int, ticker: Ticker) -> Softphone:
    name = endpoint(number).name
    address, port = node.settings.sip_address, node.settings.sip_udp_port
    return Softphone(address, port, "udp", name, f"secret-{name}", ticker=ticker)


async def show(node: Stack, number: int) -> str:
    """The queue's line about this member."""
    lines = (await node.cli("queue show sales")).splitlines()
    return next(line for line in lines if f" {number} (PJSIP" in line)


async def _is_free(node: Stack, number: int) -> bool:
    return "Not in use" in await show(node, number)


@pytest.mark.parametrize("others", [5, 100, 1000])
async def test_a_new_phone_works_within_a_second(
    others: int, node: Stack, provisioner: Provisioner, ticker: Ticker
) -> None:
    crowd = range(2000, 2000 + others)
    await provisioner.apply(office(*crowd))
    async with phone(node, 101, ticker) as new:
        with pytest.raises(RegistrationRefusedError):
            await new.register()
        began = time.monotonic()
        changed = await provisioner.apply(office(*crowd, 101, members=(101,)))
        await new.register()
        await eventually(lambda: _is_free(node, 101), within=1, every=0.01, what="the queue may ring it")
        took = time.monotonic() - began
    assert changed == ["res_pjsip.so", "app_queue.so", "pbx_config.so"]
    assert took < 1.0


async def test_a_removed_phone_is_refused_at_once(node: Stack, provisioner: Provisioner, ticker: Ticker) -> None:
    await provisioner.apply(office(101, 102))
    async with phone(node, 101, ticker) as gone:
        await gone.register()
        await provisioner.apply(office(102))
        with pytest.raises(RegistrationRefusedError):
            await gone.register()


async def test_reloading_disturbs_no_talk_no_waiting_caller_and_no_pause(
    node: Stack, provisioner: Provisioner, ticker: Ticker
) -> None:
    await provisioner.apply(office(101, 102, members=(101, 102)))
    address, port = node.settings.sip_address, node.settings.sip_udp_port
    async with phone(node, 101, ticker) as ann, phone(node, 102, ticker) as bob, Softphone(address, port) as outside:
        ann.on_invite, bob.on_invite = Answer(after=0.1, tone=700), NeverAnswer()
        await asyncio.gather(ann.register(), bob.register())
        await node.cli("queue pause member PJSIP/e0000000066 queue sales")
        talking = await outside.dial(DID, tone=500)
        talk = await ann.next_call(after=0)
        await talking.hear_tone(700)
        waiting = await outside.dial(DID)
        await waiting.answered()
        await eventually(lambda: _position(node), what="the second caller waits")
        for number in range(200, 205):
            other = dataclasses.replace(endpoint(101), display_name=f"Ann {number}")
            changed = office(102, number, members=(101, 102, number))
            await provisioner.apply(dataclasses.replace(changed, endpoints=(*changed.endpoints, other)))
            await asyncio.gather(talking.hear_tone(700), talk.hear_tone(500))
        assert "paused" in await show(node, 102)
        assert await _position(node)
        assert waiting.end is None
        await talk.hold()
        await talk.hold(on=False)
        await talking.hear_tone(700)
        await provisioner.apply(office(102, members=(102,)))  # the talking agent's endpoint is gone
        await asyncio.gather(talking.hear_tone(700), talk.hear_tone(500))
        await talk.hangup()
        assert (await talking.ended()).cause == 16
        await waiting.hangup()


async def _position(node: Stack) -> bool:
    return "1. PJSIP/trunk-local" in await node.cli("queue show sales")


async def test_after_a_crash_of_asterisk_everything_is_there_with_nobody_to_ask(
    node: Stack, provisioner: Provisioner, ticker: Ticker
) -> None:
    paused = office(101, members=(101,))
    member = dataclasses.replace(paused.queues[0].members[0], paused=True)
    paused = dataclasses.replace(paused, queues=(dataclasses.replace(paused.queues[0], members=(member,)),))
    await provisioner.apply(paused)
    asterisk = node.processes["asterisk"]
    before = asterisk.pid
    asterisk.send(signal.SIGKILL)
    await eventually(lambda: asterisk.pid != before and asterisk.state is State.READY, within=15, what="a new Asterisk")
    async with phone(node, 101, ticker) as ann:
        await ann.register()
        call = await ann.dial("101")
        await ann.next_call(after=0)
        assert "paused" in await show(node, 101)
        await call.hangup()


async def test_the_very_first_start_has_nothing_generated_and_no_complaint() -> None:
    async with in_own_task(Stack(instance=fresh_name(), parts={"asterisk"}, ephemeral=True)) as fresh:
        log = (fresh.folders.asterisk_log / "messages.log").read_text().splitlines()
        assert "No objects found" in await fresh.cli("pjsip show endpoints")
        assert "No queues" in await fresh.cli("queue show")
    complaints = [line for line in log if " ERROR[" in line or " WARNING[" in line]
    assert complaints == []
