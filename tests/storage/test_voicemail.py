"""Messages in Postgres and in the vault: told once, purged once, never lost, whatever dies in between."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import pytest
import soundfile

from m3voip.config import DEFAULT_TENANT
from m3voip.core import facts as f
from m3voip.core.causes import EndReason
from m3voip.core.errors import ProviderError
from m3voip.core.facts import AnyFact, Recorded
from m3voip.core.ids import uuid7
from m3voip.engine.calls import SystemClock
from m3voip.jobs.lamps import LampKeeper
from m3voip.jobs.voicemail import VoicemailJob
from m3voip.jobs.voicemail_changes import VoicemailChanges
from m3voip.jobs.voicemail_retention import VoicemailRetention
from m3voip.ports import BoxMessage, StoredFile
from m3voip.providers.asterisk.agi.answers import PostgresAnswers
from m3voip.storage.postgres.admin import messages
from m3voip.storage.postgres.admin.pins import hash_pin
from m3voip.storage.postgres.boxes import MOST_FAILURES, PostgresBoxes
from m3voip.storage.postgres.calls import PostgresCalls
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import Pool
from m3voip.storage.postgres.voicemail import PostgresVoicemail
from m3voip.storage.vault.folder import FolderVault
from tests.storage.support import new_call_id, rows_of, started

pytestmark = pytest.mark.postgres

PEPPER = b"a pepper of the tests"


class Died(Exception):  # noqa: N818  # stands for the death of the process
    pass


class Calls(PostgresCalls):
    """The real ones; ``die`` after so many facts were written, or (0) before the first."""

    die: int | None = None

    async def append_late(self, call_id: UUID, at: datetime, fact: AnyFact) -> Recorded | None:
        if self.die == 0:
            raise Died
        row = await super().append_late(call_id, at, fact)
        if self.die is not None:
            self.die -= 1
            if self.die == 0:
                raise Died
        return row


class World:
    """A box of its own, a spool, a vault, and the jobs over them."""

    def __init__(self, engine: Pool, owner: asyncpg.Connection, folder: Path, box: str) -> None:
        self.owner, self.box = owner, box
        self.spool, self.vault = folder / "spool", FolderVault(folder / "vault")
        (self.spool / "message").mkdir(parents=True)
        self.store, self.calls = PostgresVoicemail(engine), Calls(engine, Commits())

    def intake(self) -> VoicemailJob:
        return VoicemailJob(
            spool=self.spool, vault=self.vault, calls=self.calls, finder=self.calls, clock=SystemClock()
        )

    async def left(self, *, amplitude: float = 0.3, ended: bool = True) -> tuple[UUID, Path]:
        """A call with what it left in the spool."""
        call = new_call_id()
        facts: list[AnyFact] = [started(), f.VoicemailEntered(box=self.box)]
        if ended:
            facts.append(f.CallEnded(reason=EndReason.COMPLETED, cause=16, duration_s=3.0))
        commits, rows = Commits(), rows_of(facts, call_id=call)
        async with commits.turn():
            await commits.commit(self.owner, rows)
        path = self.spool / "message" / f"{call}_{self.box}@default_1764060000.wav"
        wave = amplitude * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
        soundfile.write(path, wave, 8000, subtype="PCM_16")
        return call, path

    async def message(self) -> UUID:
        """A stored message; its id."""
        call, _ = await self.left()
        await self.intake().run_once()
        found: UUID = await self.owner.fetchval("select id from voicemail where call_id = $1", call)
        return found

    async def kinds(self, call: UUID) -> list[str]:
        rows = await self.owner.fetch("select kind from call_event where call_id = $1 order by seq", call)
        return [
            row["kind"] for row in rows if row["kind"].startswith("voicemail.") and row["kind"] != "voicemail.entered"
        ]


@pytest.fixture
async def world(engine: Pool, owner_dsn: str, engine_dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    owner = await asyncpg.connect(engine_dsn)
    box = str(uuid4().int % 10**9 + 10**9)
    setup = await asyncpg.connect(owner_dsn)
    await setup.execute("insert into mailbox (tenant_id, box) values ($1, $2)", DEFAULT_TENANT, box)
    await setup.close()
    yield World(engine, owner, tmp_path, box)
    await owner.execute("delete from voicemail_change where box = $1", box)
    await owner.close()


@pytest.mark.parametrize("die", [0, 1])
async def test_a_job_that_dies_before_or_after_the_fact_stores_a_message_once(world: World, die: int) -> None:
    call, path = await world.left()
    world.calls.die = die
    with pytest.raises(Died):
        await world.intake().run_once()
    assert path.exists()
    world.calls.die = None
    assert await world.intake().run_once() == 1
    assert not path.exists()
    assert await world.kinds(call) == ["voicemail.stored"]
    key = await world.owner.fetchval("select key from voicemail where call_id = $1", call)
    assert soundfile.info(await world.vault.open(key)).frames == 8000


async def test_a_vault_that_fails_keeps_the_spool_s_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, path = await world.left()

    async def refuse(key: str, source: Path) -> StoredFile:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(world.vault, "put", refuse)
        with pytest.raises(OSError, match="no space"):
            await world.intake().run_once()
    assert path.exists()
    assert await world.intake().run_once() == 1


async def test_silence_is_no_message_and_a_live_call_s_is_left_alone(world: World) -> None:
    silent, path = await world.left(amplitude=0.0005)
    torn, other = await world.left()
    other.write_bytes(b"")  # Asterisk died before the first frame
    _, live = await world.left(ended=False)
    assert await world.intake().run_once() == 2
    assert (path.exists(), other.exists(), live.exists()) == (False, False, True)
    assert await world.kinds(silent) == await world.kinds(torn) == ["voicemail.discarded"]


async def test_what_is_no_sound_stays_for_a_person_to_look_at(world: World) -> None:
    _, path = await world.left()
    path.write_bytes(b"RIFF" + bytes(200))
    job = world.intake()
    assert await job.run_once() == 0
    assert path.exists()


@pytest.mark.parametrize("die", [0, 1])
async def test_a_change_becomes_one_fact_though_the_teller_dies(world: World, die: int) -> None:
    message = await world.message()
    for kind in ("read", "deleted", "restored"):
        async with world.owner.transaction():
            await messages.change(world.owner, DEFAULT_TENANT, message, kind, "phone")
    teller = VoicemailChanges(store=world.store, calls=world.calls)
    world.calls.die = die
    with pytest.raises(Died):
        await teller.run_once()
    world.calls.die = None
    await teller.run_once()
    call = await world.owner.fetchval("select call_id from voicemail where id = $1", message)
    kinds = ["voicemail.stored", "voicemail.read", "voicemail.deleted", "voicemail.restored"]
    assert await world.kinds(call) == kinds
    told = await world.owner.fetch("select kind from outbox where call_id = $1 order by seq", call)
    assert [row["kind"] for row in told] == ["call.ended", *kinds]


async def test_sound_goes_with_the_last_message_that_has_it(world: World) -> None:
    message, copy = await world.message(), uuid7(datetime.now(UTC), os.urandom(10))
    async with world.owner.transaction():
        await messages.forward(
            world.owner, DEFAULT_TENANT, message, copy_id=copy, to_box=world.box, note="", by="phone"
        )
    key = await world.owner.fetchval("select key from voicemail where id = $1", message)
    retention = VoicemailRetention(store=world.store, vault=world.vault)
    long_ago = datetime.now(UTC) - timedelta(days=8)

    async def remove(one: UUID) -> None:
        await world.owner.execute("update voicemail set removed_at = $2 where id = $1", one, long_ago)

    await remove(message)
    assert await retention.run_once() >= 1
    assert (await world.vault.open(key)).exists()
    await remove(copy)

    class Broken(FolderVault):
        async def delete(self, key: str) -> None:
            raise OSError("the store is away")

    broken = VoicemailRetention(store=world.store, vault=Broken(Path("/nowhere")))
    with pytest.raises(ProviderError, match="vault"):
        await broken.run_once()
    assert await world.owner.fetchval("select deleted_at from voicemail where id = $1", copy) is None
    assert await retention.run_once() == 1
    with pytest.raises(KeyError):
        await world.vault.open(key)
    assert await retention.run_once() == 0
    kinds = await world.owner.fetch("select kind from voicemail_change where box = $1 order by n", world.box)
    assert [row["kind"] for row in kinds] == ["forwarded", "purged", "purged"]


async def test_lamps_are_set_where_something_changed_and_again_after_a_pause(world: World) -> None:
    shown: list[tuple[str, int, int]] = []

    class Lamps:
        async def show(self, box: str, new: int, old: int) -> None:
            if box.startswith(world.box):
                shown.append((box, new, old))

    keeper = LampKeeper(store=world.store, lamps=Lamps(), default_tenant=DEFAULT_TENANT)
    name = f"{world.box}@default"
    await keeper.run_once()
    message = await world.message()
    await keeper.run_once()
    await keeper.run_once()
    async with world.owner.transaction():
        await messages.change(world.owner, DEFAULT_TENANT, message, "read", "api")
    await keeper.run_once()
    keeper.forget()
    await keeper.run_once()
    assert shown == [(name, 0, 0), (name, 1, 0), (name, 0, 1), (name, 0, 1)]


# The phones' menu


@pytest.fixture
def boxes(world: World, engine_dsn: str) -> Iterator[PostgresBoxes]:
    answers = PostgresAnswers(engine_dsn, DEFAULT_TENANT)
    yield PostgresBoxes(answers.run, world.vault, DEFAULT_TENANT, PEPPER)
    answers.close()


async def test_the_menu_sees_new_messages_first_and_changes_what_is_there(world: World, boxes: PostgresBoxes) -> None:
    first, second = await world.message(), await world.message()
    seen = await asyncio.to_thread(boxes.seen, f"{world.box}@default")
    assert seen is not None

    def listed() -> Sequence[BoxMessage]:
        return boxes.messages(seen)

    assert [one.id for one in await asyncio.to_thread(listed)] == [first, second]
    assert await asyncio.to_thread(boxes.change, seen, first, "read")
    found = await asyncio.to_thread(listed)
    assert [(one.id, one.heard) for one in found] == [(second, False), (first, True)]
    assert (await asyncio.to_thread(boxes.sound, found[0])).exists()
    assert await asyncio.to_thread(boxes.forward, seen, first, world.box)
    assert not await asyncio.to_thread(boxes.forward, seen, first, "99")
    assert len(await asyncio.to_thread(listed)) == 3
    assert await asyncio.to_thread(boxes.change, seen, second, "deleted")
    assert not await asyncio.to_thread(boxes.change, seen, second, "read")
    assert not await asyncio.to_thread(boxes.change, seen, uuid4(), "read")
    assert await asyncio.to_thread(boxes.seen, f"{world.box}@0a1b2c3d") is None


async def test_ten_wrong_pins_close_a_box_for_a_while(world: World, boxes: PostgresBoxes, owner_dsn: str) -> None:
    def entered(pin: str, context: str = "from-agent") -> bool:
        return boxes.by_pin(context, world.box, pin) is not None

    assert not await asyncio.to_thread(entered, "4829")  # no PIN, no way in
    box = await world.owner.fetchval("select id from mailbox where box = $1", world.box)
    await world.owner.execute(
        "insert into mailbox_pin (tenant_id, mailbox_id, hash) values ($1, $2, $3)",
        DEFAULT_TENANT, box, hash_pin("4829", PEPPER, os.urandom(16)),
    )  # fmt: skip
    assert await asyncio.to_thread(entered, "4829")
    assert not await asyncio.to_thread(entered, "4829", "from-agent-0a1b2c3d")
    for _ in range(MOST_FAILURES):
        assert not await asyncio.to_thread(entered, "0000")
    assert not await asyncio.to_thread(entered, "4829")
    await world.owner.execute("update mailbox_pin set locked_until = now() - interval '1 s' where mailbox_id = $1", box)
    assert await asyncio.to_thread(entered, "4829")
    failures = await world.owner.fetchval("select failures from mailbox_pin where mailbox_id = $1", box)
    assert failures == 0


async def test_a_phone_reaches_the_boxes_of_its_own_company_only(
    world: World, boxes: PostgresBoxes, owner_dsn: str
) -> None:
    other = uuid7(datetime.now(UTC), os.urandom(10))
    owner = await asyncpg.connect(owner_dsn)
    await owner.execute("insert into tenant (tenant_id, name) values ($1, 'other')", other)
    await owner.execute("insert into mailbox (tenant_id, box) values ($1, $2)", other, world.box)
    await owner.execute(
        "insert into mailbox_pin (tenant_id, mailbox_id, hash) select tenant_id, id, $2 from mailbox where tenant_id = $1",
        other, hash_pin("4829", PEPPER, os.urandom(16)),
    )  # fmt: skip
    context = other.hex[-8:]
    theirs = await asyncio.to_thread(boxes.seen, f"{world.box}@{context}")
    ours = await asyncio.to_thread(boxes.seen, f"{world.box}@default")
    assert theirs is not None
    assert ours is not None
    assert (theirs.tenant_id, ours.tenant_id) == (other, DEFAULT_TENANT)
    assert await asyncio.to_thread(boxes.by_pin, f"from-agent-{context}", world.box, "4829") == theirs
    assert await asyncio.to_thread(boxes.by_pin, "from-agent", world.box, "4829") is None
    message = await world.message()
    assert await asyncio.to_thread(boxes.messages, theirs) == []
    assert not await asyncio.to_thread(boxes.change, theirs, message, "deleted")
    assert not await asyncio.to_thread(boxes.forward, theirs, message, world.box)
    await owner.execute("delete from mailbox where tenant_id = $1", other)
    await owner.close()
