"""The routes, one noun a file; ``ROUTERS`` is all of them under /v1, in the order of the documentation."""

from m3voip.api.routes import (
    agent_states,
    agents,
    api_keys,
    blocked_callers,
    calls,
    dids,
    events,
    ivr_trees,
    mailboxes,
    members,
    pause_reasons,
    queues,
    recordings,
    trunks,
    voicemails,
)

ROUTERS = (
    calls.router,
    recordings.router,
    recordings.downloads,
    voicemails.router,
    events.router,
    queues.router,
    members.router,
    agent_states.router,
    agents.router,
    pause_reasons.router,
    dids.router,
    trunks.router,
    ivr_trees.router,
    mailboxes.router,
    blocked_callers.router,
    api_keys.router,
)
