"""Whether there is somebody or something to hand a caller on to."""

from __future__ import annotations

from uuid import UUID

from m3voip.core.parties import TargetKind
from m3voip.storage.postgres.admin.table import Db

CALLED = {
    TargetKind.EXTENSION: "agent",
    TargetKind.QUEUE: "queue",
    TargetKind.VOICEMAIL: "mailbox",
    TargetKind.NODE: "node",
    TargetKind.SURVEY: "IVR tree with an active version",
}
"""What a target is called outside."""

_QUERIES = {
    TargetKind.EXTENSION: "SELECT true FROM agent WHERE tenant_id = $1 AND extension = $2 AND active",
    TargetKind.QUEUE: "SELECT true FROM queue WHERE tenant_id = $1 AND name = $2 AND active",
    TargetKind.VOICEMAIL: "SELECT true FROM mailbox WHERE tenant_id = $1 AND box = $2",
    TargetKind.SURVEY: "SELECT true FROM ivr_tree t WHERE tenant_id = $1 AND name = $2"
    " AND EXISTS (SELECT FROM ivr_tree_version v WHERE v.tree_id = t.id AND v.active)",
}


async def exists(db: Db, tenant_id: UUID, kind: TargetKind, name: str) -> bool:
    """Whether the tenant has it. A node is the tree's: ask the call."""
    return bool(await db.fetchval(_QUERIES[kind], tenant_id, name))
