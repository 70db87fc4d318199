"""Who asks, and what they may do. Law: every route names its permissions (``allowed``), and they are checked before the
request's body is read; what is documented is what is enforced, because both are read from the same place.

UNAUTHORIZED: no valid credential. FORBIDDEN: a valid one that may not do this, or not from there, or not for that tenant.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any, Protocol
from uuid import UUID

from fastapi import Request, Response
from fastapi.routing import APIRoute

from m3voip.api.errors import ApiError, Code, invalid, unauthorized
from m3voip.api.keys import PlainKey, parse_key
from m3voip.api.permissions import Permission
from m3voip.api.work import Deadline, key_work
from m3voip.ports import Clock
from m3voip.storage.postgres.admin import api_keys
from m3voip.storage.postgres.pool import Pool

_REMEMBERED = timedelta(seconds=5)
_MOST_REMEMBERED = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. ``subject`` is the key's (later also the user's) id; ``agent_id`` the agent that it stands for, if any."""

    tenant_id: UUID
    subject: UUID
    permissions: frozenset[str]
    agent_id: UUID | None = None


class Authenticator(Protocol):
    """Turns a bearer token into who it stands for."""

    async def __call__(self, token: str, address: str, deadline: Deadline) -> Principal:
        """Raises ApiError UNAUTHORIZED or FORBIDDEN, or StorageUnavailable. ``address`` is the client's."""
        ...


class KeyAuthenticator:
    """API keys. A key is looked up at most every five seconds, so a revoked one dies within that time everywhere."""

    def __init__(self, pool: Pool, pepper: bytes, clock: Clock) -> None:
        self._pool = pool
        self._pepper = pepper
        self._clock = clock
        self._remembered: OrderedDict[bytes, tuple[datetime, api_keys.KeyRow]] = OrderedDict()

    async def __call__(self, token: str, address: str, deadline: Deadline) -> Principal:
        """See ``Authenticator``."""
        key = parse_key(token)
        if key is None:
            raise unauthorized("This is not an API key; one looks like m3v_<prefix>_<secret>.")
        row = await self._find(key, deadline)
        now = self._clock.now()
        if row is None or row.revoked_at is not None:
            raise unauthorized("This API key is not known. It may have been revoked; create a new one.")
        if row.expires_at is not None and row.expires_at <= now:
            raise unauthorized("This API key has expired. Create a new one.")
        if row.cidrs and not _within(address, row.cidrs):
            raise ApiError(Code.FORBIDDEN, "This API key may not be used from this address.")
        return Principal(
            tenant_id=row.tenant_id, subject=row.id, permissions=frozenset(row.scopes), agent_id=row.agent_id
        )

    def forget(self, key_id: UUID) -> None:
        """Drop what is remembered of a key that has just been revoked."""
        for digest, (_, row) in list(self._remembered.items()):
            if row.id == key_id:
                del self._remembered[digest]

    async def _find(self, key: PlainKey, deadline: Deadline) -> api_keys.KeyRow | None:
        digest, now = key.digest(self._pepper), self._clock.now()
        found = self._remembered.get(digest)
        if found is not None and abs(now - found[0]) < _REMEMBERED:
            return found[1]
        async with key_work(self._pool, key.prefix, deadline) as db:
            row = await api_keys.by_prefix(db, key.prefix)
            # The comparison runs in both cases, so the time taken does not tell whether a prefix exists.
            same = compare_digest(digest, row.digest if row else bytes(32))
            if row is None or not same:
                return None
            await api_keys.note_use(db, row.id)
        self._remembered[digest] = (now, row)
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return row


def _within(address: str, cidrs: tuple[str, ...]) -> bool:
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped:
        client = client.ipv4_mapped
    return any(client in ipaddress.ip_network(cidr) for cidr in cidrs)


def allowed(*any_of: Permission) -> dict[str, Any]:
    """Keyword arguments of a route that may be used with any one of these permissions."""
    assert any_of
    return {"openapi_extra": {"security": [{"bearer": [p.value]} for p in any_of]}}


class Guarded(APIRoute):
    """A route that lets nobody in unseen. It must have been declared with ``allowed(…)``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's hook around the whole handling of a request, body included."""
        inner = super().get_route_handler()
        any_of = [next(iter(way.values()))[0] for way in (self.openapi_extra or {})["security"]]

        async def handle(request: Request) -> Response:
            request.state.deadline = Deadline()
            request.state.principal = await _admit(request, any_of)
            return await inner(request)

        return handle


async def _admit(request: Request, any_of: list[str]) -> Principal:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized("Send an API key: Authorization: Bearer m3v_…")
    authenticate: Authenticator = request.app.state.services.authenticate
    address = request.client.host if request.client else ""
    principal = await authenticate(token.strip(), address, request.state.deadline)
    _same_tenant(request.headers.get("x-tenant-id"), principal)
    if not principal.permissions.intersection(any_of):
        raise ApiError(Code.FORBIDDEN, f"This takes the permission {' or '.join(any_of)}; the key does not have it.")
    return principal


def _same_tenant(header: str | None, principal: Principal) -> None:
    if header is None:
        return
    try:
        tenant = UUID(header)
    except ValueError:
        raise invalid("X-Tenant-Id", "must be a UUID; leave it out to use the key's tenant.") from None
    if tenant != principal.tenant_id:
        raise ApiError(Code.FORBIDDEN, "X-Tenant-Id is not the tenant of this key; leave it out or use the other key.")
