"""The floor on a real Asterisk: a caller is served with the service, and even the AGI process, away (design §1)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from m3voip.phones import Answer, Softphone, Ticker
from m3voip.providers.asterisk.provision import model
from m3voip.providers.asterisk.provision.writer import Provisioner
from m3voip.stack.stack import Stack, fresh_name
from tests.support.eventually import eventually
from tests.support.fixtures import in_own_task
from tests.support.leaks import Baseline, nothing_left
from tests.support.tones import tone_seconds

pytestmark = pytest.mark.asterisk

AGENT = model.EndpointConfig(
    name="e0000000301", kind=model.EndpointKind.DESK_UDP, extension="301", ha1="c675869509f601b25ec5c97cc80535de",
)  # fmt: skip
NOBODY = (model.Unavailable.UNAVAILABLE, model.Unavailable.INVALID, model.Unavailable.PAUSED)
BEEP = 700
"""Hz of the tone after which one speaks, in the English prompts."""
SALES, CLOSED, SKILLED, OTHER = "15550100100", "15550100101", "15550100102", "15550100199"
OFFICE = model.Provisioning(
    endpoints=(AGENT,),
    queues=(
        model.QueueConfig(name="sales", members=(model.MemberConfig(endpoint=AGENT.name, name="301"),)),
        model.QueueConfig(name="closed", join_empty=NOBODY),
        # The agent meets the second step of its skill rule, two seconds after the caller came.
        model.QueueConfig(
            name="skilled",
            members=(model.MemberConfig(endpoint=AGENT.name, name="301", penalty=101),),
            penalty_changes=((2, 201),),
        ),
    ),
    trunks=(model.TrunkConfig(name="trunk-local", addresses=("127.0.0.1",)),),
    dids=(
        model.DidConfig(number=SALES, queue="sales", mailbox="801@default"),
        model.DidConfig(number=CLOSED, queue="closed", mailbox="801@default"),
        model.DidConfig(number=SKILLED, queue="skilled"),
    ),
    default_queue="sales",
)
Answers = Callable[[str, list[str]], Awaitable[dict[str, str]]]


class _Cli:
    def __init__(self, node: Stack) -> None:
        self._node = node

    async def reload(self, module: str) -> None:
        await self._node.cli("dialplan reload" if module == "pbx_config.so" else f"module reload {module}")


@pytest.fixture(scope="module")
async def node() -> AsyncIterator[Stack]:
    """Asterisk without anybody who talks to it."""
    async with in_own_task(Stack(instance=fresh_name(), parts={"asterisk"}, ephemeral=True)) as running:
        await Provisioner(running.folders.generated, _Cli(running)).apply(OFFICE)
        yield running


@pytest.fixture
async def unchanged(node: Stack) -> AsyncIterator[Baseline]:
    async with nothing_left(node.cli) as before:
        yield before


@pytest.fixture
async def caller(node: Stack, ticker: Ticker) -> AsyncIterator[Softphone]:
    async with Softphone(node.settings.sip_address, node.settings.sip_udp_port, ticker=ticker) as phone:
        yield phone


@pytest.fixture
async def agent(node: Stack, ticker: Ticker) -> AsyncIterator[Softphone]:
    address, port = node.settings.sip_address, node.settings.sip_udp_port
    async with Softphone(address, port, "udp", AGENT.name, "secret-301", ticker=ticker) as phone:
        phone.on_invite = Answer(after=0.1, tone=700)
        await phone.register()
        yield phone


@asynccontextmanager
async def agi(node: Stack, answers: Answers) -> AsyncIterator[list[list[str]]]:
    """A stand-in for the AGI process; yields the questions it got: [script, argument, …]."""
    asked: list[list[str]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = (await reader.readuntil(b"\n\n")).decode().splitlines()
        values = dict(line.split(": ", 1) for line in said if ": " in line)
        question = [values["agi_network_script"], *(values[k] for k in ("agi_arg_1", "agi_arg_2") if k in values)]
        asked.append(question)
        try:
            for name, value in (await answers(question[0], question[1:])).items():
                writer.write(f"SET VARIABLE {name} {value}\n".encode())
                await reader.readline()
        finally:
            writer.close()

    server = await asyncio.start_server(handle, node.settings.agi_host, node.settings.agi_port)
    try:
        yield asked
    finally:
        server.close()
        await server.wait_closed()


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def test_a_caller_reaches_the_agent_of_the_number_s_queue(
    unchanged: Baseline, caller: Softphone, agent: Softphone
) -> None:
    call = await caller.dial(SALES, tone=500, caller_id="+15550100200", caller_name="José")
    await call.answered()
    talk = await agent.next_call(after=0)
    await asyncio.gather(call.hear_tone(700), talk.hear_tone(500))
    assert '"José" <sip:+15550100200@' in talk.invite.get("From")
    await talk.hangup()
    assert (await call.ended()).by == "them"


async def test_a_queue_s_skill_rule_holds_while_the_service_is_away(
    unchanged: Baseline, caller: Softphone, agent: Softphone
) -> None:
    call = await caller.dial(SKILLED)
    await call.answered()
    talk = await agent.next_call(after=0, within=10)
    # app_queue counts whole seconds, so two may be one and a little.
    assert talk.moments["invite"].mono - call.moments["answered"].mono >= 1
    await call.hear_tone(700)
    await call.hangup()


async def test_a_number_nobody_knows_leads_to_the_default_queue(
    unchanged: Baseline, caller: Softphone, agent: Softphone
) -> None:
    call = await caller.dial(OTHER)
    await agent.next_call(after=0)
    await call.hear_tone(700)
    await call.hangup()


async def test_without_an_agent_the_caller_leaves_a_message_that_knows_its_call(
    unchanged: Baseline, node: Stack, caller: Softphone
) -> None:
    spool = node.folders.asterisk_spool / "message"
    call = await caller.dial(CLOSED, tone=500, caller_id="15550100200")
    await call.answered()
    await call.hear_tone(BEEP, within=15, seconds=0.3)
    await asyncio.sleep(3)  # the message
    await call.hangup()
    (message,) = await eventually(lambda: [*spool.glob("*.wav")], what="a message")
    mark = await eventually(lambda: [m for m in _hangups(node) if m["context"] == "to-voicemail"], what="a ledger line")
    leg = mark[0]["uniqueid"]
    assert message.stem.rpartition("_")[0] == f"floor-{leg}_801@default"
    assert tone_seconds(message, 0, 500) > 2


@pytest.mark.parametrize("state", ["full", "unknown", ""])
async def test_the_agi_process_says_whether_a_box_takes_messages_and_may_hang(
    state: str, unchanged: Baseline, node: Stack, caller: Softphone
) -> None:
    spool, released = node.folders.asterisk_spool / "message", asyncio.Event()
    before = set(spool.glob("*"))

    async def answers(question: str, _: list[str]) -> dict[str, str]:
        if question == "did":
            return {"M3_FLOOR_QUEUE": "closed", "M3_FLOOR_BOX": "801@default"}
        if question == "box" and not state:
            await released.wait()
        return {"M3_BLOCKED": "no"} if question == "blocked" else {"M3_BOX_STATE": state}

    async with agi(node, answers) as asked:
        call = await caller.dial(CLOSED, tone=500)
        if state:
            assert (await call.ended(20)).by == "them"
            assert set(spool.glob("*")) == before
        else:  # three seconds later the standard greeting is played and the message taken
            await call.hear_tone(BEEP, within=20, seconds=0.2)
            await call.hangup()
        released.set()
    assert asked[-1] == ["box", "801@default"]


def _hangups(node: Stack) -> list[dict[str, str]]:
    return [json.loads(line) for line in lines(node.folders.asterisk_log / "cel-custom/hangups.jsonl")]


async def test_the_ledgers_tell_what_happened_to_a_call_on_the_floor(
    unchanged: Baseline, node: Stack, caller: Softphone, agent: Softphone
) -> None:
    began = time.time()
    call = await caller.dial(SALES, caller_id="+15550100200")
    talk = await agent.next_call(after=0)
    await call.hear_tone(700)
    await talk.hangup()
    await call.ended()
    found = await eventually(
        lambda: [h for h in _hangups(node) if h["userfield"] and float(h["eventtime"]) > began], what="the caller's end"
    )
    assert found[-1]["userfield"].startswith(f"floor:{SALES}:")
    assert found[-1]["userfield"].endswith(":+15550100200")
    assert json.loads(found[-1]["eventextra"])["hangupcause"] == 16
    leg = found[-1]["uniqueid"]
    ledger = [line.split("|")[2:5] for line in lines(node.folders.asterisk_log / "queue_log") if f"|{leg}|" in line]
    assert ledger == [["sales", "NONE", "ENTERQUEUE"], ["sales", "301", "CONNECT"], ["sales", "301", "COMPLETEAGENT"]]


async def test_the_agi_process_decides_where_a_number_leads(
    unchanged: Baseline, node: Stack, caller: Softphone, agent: Softphone
) -> None:
    async def answers(question: str, _: list[str]) -> dict[str, str]:
        return {"M3_BLOCKED": "no"} if question == "blocked" else {"M3_FLOOR_QUEUE": "sales", "M3_FLOOR_BOX": ""}

    async with agi(node, answers) as asked:
        call = await caller.dial(CLOSED, caller_id="+15550100200")
        await agent.next_call(after=0)
        await call.hangup()
    assert asked == [["blocked", "+15550100200", CLOSED], ["did", CLOSED, "+15550100200"]]


async def test_a_blocked_caller_is_let_go(unchanged: Baseline, node: Stack, caller: Softphone) -> None:
    async def answers(_: str, __: list[str]) -> dict[str, str]:
        return {"M3_BLOCKED": "yes"}

    async with agi(node, answers) as asked:
        call = await caller.dial(SALES)
        end = await call.ended()
    assert (end.cause, len(asked)) == (21, 1)


async def test_an_agi_process_that_hangs_holds_a_caller_for_three_seconds_only(
    unchanged: Baseline, node: Stack, caller: Softphone, agent: Softphone
) -> None:
    released = asyncio.Event()

    async def answers(_: str, __: list[str]) -> dict[str, str]:
        await released.wait()
        return {}

    async with agi(node, answers):
        began = time.monotonic()
        call = await caller.dial(SALES)
        await agent.next_call(6, after=0)
        waited = time.monotonic() - began
        await call.hear_tone(700)
        await call.hangup()
        released.set()
    assert 2.5 < waited < 4


async def test_a_caller_who_gives_up_on_a_hung_agi_process_leaves_nothing(
    unchanged: Baseline, node: Stack, caller: Softphone
) -> None:
    released = asyncio.Event()

    async def answers(_: str, __: list[str]) -> dict[str, str]:
        await released.wait()
        return {}

    async with agi(node, answers) as asked:
        call = await caller.dial(SALES)
        await eventually(lambda: asked, what="the question")
        await call.hangup()

        async def gone() -> bool:
            return "0 active channels" in await node.cli("core show channels count")

        await eventually(gone, within=1.5, what="the channel is gone although the process still hangs")
        released.set()


@pytest.mark.parametrize(
    "number",
    [
        "1555010010a", "15550100100&PJSIP", "15550100100%2Cs", "1%22%7C", "1%27or", "1%24%7BEXTEN%7D", "9" * 40, "12",
        "+", "+1+2345", "1555%0A0100", "s", "h", "T", "inbound", "refuse", "floor", "to-queue", "*97",
    ],
)  # fmt: skip
async def test_only_a_number_is_a_number(
    number: str, unchanged: Baseline, node: Stack, caller: Softphone
) -> None:  # fmt: skip
    settings = node.settings
    call = await caller.dial(f"sip:{number}@{settings.sip_address}:{settings.sip_udp_port}")
    assert (await call.ended(3)).status == 404


async def test_no_number_and_no_name_is_in_the_log(
    unchanged: Baseline, node: Stack, caller: Softphone, agent: Softphone
) -> None:
    call = await caller.dial(SALES, caller_id="15557654321", caller_name="Canary Bird")
    await agent.next_call(after=0)
    await call.hangup()
    async with Softphone(
        node.settings.sip_address, node.settings.sip_udp_port, local_host="127.0.0.2"
    ) as stranger:  # refused, which Asterisk would note
        refused = await stranger.dial(SALES, caller_id="15557654321", caller_name="Canary Bird")
        assert (await refused.ended()).status == 401
    log = "\n".join(lines(node.folders.asterisk_log / "messages.log"))
    assert "AGI failed" in log  # what should be told is told
    assert "15557654321" not in log
    assert "Canary" not in log
    assert SALES not in log
