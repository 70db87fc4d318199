"""Asks the CRM over HTTP for the IVR's ``http`` nodes. One origin, set by the operator; a tree names only a path.

Law: the caller waits, so the budget is hard (2 s by default), a redirect is a failure, the reply is at most 64 kB, and a
slow CRM costs no other call: at most 100 questions at once, the next ones fail at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import aiohttp
import msgspec

from m3voip.core.commands import AskCrm
from m3voip.core.events import CrmAnswered, CrmFailed, Event
from m3voip.ports import Deliver
from m3voip.providers.crm.metrics import CRM_REQUESTS

MAX_REPLY_BYTES = 64 * 1024
MAX_AT_ONCE = 100
MAX_VALUE_LENGTH = 200


class CrmHttp:
    """CrmPort over aiohttp. ``run`` must be running while questions are asked."""

    def __init__(self, *, origin: str, deliver: Deliver, now: Callable[[], datetime]) -> None:
        self._origin = origin.rstrip("/")
        self._deliver = deliver
        self._now = now
        self._questions: asyncio.Queue[AskCrm] = asyncio.Queue()
        self._at_once = 0

    def ask(self, command: AskCrm) -> None:
        """Ask; the answer reaches the leg's mailbox. Never blocks."""
        if not self._origin:
            self._fail(command, "no CRM is configured (M3VOIP_CRM_URL)")
        elif self._at_once >= MAX_AT_ONCE:
            self._fail(command, "too many questions at once")
        else:
            self._at_once += 1
            self._questions.put_nowait(command)

    async def run(self) -> None:
        """Until cancelled. Owns the HTTP session and a task per open question."""
        limit = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=limit) as session, asyncio.TaskGroup() as tasks:
            while True:
                command = await self._questions.get()
                tasks.create_task(self._answer(session, command), name=f"crm-{command.request}")

    async def _answer(self, session: aiohttp.ClientSession, command: AskCrm) -> None:
        try:
            async with asyncio.timeout(command.timeout_ms / 1000):
                event = await self._request(session, command)
            CRM_REQUESTS.labels("answered").inc()
            self._deliver(command.leg, event)
        except TimeoutError:
            self._fail(command, f"no answer within {command.timeout_ms} ms")
        except (aiohttp.ClientError, OSError, ValueError, msgspec.DecodeError) as error:
            self._fail(command, type(error).__name__)
        finally:
            self._at_once -= 1

    async def _request(self, session: aiohttp.ClientSession, command: AskCrm) -> Event:
        body = None if command.method == "GET" else command.body
        query = command.body if command.method == "GET" else None
        url = f"{self._origin}/{command.url.lstrip('/')}"
        async with session.request(command.method, url, params=query, json=body, allow_redirects=False) as reply:
            if 300 <= reply.status < 400:
                raise ValueError("redirect")
            raw = bytearray()
            async for chunk in reply.content.iter_any():
                raw += chunk
                if len(raw) > MAX_REPLY_BYTES:
                    raise ValueError("reply too large")
            document = msgspec.json.decode(raw) if raw and command.extract else {}
            values = {name: pick(document, path) for name, path in command.extract.items()}
            return CrmAnswered(at=self._now(), request=command.request, status=reply.status, values=values)

    def _fail(self, command: AskCrm, why: str) -> None:
        CRM_REQUESTS.labels("failed").inc()
        self._deliver(command.leg, CrmFailed(at=self._now(), request=command.request, why=why))


def pick(document: object, path: str) -> str:
    """The value at a dotted path as text, "" when it is not there or not a plain value."""
    for part in path.split("."):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return ""
    if isinstance(document, bool):
        return "true" if document else "false"
    return str(document)[:MAX_VALUE_LENGTH] if isinstance(document, str | int | float) else ""
