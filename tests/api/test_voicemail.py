"""Messages by the API: found, marked, deleted, restored, forwarded; PINs; how long they are kept. What is done is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from m3voip.api.permissions import Permission
from m3voip.config import DEFAULT_TENANT
from m3voip.core import facts as f
from m3voip.storage.postgres.admin.pins import is_pin
from tests.api.client import Client
from tests.api.conftest import OTHER_TENANT, World
from tests.api.stories import ended, new_id, started, story, to_agent
from tests.api.test_setup import mailbox

pytestmark = pytest.mark.postgres


async def left(world: World, box: str, tenant: UUID = DEFAULT_TENANT, at: datetime | None = None) -> str:
    """A message in this box; its id."""
    voicemail = new_id(at)
    await world.writer.write(
        *story(
            tenant, new_id(at), at or datetime.now(UTC), started(), *to_agent(), *ended(),
            f.VoicemailStored(
                voicemail=voicemail, box=box, message_id=str(voicemail), key=f"{voicemail}.flac", sha256="ab" * 32,
                duration_s=4.0, size=99, caller="15557654321",
            ),
        )
    )  # fmt: skip
    return str(voicemail)


async def told(world: World, voicemail: str) -> list[str]:
    """What was noted to become facts, in order."""
    rows = await world.owner.fetch(
        "SELECT kind FROM voicemail_change WHERE voicemail_id = $1 ORDER BY n", UUID(voicemail)
    )
    return [row["kind"] for row in rows]


async def ids(client: Client, **filters: str) -> list[str]:
    return [row["id"] for row in await client.all("/v1/tm/voicemails", **filters)]


async def test_a_message_is_found_by_what_has_become_of_it(world: World, mine: Client) -> None:
    box = (await mailbox(mine))["box"]
    new, heard, gone = [await left(world, box) for _ in range(3)]
    assert (await mine.ask("PATCH", f"/v1/tm/voicemails/{heard}", {"read": True})).json["heardAt"] is not None
    assert (await mine.ask("DELETE", f"/v1/tm/voicemails/{gone}")).status == 204
    assert await ids(mine, mailbox=box) == [heard, new]
    assert await ids(mine, mailbox=box, state="new") == [new]
    assert await ids(mine, mailbox=box, state="read") == [heard]
    assert await ids(mine, mailbox=box, state="deleted") == [gone]
    assert (await mine.get(f"/v1/tm/voicemails/{gone}")).json["removedAt"] is not None
    assert (await mine.get("/v1/tm/voicemails", state="lost")).paths == ["state"]


async def test_what_is_done_twice_is_told_once(world: World, mine: Client) -> None:
    path = f"/v1/tm/voicemails/{(one := await left(world, (await mailbox(mine))['box']))}"
    for read in (True, True, False, False, True):
        assert ((await mine.ask("PATCH", path, {"read": read})).json["heardAt"] is not None) is read
    for _ in range(2):
        assert (await mine.ask("DELETE", path)).status == 204
    assert (await mine.ask("PATCH", path, {"read": False})).status == 404  # what is deleted is not marked
    for _ in range(2):
        assert (await mine.ask("POST", f"{path}/restore")).json["removedAt"] is None
    assert await told(world, one) == ["read", "unread", "read", "deleted", "restored"]
    actions = await world.owner.fetch("SELECT action FROM audit WHERE object = $1 ORDER BY id", one)
    assert [row["action"] for row in actions][-2:] == ["voicemail.restored"] * 2


async def test_a_copy_goes_to_another_box_with_a_note_and_once(world: World, mine: Client) -> None:
    one = await left(world, (await mailbox(mine))["box"])
    other = await mailbox(mine, maxMessages=1)
    path, body = f"/v1/tm/voicemails/{one}/forward", {"mailbox": other["box"], "note": "Please call back."}
    copy = await mine.made(path, body, Idempotency_Key="forward-1")
    assert (copy["box"], copy["note"], copy["forwardedFrom"]) == (other["box"], "Please call back.", one)
    assert (copy["caller"], copy["heardAt"], copy["durationSec"]) == ("+15557654321", None, 4.0)
    assert await mine.made(path, body, Idempotency_Key="forward-1") == copy
    assert await ids(mine, mailbox=other["box"]) == [copy["id"]]
    full = await mine.ask("POST", path, body)
    assert (full.code, full.paths) == ("CONFLICT", ["mailbox"])
    assert await told(world, copy["id"]) == ["forwarded"]
    await mine.ask("DELETE", f"/v1/tm/voicemails/{one}")
    assert (await mine.get(f"/v1/tm/voicemails/{copy['id']}")).json["removedAt"] is None


async def test_a_foreign_message_or_mailbox_is_not_there(world: World, mine: Client, theirs: Client) -> None:
    foreign_box = await mailbox(theirs)
    foreign, own = await left(world, foreign_box["box"], OTHER_TENANT), await left(world, (await mailbox(mine))["box"])
    for method, path, body in (
        ("GET", "", None), ("PATCH", "", {"read": True}), ("DELETE", "", None), ("POST", "/restore", None),
        ("POST", "/link", None), ("POST", "/forward", {"mailbox": foreign_box["box"]}),
    ):  # fmt: skip
        for one in (foreign, str(uuid4())):
            assert (await mine.ask(method, f"/v1/tm/voicemails/{one}{path}", body)).code == "NOT_FOUND", path
    lost = await mine.ask("POST", f"/v1/tm/voicemails/{own}/forward", {"mailbox": foreign_box["box"]})
    assert (lost.status, lost.paths) == (422, ["mailbox"])
    for method, path, body in (
        ("PUT", "/pin", {"pin": "1234"}), ("DELETE", "/pin", None), ("GET", "/greeting", None),
        ("GET", "/greeting/audio", None), ("PUT", "/greeting", None), ("DELETE", "/greeting", None),
    ):  # fmt: skip
        assert (await mine.ask(method, f"/v1/tm/mailboxes/{foreign_box['id']}{path}", body)).code == "NOT_FOUND", path
    assert await told(world, foreign) == []


async def test_messages_go_with_their_box_to_its_new_number(world: World, mine: Client) -> None:
    made = await mailbox(mine)
    one = await left(world, made["box"])
    new = str(int(made["box"]) + 50_000)
    assert (await mine.ask("PATCH", f"/v1/tm/mailboxes/{made['id']}", {"box": new})).json["box"] == new
    assert await ids(mine, mailbox=new) == [one]


async def test_a_pin_is_kept_as_a_hash_and_shown_to_nobody(world: World, mine: Client) -> None:
    made = await mailbox(mine)
    path = f"/v1/tm/mailboxes/{made['id']}"
    assert made["hasPin"] is False
    assert (await mine.ask("PUT", f"{path}/pin", {"pin": "482913"})).status == 204
    assert (await mine.get(path)).json["hasPin"] is True
    first = await world.owner.fetchval("SELECT hash FROM mailbox_pin WHERE mailbox_id = $1", UUID(made["id"]))
    assert "482913" not in first
    pepper = world.settings.key_pepper.get_secret_value().encode()
    assert is_pin("482913", pepper, first)
    assert not is_pin("482914", pepper, first)
    assert not is_pin("482913", b"another", first)
    assert not is_pin("", pepper, "")
    await mine.ask("PUT", f"{path}/pin", {"pin": "482913"})
    assert await world.owner.fetchval("SELECT hash FROM mailbox_pin WHERE mailbox_id = $1", UUID(made["id"])) != first
    for wrong in ("123", "12345678901", "12a4", " 1234", ""):
        refused = await mine.ask("PUT", f"{path}/pin", {"pin": wrong})
        assert (refused.status, refused.paths) == (422, ["pin"])
        assert wrong not in refused.json["error"]["details"][0]["message"] or not wrong
    assert (await mine.ask("DELETE", f"{path}/pin")).status == 204
    assert (await mine.get(path)).json["hasPin"] is False


async def test_what_is_due_is_shown_before_it_goes(world: World, mine: Client) -> None:
    short, tenants = await mailbox(mine, retentionDays=10), await mailbox(mine)
    old = datetime.now(UTC) - timedelta(days=20)
    aged, kept = await left(world, short["box"], at=old), await left(world, tenants["box"], at=old)
    fresh, removed = await left(world, short["box"]), await left(world, short["box"])
    await world.owner.execute("UPDATE voicemail SET removed_at = $2 WHERE id = $1", UUID(removed), old)
    assert await ids(mine, mailbox=short["box"], state="due") == [removed, aged]
    assert await ids(mine, mailbox=tenants["box"], state="due") == []
    settings = "/v1/tm/voicemail-settings"
    assert (await mine.get(settings)).json == {"retentionDays": 0, "binDays": 7}
    assert (await mine.ask("PATCH", settings, {"retentionDays": 15, "binDays": 30})).json["binDays"] == 30
    assert await ids(mine, mailbox=tenants["box"], state="due") == [kept]
    assert await ids(mine, mailbox=short["box"], state="due") == [aged]
    assert fresh in await ids(mine, mailbox=short["box"])
    assert (await mine.ask("PATCH", settings, {"binDays": 366})).paths == ["binDays"]
    await mine.ask("PATCH", settings, {"retentionDays": 0, "binDays": 7})


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"maxMessages": 0}, ["maxMessages"]), ({"maxMessageSec": 3601}, ["maxMessageSec"]),
        ({"retentionDays": -1}, ["retentionDays"]), ({"pin": "1234"}, ["pin"]),
    ],
)  # fmt: skip
async def test_a_limit_that_makes_no_sense_is_refused_by_name(
    mine: Client, body: dict[str, Any], paths: list[str]
) -> None:
    answer = await mine.ask("POST", "/v1/tm/mailboxes", {"box": "7999", **body})
    assert (answer.status, answer.paths) == (422, paths)


async def test_a_half_hour_message_may_be_allowed(mine: Client) -> None:
    made = await mailbox(mine, maxMessageSec=1800, retentionDays=0)
    path = f"/v1/tm/mailboxes/{made['id']}"
    assert (made["maxMessageSec"], made["maxMessages"], made["retentionDays"]) == (1800, 500, 0)
    assert (await mine.ask("PATCH", path, {"retentionDays": None})).json["retentionDays"] is None


async def test_who_may_listen_may_not_set_greetings_or_how_long_messages_stay(world: World, mine: Client) -> None:
    listener = mine.using(await world.key(Permission.LISTEN_RECORDINGS))
    made = await mailbox(mine)
    assert (await listener.get("/v1/tm/voicemails")).status == 200
    assert (await listener.ask("PUT", f"/v1/tm/mailboxes/{made['id']}/pin", {"pin": "1234"})).status == 403
    assert (await listener.ask("PUT", f"/v1/tm/mailboxes/{made['id']}/greeting", data=b"x")).status == 403
    assert (await listener.get("/v1/tm/voicemail-settings")).status == 403
