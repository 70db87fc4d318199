"""A TCP relay that can break the path between two honest parts: cut it, forget one side, swallow everything, be slow.

Law: it never changes bytes. What it loses is lost for good, so a connection that lived through a black hole stays dead.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class _Link:
    """One relayed connection."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near = near
        self.far = far
        self.swallow = False
        self.buried = asyncio.Event()

    def abort(self) -> None:
        self.near.transport.abort()
        self.far.transport.abort()


class Relay:
    """Use as `async with Relay("127.0.0.1", port) as relay:` and connect to `relay.port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()
        self._hole = False
        self.delay_s = 0.0
        self.port = 0
        self.accepted = 0

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        self.cut()
        for handler in list(self._handlers):
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    async def listen(self) -> None:
        """Accept connections (again), always on the same port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def aim(self, host: str, port: int) -> None:
        """Where new connections lead, if that was not known at first."""
        self._target = (host, port)

    def refuse(self) -> None:
        """Stop listening; connections that exist go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def cut(self) -> None:
        """Reset every connection, both sides know at once."""
        for link in list(self._links):
            link.abort()

    def forget_far_side(self) -> None:
        """Half-open: the far side sees a reset, the near side hears nothing, ever. New connections work."""
        for link in list(self._links):
            link.swallow = True
            link.far.transport.abort()

    def open_hole(self) -> None:
        """Black hole: everything is swallowed, also what new connections send; nobody is told."""
        self._hole = True
        for link in self._links:
            link.swallow = True

    def close_hole(self) -> None:
        """The path is back for new connections."""
        self._hole = False

    def bury(self) -> None:
        """Connections whose bytes were lost: whoever still has one learns now that it is dead."""
        for link in list(self._links):
            if link.swallow:
                link.abort()
                link.buried.set()

    @property
    def links(self) -> int:
        """Connections that exist now."""
        return len(self._links)

    async def _accept(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            await self._relay(reader, near)
        except asyncio.CancelledError:
            pass  # the relay is being closed; asyncio's streams would complain about a handler that ends so
        finally:
            self._handlers.discard(task)
            near.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            far_reader, far = await asyncio.open_connection(*self._target)
        except OSError:
            return
        link = _Link(near, far)
        link.swallow = self._hole
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(link, reader, far), name="relay there")
                group.create_task(self._pump(link, far_reader, near), name="relay back")
        finally:
            self._links.discard(link)
            link.abort()

    async def _pump(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if not link.swallow:
                    writer.write(data)
                    await writer.drain()
        if link.swallow:
            await link.buried.wait()  # until then the other side is not told
        link.abort()
