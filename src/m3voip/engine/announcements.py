"""Makes what queues say playable before Asterisk is told of it.

Law: an announcement that cannot be made is left out and reported; the queue takes callers all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from msgspec.structs import replace

from m3voip.core.errors import ProviderError
from m3voip.core.office import Announcement, Office, Queue
from m3voip.ivr.model import DEFAULT_VOICE
from m3voip.ivr.prompts import PromptSource, key_of
from m3voip.ports import Speech

log = structlog.get_logger()


class Announcements:
    """Renders by the speech library, like the prompts of trees."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech

    async def render(self, office: Office) -> Office:
        """The office with the key of every announcement that can be played."""
        if not any(map(_says_something, office.queues)):
            return office
        files = self._speech.files()
        return replace(office, queues=tuple([await self._queue(queue, files) for queue in office.queues]))

    async def _queue(self, queue: Queue, files: Mapping[str, str]) -> Queue:
        if not _says_something(queue):
            return queue
        periodic = [await self._made(queue, one, files) for one in queue.periodic_announcements]
        return replace(
            queue,
            join_announcement=await self._made(queue, queue.join_announcement, files),
            agent_announcement=await self._made(queue, queue.agent_announcement, files),
            periodic_announcements=tuple(one for one in periodic if one is not None),
        )

    async def _made(self, queue: Queue, one: Announcement | None, files: Mapping[str, str]) -> Announcement | None:
        if one is None:
            return None
        where = f"queue {queue.name}"
        if one.file:
            key, source = key_of("file", files.get(one.file, one.file)), PromptSource(where=where, file=one.file)
        else:
            key = key_of("text", self._speech.engine, DEFAULT_VOICE, one.text)
            source = PromptSource(where=where, text=one.text, voice=DEFAULT_VOICE)
        try:
            await self._speech.prepare({key: source})
        except ProviderError as error:
            log.error("queue.announcement_refused", queue=queue.name, why=str(error), action="correct it by the API")
            return None
        return replace(one, key=key)


def _says_something(queue: Queue) -> bool:
    return bool(queue.join_announcement or queue.agent_announcement or queue.periodic_announcements)
