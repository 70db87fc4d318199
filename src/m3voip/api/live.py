"""Events to many readers at once (SSE). Law: publishing never waits; a reader that does not keep up is cut off and resumes
from the database by the id of the last event it saw (invariant 10), so nothing is missed and nothing comes twice.

Ids grow in commit order (one writer, see storage), so "after id N" is complete at any moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from m3voip.core.facts import Recorded

QUEUE_LENGTH = 1000
"""Events that wait for one reader before it counts as too slow; about 10 s of a busy tenant."""


class StoredEvent(Struct, frozen=True, kw_only=True):
    """A committed row of call_event. ``id`` orders all events; ``payload`` is the fact's JSON without its kind."""

    id: int
    tenant_id: UUID
    call_id: UUID
    seq: int
    at: datetime
    kind: str
    payload: Raw


def stored(row: Recorded, event_id: int) -> StoredEvent:
    """A fact that has just been committed under this id, as readers of the database would see it."""
    fields = msgspec.to_builtins(row.fact)
    kind = fields.pop("kind")
    payload = Raw(msgspec.json.encode(fields))
    return StoredEvent(
        id=event_id, tenant_id=row.tenant_id, call_id=row.call_id, seq=row.seq, at=row.at, kind=kind, payload=payload
    )


class Subscription:
    """One reader's place: what has been published since it came."""

    def __init__(self, tenant_id: UUID, kinds: frozenset[str], length: int) -> None:
        self.tenant_id = tenant_id
        self.kinds = kinds
        self._queue: asyncio.Queue[StoredEvent] = asyncio.Queue(length)
        self._over = asyncio.Event()
        self.too_slow = False

    def wants(self, event: StoredEvent) -> bool:
        """Whether this reader asked for such events and may see them."""
        return event.tenant_id == self.tenant_id and (not self.kinds or event.kind in self.kinds)

    def offer(self, event: StoredEvent) -> None:
        """Put an event into the reader's queue; a full queue ends the subscription."""
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

    def take(self) -> list[StoredEvent]:
        """Everything that waits, without waiting."""
        batch: list[StoredEvent] = []
        with suppress(asyncio.QueueEmpty):
            while True:
                batch.append(self._queue.get_nowait())
        return batch

    async def next(self) -> StoredEvent:
        """The next event, when it comes."""
        return await self._queue.get()


class EventHub:
    """Hands committed events to whoever listens."""

    def __init__(self, *, queue_length: int = QUEUE_LENGTH) -> None:
        self._length = queue_length
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._subscriptions)

    def publish(self, events: Iterable[StoredEvent]) -> None:
        """Called by the writer after each commit, in commit order. Never blocks."""
        if not self._subscriptions:
            return
        for event in events:
            for subscription in self._subscriptions:
                if subscription.wants(event):
                    subscription.offer(event)

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
