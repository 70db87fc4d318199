"""What a route works with: who asks, the parts it was given, a unit of work of the right tenant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from m3voip.api.auth import Authenticator, Principal
from m3voip.api.deps import ApiDeps
from m3voip.api.links import Links
from m3voip.api.paging import Cursors, Paging
from m3voip.api.work import Db, Deadline, tenant_work
from m3voip.core.ids import uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the API makes for itself from its dependencies, once."""

    deps: ApiDeps
    authenticate: Authenticator
    forget_key: Callable[[UUID], None]
    links: Links
    cursors: Cursors


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One authenticated request."""

    services: Services
    principal: Principal
    deadline: Deadline

    @property
    def deps(self) -> ApiDeps:
        """The parts."""
        return self.services.deps

    @property
    def tenant_id(self) -> UUID:
        """Whose data this request may see."""
        return self.principal.tenant_id

    def work(self) -> AbstractAsyncContextManager[Db]:
        """A transaction of the request's tenant; see ``tenant_work``."""
        return tenant_work(self.deps.pool, self.tenant_id, self.deadline)

    def later_work(self) -> AbstractAsyncContextManager[Db]:
        """The same for an answer that goes on (a stream): its time begins now."""
        return tenant_work(self.deps.pool, self.tenant_id, Deadline())

    def new_id(self) -> UUID:
        """A fresh id."""
        return uuid7(self.deps.clock.now(), self.deps.random_bytes(10))

    def after(self, of: str, paging: Paging) -> str | None:
        """The key after which the page begins; None for the first page."""
        return None if paging.cursor is None else self.services.cursors.read(self.tenant_id, of, paging.cursor)

    def next_cursor(self, of: str, key: str | None) -> str | None:
        """The cursor of the next page from the last row's key; None at the end."""
        return None if key is None else self.services.cursors.write(self.tenant_id, of, key)


async def _context(request: Request) -> Context:
    state = request.state
    return Context(services=request.app.state.services, principal=state.principal, deadline=state.deadline)


Ctx = Annotated[Context, Depends(_context)]
