"""Events to many readers at once (SSE). Law: publishing never waits; a reader that does not keep up is cut off and resumes
from the database by the id of the last event it saw (invariant 10), so nothing is missed and nothing comes twice.

Ids grow in commit order (storage.postgres.commit), so what the database has after id N is complete at any moment. What the
hub is told may have a hole: a commit whose outcome the writer never heard of. Then every reader is told to look into the
database itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

import orjson
from msgspec import Struct

from m3voip.storage.codec import StoredEvent


class Frame(Struct, frozen=True):
    """An event as the bytes that every reader gets, made once."""

    id: int
    body: bytes


Heard = Frame | None
"""What a reader finds in its queue: an event, or None for "look into the database"."""

QUEUE_LENGTH = 1000
"""Events that wait for one reader before it counts as too slow; about 10 s of a busy tenant."""


def frame(event: StoredEvent) -> Frame:
    """One message of an event stream. It has no ``event:`` line, so a browser's ``onmessage`` sees every kind."""
    shown = {
        "id": event.id,
        "callId": str(event.call_id),
        "seq": event.seq,
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "kind": event.kind,
        "payload": orjson.Fragment(bytes(event.payload)),
    }
    return Frame(event.id, b"id: %d\ndata: %s\n\n" % (event.id, orjson.dumps(shown)))


class Subscription:
    """One reader's place: what has been published since it came."""

    def __init__(self, tenant_id: UUID, kinds: frozenset[str], length: int) -> None:
        self.tenant_id = tenant_id
        self.kinds = kinds
        self._queue: asyncio.Queue[Heard] = asyncio.Queue(length)
        self._over = asyncio.Event()
        self.too_slow = False

    def wants(self, event: StoredEvent) -> bool:
        """Whether this reader asked for such events and may see them."""
        return event.tenant_id == self.tenant_id and (not self.kinds or event.kind in self.kinds)

    def offer(self, event: Heard) -> None:
        """Put something into the reader's queue; a full queue ends the subscription."""
        if self._over.is_set():
            return
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.too_slow = True
            self._over.set()

    def end(self) -> None:
        """The service stops."""
        self._over.set()

    async def over(self) -> None:
        """Returns when nothing more will come: too slow, or the service stops."""
        await self._over.wait()

    def take(self) -> list[Heard]:
        """Everything that waits, without waiting."""
        batch: list[Heard] = []
        with suppress(asyncio.QueueEmpty):
            while True:
                batch.append(self._queue.get_nowait())
        return batch

    async def next(self) -> Heard:
        """The next thing, when it comes."""
        return await self._queue.get()


class EventHub:
    """Hands committed events to whoever listens."""

    def __init__(self, *, queue_length: int = QUEUE_LENGTH) -> None:
        self._length = queue_length
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self._last: int | None = None
        """Id of the newest event that all present readers were offered; None when that is not known."""

    def __len__(self) -> int:
        return len(self._subscriptions)

    def publish(self, events: Iterable[StoredEvent]) -> None:
        """Called after each commit, in commit order (it is a ``storage.postgres.commit.OnCommitted``). Never blocks."""
        if not self._subscriptions:
            self._last = None
            return
        for event in events:
            if self._last is None or event.id != self._last + 1:
                self._tell_all_to_look()
            self._last = event.id
            readers = [subscription for subscription in self._subscriptions if subscription.wants(event)]
            if readers:
                heard = frame(event)
                for subscription in readers:
                    subscription.offer(heard)

    def _tell_all_to_look(self) -> None:
        for subscription in self._subscriptions:
            subscription.offer(None)

    def subscribe(self, tenant_id: UUID, kinds: frozenset[str] = frozenset()) -> Subscription:
        """Begin to listen. ``kinds`` empty means all. End with ``unsubscribe``."""
        subscription = Subscription(tenant_id, kinds, self._length)
        if self._closed:
            subscription.end()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop listening."""
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End all streams, for a graceful stop; their readers come back to the next process and resume."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.end()
