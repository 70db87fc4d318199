"""Who may do what: keys, permissions, tenants. A foreign thing is not there; a foreign key opens nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from m3voip.api.permissions import Permission
from m3voip.config import DEFAULT_TENANT
from m3voip.core import facts as f
from m3voip.core.watched import Watched
from tests.api.client import Client
from tests.api.conftest import OTHER_TENANT, World
from tests.api.stories import ended, new_id, started, story, to_agent
from tests.api.test_bans import banned
from tests.api.test_conferences import conference, meeting
from tests.api.test_setup import (
    GOOD_TREE,
    agent,
    blocked,
    did,
    listed,
    mailbox,
    pause_reason,
    queue,
    route,
    trunk,
    unique,
)

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic bTN2Og==",
        "Bearer x",
        "Bearer m3v_aaaaaaaaaaaa_" + "a" * 43,
        "Bearer m3v_é",
    ],
)
async def test_without_a_valid_key_nothing_is_said(mine: Client, header: str | None) -> None:
    answer = await mine.using("").ask("GET", "/v1/tm/calls", headers={"Authorization": header} if header else {})
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_key_is_asked_for_before_the_body_is_looked_at(mine: Client) -> None:
    answer = await mine.using("").ask("POST", "/v1/tm/agents", data=b"{", headers={"Content-Type": "application/json"})
    assert answer.status == 401


async def test_a_right_prefix_with_a_wrong_secret_is_no_key(mine: Client) -> None:
    wrong = mine.key[:-1] + ("A" if mine.key[-1] != "A" else "B")
    assert (await mine.using(wrong).get("/v1/tm/calls")).status == 401


async def test_the_tenant_in_the_header_must_be_the_keys(mine: Client) -> None:
    same = await mine.ask("GET", "/v1/tm/calls", headers={"X-Tenant-Id": str(DEFAULT_TENANT).upper()})
    assert same.status == 200
    other = await mine.ask("GET", "/v1/tm/calls", headers={"X-Tenant-Id": str(OTHER_TENANT)})
    assert (other.status, other.code) == (403, "FORBIDDEN")
    odd = await mine.ask("GET", "/v1/tm/calls", headers={"X-Tenant-Id": "me"})
    assert (odd.status, odd.paths) == (422, ["X-Tenant-Id"])


async def test_every_route_takes_the_permissions_it_documents_and_no_other(world: World, mine: Client) -> None:
    keys = {permission: await world.key(permission) for permission in Permission}
    none = await world.key()
    checked = 0
    for (method, path), operation in mine.contract.operations.items():
        if "security" not in operation:
            continue
        ways = {next(iter(way.values()))[0] for way in operation["security"]}
        address = path.replace("{version}", "1")
        for name in ("callId", "agentId", "queueId", "didId", "trunkId", "treeId", "mailboxId", "blockedCallerId",
                     "apiKeyId", "recordingId", "voicemailId", "routeId", "listedCallerId", "conferenceId",
                     "meetingId", "partyId", "pauseReasonId", "supervisionId", "attemptId", "callerIdId",
                     "doNotCallId", "banId"):  # fmt: skip
            address = address.replace(f"{{{name}}}", str(UUID(int=7)))
        for permission, key in keys.items():
            params = {"limit": "0"} if method == "GET" else {}  # never a stream that stays open, never a change
            if path == "/v1/events":
                params = {"after": "-1"}
            answer = await mine.using(key).ask(method, address, params=params)
            assert (answer.status == 403) is (permission.value not in ways), f"{permission} {method} {path}"
            checked += 1
        assert (await mine.using(none).ask(method, address)).status == 403
        assert (await mine.using("").ask(method, address)).status == 401
    assert checked > 400


async def test_a_key_ends_when_it_expires_is_revoked_or_comes_from_elsewhere(world: World, mine: Client) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    body = {"name": "short", "scopes": ["telemarketing.supervise"], "expiresAt": soon}
    short = await mine.made("/v1/tm/api-keys", body)
    bearer = mine.using(short["key"])
    assert (await bearer.get("/v1/tm/calls")).status == 200
    world.clock.shift = timedelta(minutes=11)
    assert (await bearer.get("/v1/tm/calls")).status == 401
    world.clock.shift = timedelta(0)
    away = await mine.made("/v1/tm/api-keys", {**body, "cidrs": ["192.0.2.0/24"]})
    assert (await mine.using(away["key"]).get("/v1/tm/calls")).code == "FORBIDDEN"
    here = await mine.made("/v1/tm/api-keys", {**body, "cidrs": ["192.0.2.0/24", "127.0.0.0/8"]})
    assert (await mine.using(here["key"]).get("/v1/tm/calls")).status == 200
    forwarded = await mine.using(away["key"]).ask("GET", "/v1/tm/calls", headers={"X-Forwarded-For": "192.0.2.9"})
    assert forwarded.status == 403
    assert (await bearer.get("/v1/tm/calls")).status == 200
    assert (await mine.ask("DELETE", f"/v1/tm/api-keys/{short['id']}")).status == 204
    assert (await bearer.get("/v1/tm/calls")).status == 401
    assert (await mine.ask("DELETE", f"/v1/tm/api-keys/{short['id']}")).status == 204
    assert (await mine.get(f"/v1/tm/api-keys/{short['id']}")).json["revokedAt"] is not None


async def test_a_key_is_shown_once_and_what_is_stored_opens_nothing(world: World, mine: Client) -> None:
    made = await mine.made("/v1/tm/api-keys", {"name": "crm", "scopes": ["telemarketing.supervise"]})
    assert (await mine.using(made["key"]).get("/v1/tm/calls")).status == 200
    shown = (await mine.get(f"/v1/tm/api-keys/{made['id']}")).json
    assert "key" not in shown
    assert shown["lastUsedAt"] is not None
    assert made["id"] in [key["id"] for key in await mine.all("/v1/tm/api-keys", limit="200")]
    stored = await world.owner.fetchrow("SELECT * FROM api_key WHERE id = $1", UUID(made["id"]))
    assert stored is not None
    assert made["key"].rpartition("_")[2] not in json.dumps({k: repr(v) for k, v in stored.items()})
    assert (await mine.using(f"m3v_{made['prefix']}_{stored['digest'].hex()}").get("/v1/tm/calls")).status == 401


async def test_a_key_gives_away_only_what_it_has(world: World, mine: Client) -> None:
    key = await world.key(Permission.MANAGE_TELEPHONY)
    body = {"name": "more", "scopes": ["telemarketing.manage_telephony", "telemarketing.listen_recordings"]}
    answer = await mine.using(key).ask("POST", "/v1/tm/api-keys", body)
    assert (answer.status, answer.paths) == (403, ["scopes"])
    assert (await mine.using(key).ask("POST", "/v1/tm/api-keys", {**body, "scopes": body["scopes"][:1]})).status == 201
    past = {"name": "old", "scopes": ["telemarketing.supervise"], "expiresAt": "2020-01-01T00:00:00Z"}
    assert (await mine.ask("POST", "/v1/tm/api-keys", past)).paths == ["expiresAt"]


async def everything(world: World, client: Client) -> dict[str, str]:
    """One of each thing of a tenant: path parameter → id."""
    person, desk = await agent(client), await queue(client)
    await client.made(f"/v1/tm/queues/{desk['id']}/members", {"agentId": person["id"]})
    tree = await client.made("/v1/tm/ivr-trees", {"name": unique("name"), "source": GOOD_TREE})
    call, recording, voicemail = new_id(), new_id(), new_id()
    await world.writer.write(
        *story(
            client.tenant, call, datetime.now(UTC), started(name="Foreign Canary"), *to_agent(), *ended(),
            f.RecordingStored(recording=recording, key="x/r.flac", sha256="ab" * 32, duration_s=1, size=1),
            f.VoicemailStored(
                voicemail=voicemail, box="801", message_id="m", key="x/v.flac", sha256="cd" * 32, duration_s=1, size=1
            ),
        )
    )  # fmt: skip
    key = await client.made("/v1/tm/api-keys", {"name": "theirs", "scopes": ["telemarketing.supervise"]})
    room, held = await conference(client), new_id()
    await meeting(world, client.tenant, held, UUID(room["id"]))
    listener = await agent(client)
    world.supervisions.there[call] = Watched(call_id=call, agent=person["extension"], leg="a")
    heard = {"agentExtension": person["extension"], "extension": listener["extension"], "reason": "Foreign Canary"}
    supervision = await client.made("/v1/tm/supervisions", heard)
    shown = await client.made("/v1/tm/caller-ids", {"number": unique("number"), "proof": "a letter"})
    not_called = await client.made("/v1/tm/dnc", {"phone": unique("number")})
    attempt = new_id()
    await world.owner.execute(
        "INSERT INTO attempt (id, tenant_id, call_id, kind, number, cleared, verdicts, at)"
        " VALUES ($1, $2, $3, 'hand_dialled', '+12025550143', true, '[]', now())", attempt, client.tenant, call)  # fmt: skip
    return {
        "attemptId": str(attempt), "callerIdId": shown["id"], "doNotCallId": not_called["id"],
        "callId": str(call), "recordingId": str(recording), "voicemailId": str(voicemail), "agentId": person["id"],
        "queueId": desk["id"], "didId": (await did(client, queueId=desk["id"]))["id"], "treeId": tree["id"],
        "trunkId": (await trunk(client))["id"], "mailboxId": (await mailbox(client))["id"], "apiKeyId": key["id"],
        "blockedCallerId": (await blocked(client))["id"], "version": "1",
        "routeId": (await route(client, otherwise={"queueId": desk["id"]}))["id"],
        "listedCallerId": (await listed(client))["id"],
        "conferenceId": room["id"], "meetingId": str(held), "partyId": f"p-{held}",
        "pauseReasonId": (await pause_reason(client))["id"],
        "supervisionId": supervision["id"],
        "banId": str(await banned(world, "203.0.113.200", 5, client.tenant)),
    }  # fmt: skip


BODIES: dict[str, Any] = {
    "changeQueue": {"maxWaitSec": 1}, "changeAgent": {"displayName": "X"}, "changeDid": {"label": "X"},
    "changeTrunk": {"port": 1}, "changeMailbox": {"ownerName": "X"}, "changeBlockedCaller": {"reason": "X"},
    "changeConference": {"name": "X"},
    "askAgentState": {"state": "away"}, "extendAgentWrapUp": {"extendSec": 1}, "changePauseReason": {"label": "X"},
    "changeMember": {"penalty": 1}, "putAgentSkills": {"skills": {"x": 1}},
    "replaceIvrTree": {"source": GOOD_TREE + "#"}, "activateIvrTree": {"version": 1},
    "replaceRoute": {"otherwise": {"reject": True}}, "explainRoute": {}, "changeListedCaller": {"note": "X"},
    "transferCall": {"kind": "node", "name": "welcome"}, "consultAgent": {"extension": "101"}, "addGuest": {"extension": "101"},
    "dropGuest": {"extension": "101"}, "pickUpCall": {"extension": "101"}, "muteParty": {"on": True},
    "sendDigits": {"digits": "1"}, "changeVoicemail": {"read": True}, "forwardVoicemail": {"mailbox": "801"},
    "setMailboxPin": {"pin": "1234"},
    "changeSupervision": {"mode": "whisper"}, "putRates": {"currency": "USD", "rates": []},
}  # fmt: skip


async def test_what_is_foreign_is_404_by_every_route_and_stays_as_it_was(
    world: World, mine: Client, theirs: Client
) -> None:
    """Every operation of the document, so a new route is tested by being there."""
    world.control.known.clear()
    foreign = await everything(world, theirs)
    own = await everything(world, mine)
    before = await rows_of(world, OTHER_TENANT)
    tried = 0
    for (method, path), operation in mine.contract.operations.items():
        if "{" not in path:
            continue
        name = operation["operationId"]
        body = {"agentId": own["agentId"]} if name == "addMember" else BODIES.get(name)
        # each foreign id alone in an otherwise right path, and all of them
        spots = [spot for spot in foreign if f"{{{spot}}}" in path and spot != "version"]
        for wrong in [{spot} for spot in spots] + [set(spots)]:
            address = path
            for spot, value in foreign.items():
                address = address.replace(f"{{{spot}}}", value if spot in wrong or spot == "version" else own[spot])
            answer = await mine.ask(method, address, body)
            assert answer.status == 404, f"{method} {path} with foreign {wrong}: {answer.status}"
            assert b"Canary" not in answer.body
            tried += 1
    assert tried > 40
    assert await rows_of(world, OTHER_TENANT) == before


async def test_no_list_shows_what_is_foreign(world: World, mine: Client, theirs: Client) -> None:
    foreign = await everything(world, theirs)
    own = await everything(world, mine)
    looked = 0
    for (method, path), operation in mine.contract.operations.items():
        if method != "GET" or "{" in path or not operation["operationId"].startswith("list"):
            continue
        text = json.dumps(await mine.all(path, limit="200"))
        assert not [spot for spot, value in foreign.items() if spot != "version" and value in text], path
        assert [spot for spot, value in own.items() if spot != "version" and value in text], path
        looked += 1
    assert looked >= 9


async def rows_of(world: World, tenant: UUID) -> dict[str, str]:
    """Everything a tenant has, but for what noting a key's use and the audit of their own doings change."""
    tables = await world.owner.fetch(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id' AND table_schema = 'public'"
    )
    names = sorted({row["table_name"] for row in tables} - {"audit", "api_key"})
    return {
        name: await world.owner.fetchval(
            f"SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM {name} t WHERE tenant_id = $1", tenant
        )
        for name in names
    }
