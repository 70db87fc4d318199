"""What every configuration table can do: list, get, insert, change, delete, for one tenant.

Law: table and column names come from the code (``Table`` and the keys of ``values``, which must be in it), values go as
parameters; columns are named, because some may be written and not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from m3voip.storage.postgres.admin.refusals import Duplicate, Impossible, InUse, Missing, Refusal, Unknown

Db = PoolConnectionProxy | asyncpg.Connection
RowType = TypeVar("RowType", bound=Struct)

_COLUMN = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[RowType]):
    """One kind of thing. ``row``: what is read, a field a column. ``written``: columns that may be set as well.

    ``called``: what the columns of unique constraints and references are called outside, where that differs.
    """

    name: str
    what: str
    row: type[RowType]
    written: frozenset[str] = frozenset()
    called: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Check constraint over several columns → the field to change, and what it must be."""

    @property
    def _columns(self) -> str:
        return ", ".join(self.row.__struct_fields__)

    async def page(self, db: Db, tenant_id: UUID, after: str | None, limit: int) -> list[RowType]:
        """Up to ``limit + 1`` rows in the order they were made, after the row of this id."""
        rows = await db.fetch(
            f"SELECT {self._columns} FROM {self.name} WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id > $2)"  # noqa: S608
            " ORDER BY id LIMIT $3",
            tenant_id,
            after and UUID(after),
            limit + 1,
        )
        return [self.row(**row) for row in rows]

    async def get(self, db: Db, tenant_id: UUID, row_id: UUID, *, lock: bool = False) -> RowType:
        """One row. Raises Missing. ``lock`` keeps others from changing it until the transaction ends."""
        row = await db.fetchrow(
            f"SELECT {self._columns} FROM {self.name} WHERE tenant_id = $1 AND id = $2"  # noqa: S608
            f"{' FOR UPDATE' if lock else ''}",
            tenant_id,
            row_id,
        )
        if row is None:
            raise Missing(self.what)
        return self.row(**row)

    async def insert(self, db: Db, tenant_id: UUID, row_id: UUID, values: Mapping[str, Any]) -> RowType:
        """Make a row. Raises Duplicate or Unknown."""
        columns = ["tenant_id", "id", *map(self._own, values)]
        places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        try:
            row = await db.fetchrow(
                f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({places}) RETURNING {self._columns}",  # noqa: S608
                tenant_id,
                row_id,
                *values.values(),
            )
        except asyncpg.IntegrityConstraintViolationError as error:
            raise self._refusal(error) from error
        assert row is not None
        return self.row(**row)

    async def change(self, db: Db, tenant_id: UUID, row_id: UUID, values: Mapping[str, Any]) -> RowType:
        """Set some columns. Raises Missing, Duplicate or Unknown."""
        if not values:
            return await self.get(db, tenant_id, row_id)
        sets = ", ".join(f"{self._own(column)} = ${n}" for n, column in enumerate(values, 3))
        try:
            row = await db.fetchrow(
                f"UPDATE {self.name} SET {sets} WHERE tenant_id = $1 AND id = $2 RETURNING {self._columns}",  # noqa: S608
                tenant_id,
                row_id,
                *values.values(),
            )
        except asyncpg.IntegrityConstraintViolationError as error:
            raise self._refusal(error) from error
        if row is None:
            raise Missing(self.what)
        return self.row(**row)

    async def delete(self, db: Db, tenant_id: UUID, row_id: UUID) -> None:
        """Remove a row. Raises Missing, or InUse while another row needs it."""
        try:
            done = await db.fetchval(
                f"DELETE FROM {self.name} WHERE tenant_id = $1 AND id = $2 RETURNING true",  # noqa: S608
                tenant_id,
                row_id,
            )
        except asyncpg.ForeignKeyViolationError as error:
            raise InUse(self.what, _called_table(str(error.table_name))) from error
        if not done:
            raise Missing(self.what)

    def _own(self, column: str) -> str:
        if column not in self.written and column not in self.row.__struct_fields__:
            raise ValueError(f"{self.name} has no column {column} to set")
        assert _COLUMN.fullmatch(column)
        return column

    def _refusal(self, error: asyncpg.IntegrityConstraintViolationError) -> Refusal:
        constraint = str(error.constraint_name)
        if constraint in self.rules:
            return Impossible(*self.rules[constraint])
        column = constraint.removeprefix(f"{self.name}_").removeprefix("tenant_id_")
        if isinstance(error, asyncpg.UniqueViolationError):
            column = column.removesuffix("_key")
            return Duplicate(self.what, self.called.get(column, column))
        if isinstance(error, asyncpg.ForeignKeyViolationError):
            column = column.removesuffix("_fkey")
            return Unknown(_called_table(column.removesuffix("_id")), self.called.get(column, column))
        raise error


def _called_table(name: str) -> str:
    """A table or reference as people call it."""
    plain = name.removeprefix("floor_").removeprefix("overflow_").removeprefix("owner_")
    return {
        "did": "DID",
        "tree": "IVR tree",
        "ivr_tree": "IVR tree",
        "queue_member": "queue member",
        "route_target": "route",
    }.get(plain, plain.replace("_", " "))
