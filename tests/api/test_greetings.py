"""Greetings by upload (bar S-20): the type is what the content is, the decoder has no rights, no name becomes a path."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.api.client import Answer, Client
from tests.api.conftest import World
from tests.api.test_setup import mailbox
from tests.support.tones import is_tone

pytestmark = pytest.mark.postgres


def sound(
    hz: float = 440.0, seconds: float = 1.0, form: str = "WAV", subtype: str = "PCM_16", rate: int = 8000
) -> bytes:
    """A tone as a file."""
    file = io.BytesIO()
    wave = 0.2 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)
    soundfile.write(file, wave, rate, format=form, subtype=subtype)
    return file.getvalue()


async def upload(client: Client, box: str, data: bytes, **headers: str) -> Answer:
    return await client.ask("PUT", f"/v1/tm/mailboxes/{box}/greeting", data=data, headers=headers)


async def test_a_greeting_is_uploaded_heard_and_taken_away(mine: Client) -> None:
    made = await mailbox(mine, greeting="You have reached sales.")
    path = f"/v1/tm/mailboxes/{made['id']}"
    assert (made["greetingPlayed"], (await mine.get(f"{path}/greeting/audio")).status) == ("text", 404)
    for form, subtype, rate in (("WAV", "PCM_16", 8000), ("FLAC", "PCM_24", 44100), ("OGG", "VORBIS", 48000)):
        shown = await upload(mine, made["id"], sound(form=form, subtype=subtype, rate=rate))
        assert shown.status == 200, shown.body
        assert (shown.json["played"], shown.json["source"], shown.json["text"]) == (
            "recording", "upload", "You have reached sales.",
        )  # fmt: skip
        assert 0.9 < shown.json["durationSec"] < 1.3
    heard = await mine.get(f"{path}/greeting/audio")
    samples, rate = soundfile.read(io.BytesIO(heard.body), dtype="int16")
    assert (rate, samples.ndim) == (16000, 1)
    assert is_tone(samples[3200:9600], rate, 440)
    assert (await mine.get(path)).json["greetingPlayed"] == "recording"
    for _ in range(2):
        assert (await mine.ask("DELETE", f"{path}/greeting")).status == 204
    assert (await mine.get(f"{path}/greeting")).json == {
        "played": "text", "text": "You have reached sales.", "source": None, "durationSec": None, "recordedAt": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"../../etc/passwd", "cannot be read"),
        (b"\x7fELF" + bytes(3000), "cannot be read"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt " + b"\xff" * 500, "cannot be read"),
        (sound()[:60], "shorter than half a second"),
        (sound(form="AIFF"), "AIFF"),
        (sound(hz=0.0), "can be heard"),
        (sound(seconds=200, rate=4000), "longer than 3 minutes"),
    ],
)
async def test_what_is_no_greeting_is_refused_and_why_is_said(mine: Client, data: bytes, why: str) -> None:
    made = await mailbox(mine)
    answer = await upload(mine, made["id"], data, **{"Content-Type": "audio/wav"})
    assert (answer.status, answer.paths) == (422, ["body"]), answer.body
    assert why in answer.json["error"]["details"][0]["message"]
    assert (await mine.get(f"/v1/tm/mailboxes/{made['id']}")).json["greetingPlayed"] == "standard"


async def test_ten_megabytes_are_the_most_and_only_here(mine: Client) -> None:
    made = await mailbox(mine)
    big = await upload(mine, made["id"], bytes(10 * 1024 * 1024 + 1))
    assert (big.status, big.code) == (413, "PAYLOAD_TOO_LARGE")
    elsewhere = await mine.ask("PUT", f"/v1/tm/mailboxes/{made['id']}/pin", data=bytes(1024 * 1024 + 1))
    assert elsewhere.status == 413


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x", "..%2f..%2fx", "/etc/passwd", "a\\..\\b", "x;id", "${IFS}"])
async def test_a_name_is_never_a_path(world: World, mine: Client, name: str) -> None:
    made = await mailbox(mine)
    folders = world.stack.folders
    before = await asyncio.to_thread(_files, folders.base)
    sent = await mine.ask(
        "PUT", f"/v1/tm/mailboxes/{made['id']}/greeting", params={"filename": name}, data=sound(seconds=0.6),
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": name.split("%", maxsplit=1)[0]},
    )  # fmt: skip
    assert sent.status == 200
    refused = await mine.ask("PUT", f"/v1/tm/mailboxes/{name.replace('/', '%2F')}/greeting", data=sound())
    assert refused.status in {404, 422}
    assert await asyncio.to_thread(_files, folders.base) - before == set()


def _files(folder: Path) -> set[Path]:
    """Everything outside the database's own folder."""
    return {path for path in folder.rglob("*") if "pg" not in path.relative_to(folder).parts[0]}


@pytest.mark.unit
def test_the_decoder_can_open_nothing_reach_nobody_and_write_nothing() -> None:
    tries = """
import socket
from m3voip.providers.speech.sandbox import give_up_rights
open("/etc/passwd").close()
give_up_rights()
left = []
for name, what in (
    ("read", lambda: open("/etc/passwd")), ("write", lambda: open("/tmp/m3voip-escape", "w")),
    ("network", lambda: socket.create_connection(("127.0.0.1", 22), 1)), ("memory", lambda: bytearray(2 * 1024 ** 3)),
):
    try:
        what()
        left.append(name)
    except (OSError, MemoryError):
        pass
print(left)
"""
    done = subprocess.run([sys.executable, "-c", tries], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
