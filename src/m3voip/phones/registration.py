"""Keeping a phone registered (RFC 3261 §10): REGISTER, refresh before it runs out, unregister."""

from __future__ import annotations

import asyncio
import secrets

from m3voip.phones.errors import RegistrationRefusedError
from m3voip.phones.sip.message import Message, param
from m3voip.phones.ua import ALLOW, UserAgent

USER_AGENT = "m3voip softphone"


class Registration:
    """One binding of one phone. ``refused`` holds the last refusal of a refresh, for whoever looks."""

    def __init__(self, ua: UserAgent) -> None:
        self._ua = ua
        self._call_id = secrets.token_hex(12)
        self._tag = secrets.token_hex(4)
        self._timer: asyncio.TimerHandle | None = None
        self._lost = asyncio.Event()
        self.active = False
        self.refreshes = 0
        self.refused: RegistrationRefusedError | None = None

    async def register(self, expires: int) -> None:
        """Register for ``expires`` seconds and keep doing so. Raises RegistrationRefusedError."""
        done: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._send(expires, done)
        try:
            self._check(await done)
        finally:
            self._ua.layer.cancel(self._timer if not self.active else None)

    async def unregister(self) -> None:
        """Take the binding back. Raises RegistrationRefusedError."""
        self._ua.layer.cancel(self._timer)
        self.active = False
        done: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._send(0, done)
        self._check(await done)

    async def until_lost(self) -> RegistrationRefusedError:
        """Wait until a refresh is refused (408 where nobody answered it); returns the refusal."""
        await self._lost.wait()
        assert self.refused is not None
        return self.refused

    def _send(self, expires: int, done: asyncio.Future[Message] | None) -> None:
        host, port = self._ua.server
        address = f"<sip:{self._ua.username}@{host}:{port}>"
        request = Message(method="REGISTER", uri=f"sip:{host}:{port}", headers=[
            ("Via", self._ua.via()), ("Max-Forwards", "70"), ("From", f"{address};tag={self._tag}"), ("To", address),
            ("Call-ID", self._call_id), ("CSeq", f"{self._ua.next_cseq()} REGISTER"),
            ("Contact", f"{self._ua.contact};expires={expires}"), ("Expires", str(expires)), ("Allow", ALLOW),
            ("User-Agent", USER_AGENT),
        ])  # fmt: skip

        def answered(response: Message) -> None:
            if response.status < 200:
                return
            if expires and 200 <= response.status < 300:
                self.active = True
                self._lost.clear()
                self._schedule(self._granted(response, expires))
            elif expires and done is None:
                self.active = False
                self.refused = self._refusal(response)
                self._lost.set()
            if done is not None and not done.done():
                done.set_result(response)

        self._ua.send(request, self._ua.server, answered)

    def _granted(self, response: Message, asked: int) -> int:
        ours = self._ua.contact.strip("<>")
        for contact in response.get_all("Contact"):
            if ours in contact and (granted := param(contact, "expires")).isdigit():
                return int(granted)
        return int(response.get("Expires") or asked)

    def _schedule(self, granted: int) -> None:
        def refresh() -> None:
            self.refreshes += 1
            self._send(granted, None)

        self._ua.layer.cancel(self._timer)
        self._timer = self._ua.layer.later(max(1.0, granted * 0.8), refresh)

    def _refusal(self, response: Message) -> RegistrationRefusedError:
        return RegistrationRefusedError(response.status, response.reason, f"REGISTER of {self._ua.username}")

    def _check(self, response: Message) -> None:
        if response.status >= 300:
            raise self._refusal(response)
