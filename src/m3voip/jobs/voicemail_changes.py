"""What was done to messages, by phone or by the API, becomes facts that the outside is told of.

Law: a change waits in Postgres until its fact is there. It is told again after a crash in between, and recognised by its id,
so there is one fact for each.
"""

from __future__ import annotations

from m3voip.core import facts as f
from m3voip.jobs.metrics import JOBS_DONE
from m3voip.ports import CallStore, MessageChange, VoicemailStore

BATCH = 100


class VoicemailChanges:
    """Tells. ``run_once`` handles what waits, in order."""

    def __init__(self, *, store: VoicemailStore, calls: CallStore) -> None:
        self._store = store
        self._calls = calls

    async def run_once(self) -> int:
        """Make facts of all changes; returns how many."""
        done = 0
        while changes := await self._store.changes(BATCH):
            for change in changes:
                await self._calls.append_late(change.call_id, change.at, fact_of(change))
                await self._store.told(change.id)
                JOBS_DONE.labels("voicemail-changes").inc()
            done += len(changes)
        return done


def fact_of(change: MessageChange) -> f.AnyFact:
    """The fact that a change is."""
    same = {"voicemail": change.voicemail, "box": change.box, "change": change.id, "by": change.by}
    match change.kind:
        case "read":
            return f.VoicemailRead(**same)  # type: ignore[arg-type]  # the four fields that all have
        case "unread":
            return f.VoicemailUnread(**same)  # type: ignore[arg-type]
        case "deleted":
            return f.VoicemailDeleted(**same)  # type: ignore[arg-type]
        case "restored":
            return f.VoicemailRestored(**same)  # type: ignore[arg-type]
        case "purged":
            return f.VoicemailPurged(**same)  # type: ignore[arg-type]
        case "forwarded":
            return f.VoicemailForwarded(source=change.source or change.voicemail, **same)  # type: ignore[arg-type]
        case _:
            raise ValueError(f"no such change of a message: {change.kind}")
