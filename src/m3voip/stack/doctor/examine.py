"""Runs the checks: all at once, each with a deadline; one that cannot be made is a failure, not an end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
import asyncpg

from m3voip.config import Settings
from m3voip.stack import secrets
from m3voip.stack.doctor.finding import Check, Finding, Subject, fail
from m3voip.stack.doctor.registry import CHECKS
from m3voip.stack.errors import StackError
from m3voip.stack.paths import Folders
from m3voip.storage.errors import StorageUnavailable

SECONDS = 20.0
_NOT_MADE = (OSError, TimeoutError, aiohttp.ClientError, asyncpg.PostgresError, StorageUnavailable, StackError)


async def examine(
    settings: Settings, folders: Folders | None, checks: Mapping[str, Check] = CHECKS
) -> dict[str, list[Finding]]:
    """Findings by check, in the order of the registry."""
    own = secrets.ensure(folders.secrets_file) if folders and folders.secrets_file.exists() else None
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        subject = Subject(settings=settings, http=http, folders=folders, secrets=own)
        async with asyncio.TaskGroup() as group:
            running = {
                name: group.create_task(_one(check, subject), name=f"doctor.{name}") for name, check in checks.items()
            }
    return {name: task.result() for name, task in running.items()}


async def _one(check: Check, subject: Subject) -> list[Finding]:
    try:
        async with asyncio.timeout(SECONDS):
            return await check(subject)
    except _NOT_MADE as error:
        why = str(error) or type(error).__name__
        return [fail(f"could not be checked: {why}", "is the stack up? (m3voip stack status)")]
