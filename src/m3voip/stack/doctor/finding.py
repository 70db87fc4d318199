"""What a check says, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from m3voip.config import Settings
from m3voip.stack.paths import Folders
from m3voip.stack.secrets import Secrets


class Level(StrEnum):
    """A warning can wait until tomorrow; a failure costs calls, data or safety."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One observation. `remedy` says what to do; empty when all is well."""

    level: Level
    what: str
    remedy: str = ""


def ok(what: str) -> Finding:
    """All is well."""
    return Finding(level=Level.OK, what=what)


def warn(what: str, remedy: str) -> Finding:
    """Not as it should be."""
    return Finding(level=Level.WARN, what=what, remedy=remedy)


def fail(what: str, remedy: str) -> Finding:
    """Broken or unsafe."""
    return Finding(level=Level.FAIL, what=what, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is examined. `folders` and `secrets` are an instance's of this machine; None where the parts run elsewhere
    (containers) and only the settings are known."""

    settings: Settings
    http: aiohttp.ClientSession
    folders: Folders | None = None
    secrets: Secrets | None = None

    async def ari(self, path: str) -> object:
        """GET below /ari as JSON. Raises aiohttp.ClientError or TimeoutError."""
        settings = self.settings
        login = aiohttp.encode_basic_auth(settings.ari_user, settings.ari_password.get_secret_value())
        url = f"http://{settings.ari_host}:{settings.ari_port}/ari/{path}"
        async with self.http.get(url, headers={"Authorization": login}, raise_for_status=True) as answer:
            return await answer.json()


Check = Callable[[Subject], Awaitable[list[Finding]]]
