"""What others may order of live calls: the API, and the phones' own codes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from m3voip.core.call import Call, State
from m3voip.core.events import LegArrived
from m3voip.core.requests import PickUpDialled, Request
from m3voip.engine.calls import Calls
from m3voip.ports import Telephony

SLOTS = range(701, 800)
"""Where calls are parked, a tenant's own."""


class CallControl:
    """Implements ``api.deps.CallControl``."""

    def __init__(self, calls: Calls, telephony: Telephony) -> None:
        self._calls = calls
        self._telephony = telephony

    @property
    def connected(self) -> bool:
        """Whether the telephony node can be reached."""
        return self._telephony.connected

    def hang_up(self, call_id: UUID, by: UUID | None) -> bool:
        """Order the end of a call; False when it does not live."""
        return self._calls.hang_up(call_id, by)

    def ask(self, call_id: UUID, request: Request) -> str | None:
        """Ask something of a call; answers why it cannot be done, "" when it is under way, None when it does not live."""
        return self._calls.ask(call_id, request)

    def refusal(self, call_id: UUID, request: Request) -> str | None:
        """The same without doing it."""
        return self._calls.refusal(call_id, request)

    def live(self, tenant_id: UUID, call_id: UUID) -> Call | None:
        """The tenant's call as it is at this moment; None when it does not live."""
        call = self._calls.by_id(call_id)
        return call if call is not None and call.tenant_id == tenant_id and call.state is not State.ENDED else None

    def pick_up(self, leg: str, tenant_id: UUID, extension: str, slot: int, at: datetime) -> bool:
        """An agent dialled a slot: their leg joins the call that is parked there. False when there is none to take."""
        parked = (call.id for call in self._calls if call.tenant_id == tenant_id and call.parked == slot)
        call_id = next(parked, None)
        if call_id is None or self._calls.ask(call_id, PickUpDialled(at=at, extension=extension, leg=leg)):
            return False
        self._calls.deliver(leg, LegArrived(at=at))
        return True

    def free_slot(self, tenant_id: UUID) -> int | None:
        """A slot to park in; None when all are taken."""
        taken = {call.parked for call in self._calls if call.tenant_id == tenant_id}
        return next((slot for slot in SLOTS if slot not in taken), None)
