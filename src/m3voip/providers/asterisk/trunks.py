"""How trunks are, as Asterisk knows it: whether a carrier answers when it is asked (OPTIONS), whether it knows us. What changes
comes by AMI; how it is when we come is read from the control socket. Law: a line that does not look as expected is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import structlog

from m3voip.core.trunks import TrunkEvent, TrunkReached, TrunkRegistered
from m3voip.providers.asterisk import control
from m3voip.providers.asterisk.ami import events as ami

log = structlog.get_logger()

SECONDS = 5.0
_REACHABLE = {"Reachable": True, "Unreachable": False}
_REGISTERED = {"Registered": True, "Unregistered": False, "Rejected": False, "Stopped": False}
_CONTACT = re.compile(r"\s*Contact:\s+(trunk-[a-z0-9-]+)/\S+\s+[0-9a-f]{10}\s+(Avail|Unavail)\s.*")
_REGISTRATION = re.compile(r"\s*(trunk-[a-z0-9-]+)/\S+\s+\S+\s+(Registered|Unregistered|Rejected|Stopped)\b.*")


def trunk_event(event: ami.AmiEvent) -> TrunkEvent | None:
    """What changes about a trunk."""
    match event:
        case ami.ContactStatus() if event.aor.startswith("trunk-") and event.contact_status in _REACHABLE:
            return TrunkReached(endpoint=event.aor, reachable=_REACHABLE[event.contact_status])
        case ami.Registry() if event.status in _REGISTERED:
            return TrunkRegistered(account=event.username, registered=_REGISTERED[event.status])
        case _:
            return None


async def read(socket: Path) -> list[TrunkEvent]:
    """How they are now; nothing where Asterisk does not say: then they are tried."""
    try:
        contacts = await control.command(socket, "pjsip show contacts", seconds=SECONDS)
        registrations = await control.command(socket, "pjsip show registrations", seconds=SECONDS)
    except OSError as error:  # TimeoutError is one
        log.warning("trunks.unreadable", why=str(error), action="what changes is heard all the same")
        return []
    return list(seen(contacts, registrations))


def seen(contacts: str, registrations: str) -> Iterator[TrunkEvent]:
    """What the two commands printed."""
    for line in contacts.splitlines():
        contact = _CONTACT.fullmatch(line)
        if contact is not None:
            yield TrunkReached(endpoint=contact[1], reachable=contact[2] == "Avail")
    for line in registrations.splitlines():
        registration = _REGISTRATION.fullmatch(line)
        if registration is not None:
            yield TrunkRegistered(endpoint=registration[1], registered=registration[2] == "Registered")
