"""The contract's permission names. An API key's scopes are these; a user's token will carry the same (later)."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """What a caller of the API may do."""

    MANAGE_CAMPAIGNS = "telemarketing.manage_campaigns"
    MANAGE_LISTS = "telemarketing.manage_lists"
    MAKE_CALLS = "telemarketing.make_calls"
    LISTEN_RECORDINGS = "telemarketing.listen_recordings"
    SUPERVISE = "telemarketing.supervise"
    MANAGE_AGENTS = "telemarketing.manage_agents"
    MANAGE_TELEPHONY = "telemarketing.manage_telephony"
    VIEW_REPORTS = "telemarketing.view_reports"
    MANAGE_DNC = "telemarketing.manage_dnc"


ALL = frozenset(Permission)
WATCH = (Permission.SUPERVISE, Permission.VIEW_REPORTS, Permission.MAKE_CALLS)
"""Any of these may read calls and their events."""
READ_SETUP = (Permission.MANAGE_TELEPHONY, Permission.MANAGE_AGENTS, *WATCH)
"""Any of these may read queues, agents and what else is set up."""
