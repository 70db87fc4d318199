"""Which phones can be reached, from what the telephony node tells of devices and registrations.

Law: a device that is free proves that its phone is there; one in use proves nothing, because Asterisk shows a line in use as
long as the call lasts, whether or not anybody holds it. Then the registration tells.
"""

from __future__ import annotations

from collections.abc import Callable

from m3voip.core import agent as ag

_AWAY = (ag.Device.UNAVAILABLE, ag.Device.INVALID, ag.Device.UNKNOWN)


class Presence:
    """``changed(endpoint, reachable)`` is called once for each change, and for each phone when it is first heard of."""

    def __init__(self, changed: Callable[[str, bool], None]) -> None:
        self._changed = changed
        self._reachable: dict[str, bool] = {}
        self._contacts: dict[str, str] = {}
        self._lost: set[str] = set()
        self._unseen: set[str] = set()

    def reachable(self, endpoint: str) -> bool | None:
        """None while nothing has been heard of this phone."""
        return self._reachable.get(endpoint)

    def take(self, event: ag.BoardEvent) -> None:
        """Learn from one event; other kinds tell nothing."""
        match event:
            case ag.BoardCleared():
                self._unseen = {endpoint for endpoint, there in self._reachable.items() if there}
            case ag.DeviceSeen(line=False):
                self._unseen.discard(event.endpoint)
                self._see_device(event.endpoint, event.device)
            case ag.ContactSeen():
                self._see_contact(event)
            case _:
                pass

    def settle(self) -> None:
        """The fresh reading is complete: a phone that it does not name is not there."""
        for endpoint in self._unseen:
            self._put(endpoint, reachable=False)
        self._unseen = set()

    def _see_device(self, endpoint: str, device: ag.Device) -> None:
        if device in _AWAY:
            self._put(endpoint, reachable=False)
        elif device is ag.Device.NOT_INUSE:
            self._lost.discard(endpoint)
            self._put(endpoint, reachable=True)
        elif endpoint not in self._lost:
            self._put(endpoint, reachable=True)

    def _see_contact(self, event: ag.ContactSeen) -> None:
        endpoint = event.endpoint
        if event.reachable:
            self._contacts[endpoint] = event.contact
            self._lost.discard(endpoint)
            self._put(endpoint, reachable=True)
        elif self._contacts.get(endpoint, event.contact) == event.contact:  # else a newer registration took its place
            self._lost.add(endpoint)
            self._put(endpoint, reachable=False)

    def _put(self, endpoint: str, *, reachable: bool) -> None:
        if self._reachable.get(endpoint) is not reachable:
            self._reachable[endpoint] = reachable
            self._changed(endpoint, reachable)
