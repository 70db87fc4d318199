"""Is the database there, up to date, and do our roles have no power that they should not have?"""

from __future__ import annotations

import asyncpg

from m3voip.stack.doctor.finding import Finding, Subject, fail, ok
from m3voip.storage.errors import MigrationError
from m3voip.storage.postgres import migrate


async def check(subject: Subject) -> list[Finding]:
    """As each role that the service uses."""
    settings = subject.settings
    findings = []
    for dsn in (settings.engine_dsn.get_secret_value(), settings.api_dsn.get_secret_value()):
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            findings.append(await _role(connection))
        finally:
            await connection.close(timeout=5)
    findings.append(await _schema(settings.engine_dsn.get_secret_value()))
    findings.append(await _row_security(settings.engine_dsn.get_secret_value()))
    return findings


async def _role(connection: asyncpg.Connection) -> Finding:
    row = await connection.fetchrow(
        "SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS mighty"
        " FROM pg_roles WHERE rolname = current_user"
    )
    assert row is not None
    if row["mighty"]:
        return fail(
            f"role {row['rolname']} can do more than its work",
            f"ALTER ROLE {row['rolname']} NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB",
        )
    return ok(f"role {row['rolname']} logs in and has no special power")


async def _schema(dsn: str) -> Finding:
    try:
        missing = await migrate.pending(dsn)
    except MigrationError as error:
        return fail(f"migrations: {error}", "restore the file that was applied; a change is a new migration")
    if missing:
        return fail(f"migrations not applied: {', '.join(missing)}", "m3voip migrate")
    return ok("every migration is applied")


async def _row_security(dsn: str) -> Finding:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        rows = await connection.fetch(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
        )
    finally:
        await connection.close(timeout=5)
    if rows:
        return fail(
            f"tables that show a tenant's rows to every tenant: {', '.join(row['relname'] for row in rows)}",
            "ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, with a policy",
        )
    return ok("row-level security is forced on every table with tenants")
