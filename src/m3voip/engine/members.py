"""Keeps the telephony node's queue members as their agents are: paused unless a call may be offered.

Law: the agents' owner decides, the queue is put right. What the queue shows is compared with what is wanted at every word of
it, so a pause survives restarts on either side, and one that somebody else made does not stand.
"""

from __future__ import annotations

from collections.abc import Callable

from m3voip.core import agent as ag
from m3voip.ports import MemberControl

IN_THIS_QUEUE = "in_this_queue"
"""The pause of a membership whose own setting is "paused"."""
_UNKNOWN = "?"


class Members:
    """``held(endpoint)`` says why no call may be offered ("" = may); None for a phone that is no agent's."""

    def __init__(self, control: MemberControl, held: Callable[[str], str | None]) -> None:
        self._control = control
        self._held = held
        self._seen: dict[tuple[str, str], str] = {}
        self._paused: frozenset[tuple[str, str]] = frozenset()

    def update(self, paused: frozenset[tuple[str, str]]) -> None:
        """The memberships, (queue, endpoint) by the node's names, that are paused by configuration."""
        self._paused = paused
        self.review()

    def take(self, event: ag.BoardEvent) -> None:
        """Learn from one event; other kinds tell nothing."""
        match event:
            case ag.BoardCleared():
                self._seen.clear()
            case ag.MemberSeen():
                self._seen[event.queue, event.endpoint] = (event.reason or _UNKNOWN) if event.paused else ""
                self._put_right(event.queue, event.endpoint)
            case ag.MemberGone():
                self._seen.pop((event.queue, event.endpoint), None)
            case _:
                pass

    def hold(self, endpoint: str) -> None:
        """This agent's state has changed."""
        for queue, member in list(self._seen):
            if member == endpoint:
                self._put_right(queue, member)

    def review(self) -> None:
        """Look at all of them, also those that could not be put right before."""
        for queue, endpoint in list(self._seen):
            self._put_right(queue, endpoint)

    def _put_right(self, queue: str, endpoint: str) -> None:
        held = self._held(endpoint)
        if held is None:
            return
        wanted = held or (IN_THIS_QUEUE if (queue, endpoint) in self._paused else "")
        if self._seen[queue, endpoint] == wanted:
            return
        self._seen[queue, endpoint] = wanted

        def failed() -> None:
            if (queue, endpoint) in self._seen:
                self._seen[queue, endpoint] = _UNKNOWN

        self._control.hold(queue, endpoint, wanted, failed)
