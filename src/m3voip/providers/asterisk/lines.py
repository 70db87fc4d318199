"""The lines that are kept up: which channel is whose, and when one is no more.

Law: a line is its channel, from the moment that app_agent_pool has it until the channel is gone; in between calls in hand take
it out of the pool and put it back. That it is gone only ARI tells, for channels that were asked for, so each is asked for when
it comes and at every connection.
"""

from __future__ import annotations

from collections.abc import Callable

from m3voip.core.agent import BoardEvent, LineGone, LineSeen
from m3voip.core.causes import NORMAL_CLEARING

CONTEXT = "session"
"""Where a line waits, by its endpoint (dialplans/session.conf)."""


class Lines:
    """``watch(leg)`` asks to hear of a leg's end; ``tell`` hears of lines that came and went."""

    def __init__(self, watch: Callable[[str], None], tell: Callable[[BoardEvent], None]) -> None:
        self._watch = watch
        self._tell = tell
        self._legs: dict[str, str] = {}
        self._endpoints: dict[str, str] = {}

    def leg_of(self, endpoint: str) -> str:
        """The leg of this phone's line; "" while there is none."""
        return self._legs.get(endpoint, "")

    def endpoint_of(self, leg: str) -> str:
        """Whose line this leg is; "" where it is none."""
        return self._endpoints.get(leg, "")

    def keep(self, endpoint: str, leg: str) -> None:
        """Know a line; one that is known already changes nothing."""
        if self._endpoints.get(leg) == endpoint:
            return
        self._endpoints.pop(self._legs.get(endpoint, ""), None)
        self._legs[endpoint], self._endpoints[leg] = leg, endpoint
        self._watch(leg)

    def take(self, event: BoardEvent) -> None:
        """Learn from one event; other kinds tell nothing."""
        if isinstance(event, LineSeen):
            self.keep(event.endpoint, event.leg)

    def gone(self, leg: str, cause: int | None = None) -> None:
        """This leg is no more. ``cause`` is why, where that is known: the normal one means that somebody hung up."""
        endpoint = self._endpoints.pop(leg, "")
        if not endpoint:
            return
        self._legs.pop(endpoint, None)
        self._tell(LineGone(endpoint=endpoint, leg=leg, hung_up=cause == NORMAL_CLEARING))

    def watch_all(self) -> None:
        """A new connection hears of none yet."""
        for leg in list(self._endpoints):
            self._watch(leg)
