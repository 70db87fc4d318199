"""Agents' phones as an operator sees them: there or not, refused and why, heard or not; and secrets that end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from m3voip.phones import Answer, CallRefusedError, Decline, RegistrationRefusedError, Softphone
from m3voip.phones.baresip import Account, Baresip
from m3voip.stack.certificates import CA_FILE
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api, Json

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

NEW = {"displayName": "Phone Story"}


@pytest.fixture
async def owner(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """The database as its owner, to move a time that would be minutes away."""
    assert stack.settings.owner_dsn is not None
    connection = await asyncpg.connect(stack.settings.owner_dsn.get_secret_value())
    yield connection
    await connection.close()


@asynccontextmanager
async def new_agent(api: Api, extension: str, kind: str) -> AsyncIterator[Json]:
    """An agent for one story."""
    agent = await api.ask("POST", "/v1/tm/agents", json={**NEW, "extension": extension, "phoneKind": kind})
    try:
        yield agent
    finally:
        await api.ask("DELETE", f"/v1/tm/agents/{agent['id']}")


async def agent_at(api: Api, extension: str) -> Json:
    agents = (await api.get("/v1/tm/agents", limit="200"))["items"]
    found: Json = next(agent for agent in agents if agent["extension"] == extension)
    return found


async def until(api: Api, agent: Json, right: Callable[[Json], bool], within: float = 2.0) -> Json:
    """The agent's phone once it is so."""

    async def looked() -> Json | None:
        phone: Json | None = (await api.get(f"/v1/tm/agents/{agent['id']}"))["phone"]
        return phone if phone and right(phone) else None

    return await eventually(looked, within, every=0.05, what="the phone to be seen so")


async def registers(phone: Softphone) -> bool:
    try:
        await phone.register(expires=60)
    except RegistrationRefusedError:
        return False
    return True


async def test_a_phone_is_seen_to_come_and_go(api: Api, agent_phone: OpenPhone) -> None:
    agent = await agent_at(api, "105")
    await until(api, agent, lambda phone: not phone["registered"])
    phone = await agent_phone("105")
    seen = await until(api, agent, lambda phone: phone["reachable"] and phone["userAgent"] and phone["roundTripMs"])
    assert (seen["userAgent"], seen["address"], seen["transport"]) == ("m3voip softphone", "127.0.0.1", "udp")
    await phone.unregister()
    gone = await until(api, agent, lambda phone: not phone["registered"])
    assert gone["lastSeenAt"] >= seen["lastSeenAt"]


async def test_a_wrong_secret_is_counted_for_whom_it_concerns(stack: Stack, api: Api) -> None:
    settings, agent = stack.settings, await agent_at(api, "104")
    before = (await until(api, agent, lambda _: True))["refusedLogins"]
    async with Softphone(settings.sip_address, settings.sip_udp_port, "udp", agent["sipUsername"], "wrong") as phone:
        assert not await registers(phone)
    seen = await until(api, agent, lambda phone: phone["refusedLogins"] > before)
    assert (seen["refusedLogins"], seen["registered"]) == (before + 1, False)
    assert seen["refusedLoginAt"] is not None


async def test_a_phone_without_srtp_is_refused_and_the_operator_sees_why(stack: Stack, api: Api) -> None:
    settings, ca = stack.settings, stack.folders.asterisk_keys / CA_FILE
    async with new_agent(api, "181", "desk_tls") as agent:
        async with Softphone(
            settings.sip_address, settings.sip_tls_port, "tls", agent["sipUsername"], agent["sipSecret"],
            tls_ca=ca, srtp=False,
        ) as phone:  # fmt: skip
            await eventually(lambda: registers(phone), 5, what="the phone to be known")
            call = await phone.dial("600")
            with pytest.raises(CallRefusedError, match="488"):
                await call.answered()
        seen = await until(api, agent, lambda phone: phone["refusal"] is not None)
        assert seen["refusal"]["why"] == "no_srtp"
        assert "desk_tls requires it" in seen["refusal"]["text"]


async def test_a_secret_that_has_ended_registers_nobody_and_cuts_no_call(
    stack: Stack, api: Api, owner: asyncpg.Connection
) -> None:
    settings = stack.settings
    async with new_agent(api, "182", "desk_udp") as agent, Softphone(
        settings.sip_address, settings.sip_udp_port, "udp", agent["sipUsername"], agent["sipSecret"]
    ) as phone:  # fmt: skip
        await eventually(lambda: registers(phone), 5, what="the phone to be known")
        call = await phone.dial("600", tone=440)
        await call.answered()
        query = "update agent set ha1_expires_at = now() + interval '0.5 s' where id = $1 returning ha1_expires_at"
        assert await owner.fetchval(query, agent["id"]) is not None

        async def refused() -> bool:
            async with Softphone(
                settings.sip_address, settings.sip_udp_port, "udp", agent["sipUsername"], agent["sipSecret"]
            ) as again:
                return not await registers(again)

        await eventually(refused, 3, every=0.1, what="the secret to end")
        assert (await api.get(f"/v1/tm/agents/{agent['id']}"))["secretExpiresAt"] is None
        await call.hear_tone(440)
        assert (await call.hangup()).by == "us"


async def outcome(api: Api, agent: Json, seconds: int) -> Json:
    path = f"/v1/tm/agents/{agent['id']}/phone-test"
    await api.ask("POST", path, json={"seconds": seconds})

    async def ended() -> Json | None:
        test = await api.get(path)
        return test if test["state"] == "ended" else None

    return await eventually(ended, seconds + 10, what="the test to end")


async def test_a_test_of_a_phone_tells_whether_audio_goes_both_ways(api: Api, agent_phone: OpenPhone) -> None:
    agent, phone = await agent_at(api, "105"), await agent_phone("105")
    phone.on_invite = Answer(after=0.1, echo=True)
    good = await outcome(api, agent, 2)
    assert (good["verdict"], good["figures"]["echo"], good["figures"]["codec"]) == ("ok", True, "alaw"), good
    assert good["figures"]["packetsFrom"] > 80
    phone.on_invite = Answer(after=0.1, tone=1000)
    other = await outcome(api, agent, 2)
    assert (other["verdict"], other["figures"]["echo"]) == ("ok", False), other
    phone.on_invite = Answer(after=0.1, vanish_after=0.0)
    deaf = await outcome(api, agent, 2)
    assert (deaf["verdict"], deaf["figures"]["packetsFrom"]) == ("failed", 0), deaf
    phone.on_invite = Decline(status=603)
    declined = await outcome(api, agent, 2)
    assert (declined["verdict"], declined["figures"]) == ("failed", None)
    assert "603" in declined["findings"][0]["text"]
    await phone.unregister()
    nowhere = await outcome(api, agent, 2)
    assert "not registered" in nowhere["findings"][0]["text"]


@pytest.mark.skipif(not Baresip.is_installed(), reason="baresip is not installed")
async def test_a_desk_phone_set_up_by_what_it_was_told_is_tested_with_its_own_reports(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    settings, ca = stack.settings, stack.folders.asterisk_keys / CA_FILE
    async with new_agent(api, "183", "desk_tls") as agent:
        given = await api.ask("POST", f"/v1/tm/agents/{agent['id']}/sip-secret")
        account = Account(
            address=settings.sip_address, port=settings.sip_tls_port, username=given["sipUsername"],
            password=given["sipSecret"], ca=ca, line=given["provisioning"]["baresip"], answers_itself=True,
        )  # fmt: skip

        async def known() -> bool:
            return given["sipUsername"] in await stack.cli("pjsip show endpoints")

        await eventually(known, 5, what="the phone to be known")
        async with Baresip(account, tmp_path / "baresip") as phone:
            await phone.registered()
            test = await outcome(api, agent, 11)
            seen = await until(api, agent, lambda phone: phone["userAgent"] != "")
    figures = test["figures"]
    assert (test["verdict"], figures["encrypted"]) == ("ok", True), test
    assert figures["codec"].startswith("g722"), test
    assert figures["roundTripMs"] is not None, test
    assert figures["lostTo"] == 0, test
    assert (seen["transport"], "baresip" in seen["userAgent"]) == ("tls", True)


async def test_the_report_of_codecs_shows_the_call_that_goes_on(api: Api, agent_phone: OpenPhone) -> None:
    phone = await agent_phone("105")
    call = await phone.dial("600", tone=440)
    await call.answered()
    await call.hear_tone(440)
    report = await api.get("/v1/tm/telephony/codecs")
    await call.hangup()
    (mine,) = [one for one in report["live"] if one["party"] == "desk_udp"]
    assert (mine["channels"], mine["transcodes"], mine["from"]) == (1, False, [mine["codec"]])
    assert {"caller": "trunk", "called": "desk_udp"}.items() <= report["pairs"][-1].items()
    assert {(cost["from"], cost["to"]) for cost in report["costs"]} >= {("opus", "alaw"), ("ulaw", "g722")}
