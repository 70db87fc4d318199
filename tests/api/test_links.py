"""Recordings and messages are heard by short-lived links: whole, in ranges, and not at all when a link is not ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import pytest

from m3voip.api.links import Kind, Links
from m3voip.config import DEFAULT_TENANT
from m3voip.core import facts as f
from tests.api.client import Answer, Client
from tests.api.conftest import OTHER_TENANT, World
from tests.api.stories import ended, new_id, started, story, to_agent

pytestmark = pytest.mark.postgres

SOUND = bytes(range(256)) * 40


async def stored(world: World, tenant: UUID = DEFAULT_TENANT) -> tuple[UUID, UUID]:
    """A recording and a message in the vault."""
    call, recording, voicemail = new_id(), new_id(), new_id()
    for name in (recording, voicemail):
        (world.vault / f"{name}.flac").write_bytes(SOUND)
    digest = sha256(SOUND).hexdigest()
    await world.writer.write(
        *story(
            tenant, call, datetime.now(UTC), started(), *to_agent(), *ended(),
            f.RecordingStored(
                recording=recording, key=f"{recording}.flac", sha256=digest, duration_s=1.5, size=len(SOUND)
            ),
            f.VoicemailStored(
                voicemail=voicemail, box="801", message_id=str(voicemail), key=f"{voicemail}.flac", sha256=digest,
                duration_s=1.5, size=len(SOUND),
            ),
        )
    )  # fmt: skip
    return recording, voicemail


async def download(client: Client, url: str, **headers: str) -> Answer:
    """Follow a link as a browser does: without a credential."""
    path = url.removeprefix(client.base)
    return await client.using("").ask("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def link(client: Client, recording: UUID) -> str:
    answer = await client.ask("POST", f"/v1/tm/recordings/{recording}/link")
    assert answer.status == 200, answer.body
    return str(answer.json["url"])


async def test_a_link_plays_the_recording_for_five_minutes(world: World, mine: Client) -> None:
    recording, voicemail = await stored(world)
    for path, name in (
        (f"/v1/tm/recordings/{recording}/link", recording),
        (f"/v1/tm/voicemails/{voicemail}/link", voicemail),
    ):
        made = (await mine.ask("POST", path)).json
        left = datetime.fromisoformat(made["expiresAt"]) - datetime.now(UTC)
        assert timedelta(minutes=4, seconds=55) < left <= timedelta(minutes=5)
        got = await download(mine, made["url"])
        assert (got.status, got.body) == (200, SOUND)
        assert got.headers["Content-Type"] == "audio/flac"
        assert got.headers["Accept-Ranges"] == "bytes"
        assert "no-store" in got.headers["Cache-Control"]
        audited = await world.owner.fetchval("SELECT action FROM audit WHERE object = $1", str(name))
        assert audited in {"recording.link", "voicemail.link"}


@pytest.mark.parametrize(
    ("wanted", "status", "first", "last"),
    [
        ("bytes=0-99", 206, 0, 99),
        ("bytes=100-", 206, 100, len(SOUND) - 1),
        ("bytes=-10", 206, len(SOUND) - 10, len(SOUND) - 1),
        ("bytes=0-999999", 206, 0, len(SOUND) - 1),
        ("bytes=-999999", 206, 0, len(SOUND) - 1),
        ("bytes=5-2", 200, 0, len(SOUND) - 1),
        ("bytes=0-1,4-5", 200, 0, len(SOUND) - 1),
        ("pages=1-2", 200, 0, len(SOUND) - 1),
        ("bytes=99999-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
async def test_a_player_can_seek(world: World, mine: Client, wanted: str, status: int, first: int, last: int) -> None:
    recording, _ = await stored(world)
    got = await download(mine, await link(mine, recording), Range=wanted)
    assert got.status == status
    if status == 416:
        assert got.headers["Content-Range"] == f"bytes */{len(SOUND)}"
        assert got.code == "RANGE_NOT_SATISFIABLE"
        return
    assert got.body == SOUND[first : last + 1]
    if status == 206:
        assert got.headers["Content-Range"] == f"bytes {first}-{last}/{len(SOUND)}"


async def test_a_range_of_another_file_is_the_whole(world: World, mine: Client) -> None:
    recording, _ = await stored(world)
    url = await link(mine, recording)
    tag = (await download(mine, url)).headers["ETag"]
    assert (await download(mine, url, Range="bytes=0-1", If_Range=tag)).status == 206
    assert (await download(mine, url, Range="bytes=0-1", If_Range='"other"')).status == 200


async def test_an_altered_link_is_403_whatever_was_altered(world: World, mine: Client) -> None:
    recording, voicemail = await stored(world)
    url = await link(mine, recording)
    good = dict(parse_qsl(urlsplit(url).query))
    later = str(int(good["expires"]) + 1)
    signature = good["signature"]
    altered = [
        {"id": str(voicemail)}, {"id": str(new_id())}, {"id": "x"}, {"kind": "voicemail"}, {"kind": "x"},
        {"tenant": str(OTHER_TENANT)}, {"tenant": ""}, {"expires": later}, {"expires": "x"}, {"expires": "9" * 30},
        {"signature": signature[:-2]}, {"signature": signature.swapcase()}, {"signature": ""}, {"signature": "é"},
        {"id": good["id"].upper()}, {"expires": f"0{good['expires']}"},
    ]  # fmt: skip
    for change in altered:
        answer = await download(mine, f"{mine.base}/v1/recordings/download?{urlencode({**good, **change})}")
        assert (answer.status, answer.code) == (403, "FORBIDDEN"), change
    for missing in good:
        rest = {name: value for name, value in good.items() if name != missing}
        assert (await download(mine, f"{mine.base}/v1/recordings/download?{urlencode(rest)}")).status == 403
    assert (await download(mine, url)).status == 200


async def test_an_expired_link_is_403(world: World, mine: Client) -> None:
    recording, _ = await stored(world)
    url = await link(mine, recording)
    world.clock.shift = timedelta(minutes=5, seconds=1)
    assert (await download(mine, url)).status == 403
    world.clock.shift = timedelta(0)
    assert (await download(mine, url)).status == 200
    secret = world.settings.link_secret.get_secret_value().encode()
    long, until = Links(secret, world.clock, mine.base).issue(
        Kind.RECORDING, recording, DEFAULT_TENANT, timedelta(days=1)
    )
    assert until - datetime.now(UTC) <= timedelta(minutes=5)
    assert (await download(mine, long)).status == 200


async def test_a_foreign_recording_has_no_link_and_a_link_of_another_tenant_opens_nothing(
    world: World, mine: Client
) -> None:
    recording, _ = await stored(world, OTHER_TENANT)
    assert (await mine.ask("POST", f"/v1/tm/recordings/{recording}/link")).status == 404
    # even signed by us: the tenant in it is the one whose rows are looked at
    secret = world.settings.link_secret.get_secret_value().encode()
    url, _ = Links(secret, world.clock, mine.base).issue(Kind.RECORDING, recording, DEFAULT_TENANT)
    assert (await download(mine, url)).status == 403


async def test_a_recording_that_was_deleted_is_gone(world: World, mine: Client) -> None:
    recording, _ = await stored(world)
    url = await link(mine, recording)
    (world.vault / f"{recording}.flac").unlink()
    assert (await download(mine, url)).code == "NOT_FOUND"
    await world.owner.execute("UPDATE recording SET deleted_at = now() WHERE id = $1", recording)
    assert (await download(mine, url)).status == 403
    assert (await mine.ask("POST", f"/v1/tm/recordings/{recording}/link")).status == 404


async def test_links_of_other_secrets_and_cursors_are_no_signatures(world: World, mine: Client) -> None:
    recording, _ = await stored(world)
    url, _ = Links(b"another secret altogether", world.clock, mine.base).issue(
        Kind.RECORDING, recording, DEFAULT_TENANT
    )
    assert (await download(mine, url)).status == 403
