"""Every duration of a link to Asterisk (ARI and AMI), in seconds, with the reason for its value."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTiming:
    """Defaults keep bar R-02: a black hole is noticed in ≤ 20 s, and we are back ≤ 2 s after the path returns, which
    bounds `connect_s + reconnect_max_s` and leaves half a second for a busy machine."""

    request_s: float = 5.0
    """A request without an answer for so long has an unknown outcome."""
    connect_s: float = 1.0
    """TCP and handshake; they take milliseconds on a working path."""
    reconnect_min_s: float = 0.1
    reconnect_max_s: float = 0.5
    """Asterisk is one hop away and has one client: nothing is gained by waiting longer for it."""
    refused_min_s: float = 1.0
    refused_max_s: float = 5.0
    """After a refused password: it will be refused again, and Asterisk's security log counts attempts."""
    ping_every_s: float = 10.0
    dead_after_s: float = 15.0
    """Without a pong for so long the path is dead, even if events still come: requests would not arrive."""
    tick_s: float = 0.25
    """How often deadlines are looked at."""
    stall_s: float = 1.0
    """A tick later than this was our own stall; see `Heartbeat`."""
    probe_s: float = 1.0
    """How long the first request on an ARI socket may take before the socket counts as unable to carry requests."""

    def reconnect_delay(self, attempt: int, rng: Random) -> float:
        """Full jitter: uniform up to a bound that doubles with each failed attempt (0 = the first)."""
        bound = min(self.reconnect_max_s, self.reconnect_min_s * 2 ** min(attempt + 1, 16))
        return rng.uniform(self.reconnect_min_s, max(bound, self.reconnect_min_s))

    def refused_delay(self, rng: Random) -> float:
        """How long to wait after a refused password."""
        return rng.uniform(self.refused_min_s, self.refused_max_s)


class Heartbeat:
    """When to ping, and when to give a link up.

    A tick that comes late means that this process was stalled, not the path: answers may be waiting unread in the
    socket, so nothing is judged until the next tick.
    """

    def __init__(self, timing: LinkTiming, now: float) -> None:
        self._timing = timing
        self._last_tick = self._last_ping = self._last_pong = now

    def pong(self, now: float) -> None:
        """The other side has answered a ping."""
        self._last_pong = now

    def stalled(self, now: float) -> bool:
        """Call once a tick, first; True means: judge nothing this time."""
        timing = self._timing
        late, self._last_tick = now - self._last_tick > timing.tick_s + timing.stall_s, now
        if late:
            self._last_pong = now
        return late

    def ping_due(self, now: float) -> bool:
        """Whether to ping now; if so, the ping is taken as sent."""
        due = now - max(self._last_pong, self._last_ping) >= self._timing.ping_every_s
        if due:
            self._last_ping = now
        return due

    def dead(self, now: float) -> bool:
        """Whether pings have been unanswered for too long."""
        return now - self._last_pong >= self._timing.dead_after_s
