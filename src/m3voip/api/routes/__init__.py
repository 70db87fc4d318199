"""The routes, one noun a file; ``ROUTERS`` is all of them under /v1, in the order of the documentation."""

from m3voip.api.routes import (
    agents,
    api_keys,
    blocked_callers,
    calls,
    dids,
    events,
    in_hand,
    ivr_trees,
    mailboxes,
    members,
    queues,
    recordings,
    supervisions,
    trunks,
    voicemails,
)

ROUTERS = (
    calls.router,
    in_hand.router,
    supervisions.router,
    recordings.router,
    recordings.downloads,
    voicemails.router,
    events.router,
    queues.router,
    members.router,
    agents.router,
    dids.router,
    trunks.router,
    ivr_trees.router,
    mailboxes.router,
    blocked_callers.router,
    api_keys.router,
)
