"""Do ARI and AMI let us in with our secrets, and nobody without?"""

from __future__ import annotations

import asyncio

import aiohttp

from m3voip.stack.doctor.finding import Finding, Subject, fail, ok

_START = "start the stack (make up); if it runs, look at `m3voip stack logs --part asterisk`"
_SECRET = "Asterisk runs with other secrets than settings.env has; restart it: m3voip stack down, then up"  # noqa: S105


async def check(subject: Subject) -> list[Finding]:
    """Both protocols, each with and without the right secret."""
    return [*await _ari(subject), *await _ami(subject)]


async def _ari(subject: Subject) -> list[Finding]:
    settings = subject.settings
    where = f"ARI on {settings.ari_host}:{settings.ari_port}"
    try:
        await subject.ari("asterisk/ping")
    except aiohttp.ClientResponseError as error:
        return [fail(f"{where} answers {error.status}", _SECRET)]
    except (aiohttp.ClientError, TimeoutError) as error:
        return [fail(f"{where} does not answer: {error}", _START)]
    async with subject.http.get(f"http://{settings.ari_host}:{settings.ari_port}/ari/asterisk/ping") as answer:
        if answer.status != 401:
            return [fail(f"{where} answers {answer.status} to a stranger", "give every user in ari.conf a password")]
    return [ok(f"{where} lets us in, and no stranger")]


async def _ami(subject: Subject) -> list[Finding]:
    settings = subject.settings
    where = f"AMI on {settings.ami_host}:{settings.ami_port}"
    try:
        async with asyncio.timeout(5):
            if not await _login(subject, settings.ami_secret.get_secret_value()):
                return [fail(f"{where} refuses our secret", _SECRET)]
            if await _login(subject, "an-obviously-wrong-secret"):
                return [fail(f"{where} lets anybody in", "give the user in manager.conf a secret")]
    except (OSError, TimeoutError) as error:
        return [fail(f"{where} does not answer: {error or 'no answer in 5 s'}", _START)]
    return [ok(f"{where} lets us in, and no stranger")]


async def _login(subject: Subject, secret: str) -> bool:
    settings = subject.settings
    reader, writer = await asyncio.open_connection(settings.ami_host, settings.ami_port)
    try:
        await reader.readline()
        writer.write(
            f"Action: Login\r\nUsername: {settings.ami_user}\r\nSecret: {secret}\r\nEvents: off\r\n\r\n".encode()
        )
        await writer.drain()
        return b"Success" in await reader.readline()
    finally:
        writer.close()
