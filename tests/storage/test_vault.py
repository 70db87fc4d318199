"""The folder vault: whole or not at all, never changed, never outside."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from m3voip.storage.errors import VaultConflictError
from m3voip.storage.vault.folder import FolderVault

KEY = "00000000-0000-7000-8000-000000000001/2026/11/019ab1c2-0000-7000-8000-000000000001/rec_1-a.flac"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"sound" * 100_000)
    return path


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


async def test_what_was_put_can_be_read_and_its_digest_is_of_what_lies_there(tmp_path: Path, source: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    stored = await vault.put(KEY, source)
    path = await vault.open(KEY)
    assert same(path, source)
    assert (stored.key, stored.size) == (KEY, 500_000)
    assert stored.sha256 == hashlib.sha256(b"sound" * 100_000).hexdigest()
    assert [entry.name for entry in path.parent.iterdir()] == ["rec_1-a.flac"]
    assert path.stat().st_mode & 0o077 == 0


async def test_putting_the_same_again_is_fine_and_other_content_is_refused(tmp_path: Path, source: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    assert await vault.put(KEY, source) == await vault.put(KEY, source)
    other = tmp_path / "other"
    other.write_bytes(b"other")
    with pytest.raises(VaultConflictError):
        await vault.put(KEY, other)
    assert same(await vault.open(KEY), source)


async def test_of_many_who_put_different_content_at_once_one_wins(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    sources = []
    for number in range(8):
        sources.append(tmp_path / f"source{number}")
        sources[-1].write_bytes(b"%d" % number * 100_000)
    results = await asyncio.gather(*(vault.put(KEY, source) for source in sources), return_exceptions=True)
    assert sum(isinstance(result, VaultConflictError) for result in results) == 7
    assert len({path.name for path in (await vault.open(KEY)).parent.iterdir()}) == 1


async def test_what_is_deleted_is_gone_with_its_empty_folders(tmp_path: Path, source: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    await vault.put(KEY, source)
    second = KEY.replace("rec_1-a", "rec_2")
    await vault.put(second, source)
    await vault.delete(KEY)
    await vault.delete(KEY)
    with pytest.raises(KeyError):
        await vault.open(KEY)
    assert (await vault.open(second)).exists()
    await vault.delete(second)
    assert list((tmp_path / "vault").iterdir()) == []


@pytest.mark.parametrize(
    "key",
    [
        "", "x", "/etc/passwd", KEY.replace("rec_1-a", "../../x"), KEY.replace("rec_1-a", ".hidden"), KEY + "/x", KEY + "\n",
        KEY.replace("2026", "26"), KEY.replace("/11/", "/13/"), KEY.replace("rec_1-a", "a b"), "../" + KEY, KEY + "\x00",
        KEY.replace("rec_1-a", "ä"), KEY.replace("rec_1-a", "a" * 100),
    ],
)  # fmt: skip
async def test_a_key_that_is_none_is_refused(tmp_path: Path, source: Path, key: str) -> None:
    vault = FolderVault(tmp_path / "vault")
    with pytest.raises(ValueError, match="not a key"):
        await vault.put(key, source)
    with pytest.raises(KeyError):
        await vault.open(key)
    with pytest.raises(ValueError, match="not a key"):
        await vault.delete(key)
    assert not (tmp_path / "vault").exists()
