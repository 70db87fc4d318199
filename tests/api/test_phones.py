"""Agents' phones by the API: what to enter in them, secrets that end, how they are, tests of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from m3voip.api.permissions import Permission
from m3voip.core.codecs import ChannelFormats, CodecReport, live, pairs
from m3voip.core.device import audio_refusal
from m3voip.core.phone_check import Measured, judge
from m3voip.engine.phones import Phone
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.test_setup import agent

pytestmark = pytest.mark.postgres


async def digest(world: World, agent_id: str) -> str:
    stored = await world.owner.fetchval("SELECT ha1 FROM agent WHERE id = $1", UUID(agent_id))
    assert isinstance(stored, str)
    return stored


@pytest.mark.parametrize(
    ("kind", "transport", "srtp"),
    [
        ("desk_tls", "tls", "sdes"),
        ("desk_udp", "udp", "none"),
        ("softphone", "tcp", "none"),
        ("browser", "wss", "dtls"),
    ],
)
async def test_a_phone_is_told_everything_but_its_secret(
    world: World, mine: Client, kind: str, transport: str, srtp: str
) -> None:
    made = await agent(mine, phoneKind=kind)
    told = (await mine.get(f"/v1/tm/agents/{made['id']}/provisioning")).json
    settings = world.settings
    port = {"tls": settings.sip_tls_port, "udp": settings.sip_udp_port, "tcp": settings.sip_tcp_port,
            "wss": settings.wss_port}[transport]  # fmt: skip
    assert (told["transport"], told["srtp"], told["port"]) == (transport, srtp, port)
    assert (told["server"], told["sipUsername"]) == (settings.sip_address, made["sipUsername"])
    assert (told["baresip"] is None, told["jssip"] is None) == (kind == "browser", kind != "browser")
    assert "auth_pass" not in str(told)
    assert "password" not in str(told)


async def test_a_rotated_secret_comes_ready_to_be_entered_once(mine: Client) -> None:
    made = await agent(mine)
    given = (await mine.ask("POST", f"/v1/tm/agents/{made['id']}/sip-secret")).json
    assert given["expiresAt"] is None
    assert f";auth_pass={given['sipSecret']};" in given["provisioning"]["baresip"]
    assert given["sipSecret"] not in str((await mine.get(f"/v1/tm/agents/{made['id']}/provisioning")).json)


async def test_a_browser_gets_secrets_that_end(world: World, mine: Client) -> None:
    made = await agent(mine, phoneKind="browser")
    assert made["sipSecret"] is None
    path = f"/v1/tm/agents/{made['id']}/browser-credentials"
    given = (await mine.ask("POST", path, {"ttlSec": 120})).json
    left = datetime.fromisoformat(given["expiresAt"]) - world.clock.now()
    assert timedelta(seconds=100) < left <= timedelta(seconds=120)
    assert given["provisioning"]["jssip"]["password"] == given["sipSecret"]
    assert (await mine.get(f"/v1/tm/agents/{made['id']}")).json["secretExpiresAt"] == given["expiresAt"]
    first = await digest(world, made["id"])
    again = (await mine.ask("POST", path)).json
    assert again["sipSecret"] != given["sipSecret"]
    assert await digest(world, made["id"]) != first
    long = await mine.ask("POST", path, {"ttlSec": 86400})
    assert (long.status, long.paths) == (422, ["ttlSec"])


async def test_secrets_that_last_are_not_for_browsers_and_the_others_only_for_them(mine: Client) -> None:
    desk, browser = await agent(mine), await agent(mine, phoneKind="browser")
    wrong = await mine.ask("POST", f"/v1/tm/agents/{desk['id']}/browser-credentials")
    assert (wrong.status, wrong.code, wrong.paths) == (409, "CONFLICT", ["phoneKind"])
    wrong = await mine.ask("POST", f"/v1/tm/agents/{browser['id']}/sip-secret")
    assert (wrong.status, wrong.code, wrong.paths) == (409, "CONFLICT", ["phoneKind"])


async def test_a_lasting_secret_does_not_survive_the_change_to_a_browser(world: World, mine: Client) -> None:
    made = await agent(mine)
    before = await digest(world, made["id"])
    path = f"/v1/tm/agents/{made['id']}"
    await mine.ask("PATCH", path, {"phoneKind": "desk_udp"})
    assert await digest(world, made["id"]) == before
    await mine.ask("PATCH", path, {"phoneKind": "browser"})
    assert await digest(world, made["id"]) != before


async def test_where_a_phone_is_only_operators_see(world: World, mine: Client) -> None:
    made = await agent(mine)
    assert made["phone"] is None
    refused = audio_refusal("desk_tls", datetime(2026, 11, 25, 9, tzinfo=UTC))
    world.phones.phones[mine.tenant, made["extension"]] = Phone(
        registered=True, reachable=True, user_agent="Desk 5", address="192.0.2.17", transport="tls",
        round_trip_ms=3.25, refused_logins=2, refusal=refused,
    )  # fmt: skip
    shown = (await mine.get(f"/v1/tm/agents/{made['id']}")).json["phone"]
    assert (shown["address"], shown["userAgent"], shown["refusedLogins"]) == ("192.0.2.17", "Desk 5", 2)
    assert (shown["refusal"]["why"], "SRTP" in shown["refusal"]["text"]) == ("no_srtp", True)
    watcher = mine.using(await world.key(Permission.SUPERVISE))
    assert (await watcher.get(f"/v1/tm/agents/{made['id']}")).json["phone"]["address"] == "192.•"


async def test_a_test_of_a_phone_is_begun_once_and_looked_at(world: World, mine: Client) -> None:
    made = await agent(mine)
    path = f"/v1/tm/agents/{made['id']}/phone-test"
    assert (await mine.get(path)).status == 404
    begun = await mine.ask("POST", path, {"seconds": 5})
    assert (begun.status, begun.json["state"], begun.json["verdict"]) == (202, "calling", None)
    assert (await mine.ask("POST", path)).code == "CONFLICT"
    test = world.phone_tests.tests[UUID(made["id"])]
    measured = Measured(
        seconds=5, codec="g722", encrypted=True, sent=250, received=248, lost_to=0, lost_from=2, jitter_to_ms=0.1,
        jitter_from_ms=0.2, round_trip_ms=1.0, level_db=-20.0, tone_share=0.9,
    )  # fmt: skip
    verdict, findings = judge(measured, "desk_tls")
    world.phone_tests.tests[UUID(made["id"])] = replace(
        test, state="ended", verdict=verdict, findings=findings, measured=measured
    )
    ended = (await mine.get(path)).json
    assert (ended["state"], ended["verdict"], ended["figures"]["echo"]) == ("ended", "ok", True)
    world.control.connected = False
    assert (await mine.ask("POST", path)).code == "INTEGRATION_DOWN"


async def test_the_report_of_codecs_has_only_what_is_the_tenants(world: World, mine: Client, theirs: Client) -> None:
    costs = {("opus", "ulaw"): 15000, ("ulaw", "opus"): 15000, ("slin8", "ulaw"): 6000}
    channel = ChannelFormats(device="e00000000aa", from_it=("opus", "slin", "ulaw"), to_it=("opus",))
    world.codecs.reports[mine.tenant] = CodecReport(
        live=live([("browser", channel), ("browser", channel)], costs),
        pairs=pairs({"browser", "trunk"}, costs),
        costs=costs,
    )
    report = (await mine.get("/v1/tm/telephony/codecs")).json
    assert report["live"] == [
        {"party": "browser", "codec": "opus", "from": ["opus", "slin", "ulaw"], "to": ["opus"], "channels": 2,
         "transcodes": True, "cost": 15000}
    ]  # fmt: skip
    assert {(pair["caller"], pair["called"]) for pair in report["pairs"]} == {
        ("browser", "browser"),
        ("trunk", "browser"),
    }
    assert [cost["from"] for cost in report["costs"]] == ["opus", "ulaw"]
    assert "e00000000aa" not in str(report)
    assert (await theirs.get("/v1/tm/telephony/codecs")).code == "INTEGRATION_DOWN"
