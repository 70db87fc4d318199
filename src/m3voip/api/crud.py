"""What the routes of all configuration nouns do alike: page, change and delete rows, and note who did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct

from m3voip.api.context import Context
from m3voip.api.paging import Paging, cut
from m3voip.api.work import Db
from m3voip.storage.postgres.admin import audit
from m3voip.storage.postgres.admin.table import Table

RowType = TypeVar("RowType", bound=Struct)


def _id(row: Struct) -> str:
    return str(row.id)  # type: ignore[attr-defined]  # every configuration row has one


async def page_of_rows(
    context: Context, db: Db, table: Table[RowType], paging: Paging
) -> tuple[Sequence[RowType], str | None]:
    """A page of a table and the cursor of the next one."""
    rows = await table.page(db, context.tenant_id, context.after(table.name, paging), paging.limit)
    page, last = cut(rows, paging.limit, _id)
    return page, context.next_cursor(table.name, last)


async def insert_row(context: Context, db: Db, table: Table[RowType], values: Mapping[str, Any]) -> RowType:
    """Make a row with a fresh id."""
    row = await table.insert(db, context.tenant_id, context.new_id(), values)
    await note(context, db, f"{table.name}.create", _id(row))
    return row


async def change_row(
    context: Context, db: Db, table: Table[RowType], row_id: UUID, values: Mapping[str, Any]
) -> RowType:
    """Change a row."""
    row = await table.change(db, context.tenant_id, row_id, values)
    if values:
        await note(context, db, f"{table.name}.change", row_id)
    return row


async def delete_row(context: Context, db: Db, table: Table[RowType], row_id: UUID) -> None:
    """Delete a row."""
    await table.delete(db, context.tenant_id, row_id)
    await note(context, db, f"{table.name}.delete", row_id)


async def note(
    context: Context, db: Db, action: str, target: object, *, details: Mapping[str, str | int] | None = None
) -> None:
    """Write down who did what."""
    await audit.note(db, context.tenant_id, context.principal.subject, action, target, details=details)
