"""What the engine counts. No number, name or call id is ever a label (bar E-12)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CALLS_LIVE = Gauge("m3voip_calls_live", "Calls that the service owns right now")
CALLS_STARTED = Counter("m3voip_calls_started", "Calls taken")
CALLS_ENDED = Counter("m3voip_calls_ended", "Calls that came to their end")
STEP_FAILURES = Counter("m3voip_step_failures", "Events whose handling raised: each is a bug")
PREFERRED_AGENTS = Counter(
    "m3voip_preferred_agents", "Searches of routes for the agent a caller should have first", ["result"]
)
STRAY_EVENTS = Counter("m3voip_stray_events", "Events of legs that belong to no live call")
AGENTS = Gauge("m3voip_agents", "Agents by what they do", ["state"])
SESSIONS = Gauge("m3voip_sessions", "Agents' lines that are kept up right now")
RECONCILED = Counter(
    "m3voip_reconciled", "Differences between our calls and the telephony node's legs, put right", ["kind"]
)
PHONES_REGISTERED = Gauge("m3voip_phones_registered", "Phones that are registered right now")
PHONE_REFUSALS = Counter(
    "m3voip_phone_refusals",
    "Phones that were refused: wrong secret, unknown user, audio not as their kind requires",
    ["why"],
)
SOURCES_BANNED = Gauge("m3voip_sources_banned", "Addresses whose SIP is refused right now")
SOURCES_WATCHED = Gauge(
    "m3voip_sources_watched", "Addresses that have failed to log in lately, but not enough for a ban"
)
SOURCES_SPARED = Counter(
    "m3voip_sources_spared", "Times an address would have been banned and was not, by what spares it", ["because"]
)
SUPERVISIONS_LIVE = Gauge("m3voip_supervisions_live", "Supervisors who hear an agent, or are being called to")
SUPERVISIONS_ENDED = Counter("m3voip_supervisions_ended", "Supervisions that are over", ["why"])
DIALS_ENDED = Counter("m3voip_dials_ended", "Numbers outside that were dialled, by what became of it", ["result"])
TRUNK_FAILURES = Counter("m3voip_trunk_failures", "Dials that a trunk did not get through")
