"""baresip's control socket: commands out, answers and events in, as JSON in netstrings."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from m3voip.phones.errors import PhoneError


@dataclass(slots=True)
class Event:
    """Something baresip told: ``kind`` e.g. CALL_ESTABLISHED, ``parameter`` its text."""

    kind: str
    parameter: str
    at: float = field(default_factory=time.monotonic)


class Control(asyncio.Protocol):
    """The control socket: JSON in netstrings, answers found by token, everything else an event."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._buffer = bytearray()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tokens = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Cut the stream into netstrings."""
        self._buffer += data
        while (colon := self._buffer.find(b":")) > 0:
            length = int(self._buffer[:colon])
            if len(self._buffer) < colon + length + 2:
                return
            message = json.loads(self._buffer[colon + 1 : colon + 1 + length])
            del self._buffer[: colon + length + 2]
            if message.get("event"):
                self._on_event(Event(str(message.get("type", "")), str(message.get("param", ""))))
            elif (answer := self._waiting.pop(str(message.get("token")), None)) and not answer.done():
                answer.set_result(message)

    async def command(self, name: str, parameters: str) -> str:
        """Send a command, return what it prints. Raises PhoneError where baresip is gone, TimeoutError after 5 s."""
        if self._transport is None or self._transport.is_closing():
            raise PhoneError(f"baresip is gone; cannot {name}")
        self._tokens += 1
        token = f"t{self._tokens}"
        answer = self._waiting[token] = asyncio.get_running_loop().create_future()
        text = json.dumps({"command": name, "params": parameters, "token": token}).encode()
        self._transport.write(b"%d:%s," % (len(text), text))
        async with asyncio.timeout(5):
            return str((await answer).get("data", ""))

    def close(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()
