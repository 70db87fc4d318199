"""What somebody outside sees of a stack under fire: the API's answers with their time, and Asterisk's own channels."""

from __future__ import annotations

import time
from dataclasses import dataclass

import aiohttp

from m3voip.stack.stack import Stack
from tests.chaos.records import open_legs
from tests.support.eventually import eventually


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Of the API. ``code`` is that of an error, or ""; 0 means no HTTP answer at all."""

    status: int
    code: str
    seconds: float


async def ask(stack: Stack, path: str) -> Answer:
    """GET as the administrator."""
    settings, began = stack.settings, time.monotonic()
    url = f"http://{settings.api_host}:{settings.api_port}{path}"
    headers = {"Authorization": f"Bearer {stack.secrets.admin_key}"}
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, headers=headers) as reply:
            body = await reply.json()
            code = body["error"]["code"] if "error" in body else ""
            return Answer(status=reply.status, code=code, seconds=time.monotonic() - began)
    except aiohttp.ClientError:
        return Answer(status=0, code="", seconds=time.monotonic() - began)


async def is_ready(stack: Stack) -> bool:
    """What /readyz says."""
    return (await ask(stack, "/readyz")).status == 200


async def caller_legs(stack: Stack) -> set[str]:
    """Channels of callers that Asterisk has, by unique id: those from the trunk."""
    lines = (await stack.cli("core show channels concise")).splitlines()
    rows = [line.split("!") for line in lines]
    return {row[-1] for row in rows if row[0].startswith("PJSIP/trunk-")}


async def agree(stack: Stack, within: float) -> float:
    """Wait until our open calls are exactly Asterisk's callers; returns the seconds that took."""
    began = time.monotonic()

    async def same() -> bool:
        before = await caller_legs(stack)
        ours, theirs = await open_legs(stack), await caller_legs(stack)
        # Callers come and go while we look, and a record is some milliseconds behind: those who were there all the time count.
        assert ours >= before & theirs, f"unknown to us: {before & theirs - ours}"
        assert ours <= before | theirs, f"zombies: {ours - (before | theirs)}"
        return True

    await eventually(same, within, every=0.05, what="agreement on who is on the line")
    return time.monotonic() - began
