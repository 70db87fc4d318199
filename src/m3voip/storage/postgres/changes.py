"""What one batch of facts changes of a call and of a queue visit: what is not set is not changed.

Field names are those of the columns, or what record_facts_v1 makes of them.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType


class CallChange(Struct, kw_only=True):
    """What changed of one call. ``first_seq``..``last_seq`` are the facts it comes from. ``waited_s`` and ``talked_s`` are
    added to the call's sums; ``talk_s`` replaces its sum."""

    id: UUID
    tenant_id: UUID
    first_seq: int
    last_seq: int
    direction: str | UnsetType = UNSET
    did: str | UnsetType = UNSET
    caller: str | UnsetType = UNSET
    caller_name: str | UnsetType = UNSET
    leg: str | UnsetType = UNSET
    tree: str | UnsetType = UNSET
    tree_version: int | UnsetType = UNSET
    state: str | UnsetType = UNSET
    node: str | UnsetType = UNSET
    queue: str | UnsetType = UNSET
    visits: int | UnsetType = UNSET
    extension: str | UnsetType = UNSET
    talks_to: str | UnsetType = UNSET
    recorded: bool | UnsetType = UNSET
    recording_id: UUID | UnsetType = UNSET
    started_at: datetime | UnsetType = UNSET
    queued_at: datetime | UnsetType = UNSET
    joined_at: datetime | UnsetType = UNSET
    connected_at: datetime | UnsetType = UNSET
    ended_at: datetime | UnsetType = UNSET
    duration_s: float | UnsetType = UNSET
    waited_s: float | UnsetType = UNSET
    talked_s: float | UnsetType = UNSET
    talk_s: float | UnsetType = UNSET
    end_reason: str | UnsetType = UNSET
    hangup_cause: int | UnsetType = UNSET


class VisitChange(Struct, kw_only=True):
    """What changed of one queue visit; ``entered_at`` when it began here, else it is the call's latest. ``seq`` is that of
    the fact which began it (or might have: see record_facts_v1 on the floor)."""

    call_id: UUID
    tenant_id: UUID
    seq: int
    visit: int | UnsetType = UNSET
    queue: str | UnsetType = UNSET
    entered_at: datetime | UnsetType = UNSET
    joined_at: datetime | UnsetType = UNSET
    position: int | UnsetType = UNSET
    offers: int | UnsetType = UNSET
    missed: int | UnsetType = UNSET
    outcome: str | UnsetType = UNSET
    outcome_at: datetime | UnsetType = UNSET
    waited_s: float | UnsetType = UNSET
    extension: str | UnsetType = UNSET
    talk_s: float | UnsetType = UNSET

    def left(self, outcome: str, at: datetime, waited_s: float) -> None:
        """The first outcome stands."""
        if self.outcome is UNSET:
            self.outcome, self.outcome_at, self.waited_s = outcome, at, waited_s
