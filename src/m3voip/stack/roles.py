"""The database and its three roles, made and kept in step with secrets.json at every start.

Law: a role can log in and nothing else (no superuser, no bypass of row-level security); the server is sent the SCRAM
verifier, never the password, so no log of it can hold one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from m3voip.stack import postgres
from m3voip.stack.paths import Folders
from m3voip.stack.ports import Ports
from m3voip.stack.secrets import Secrets
from m3voip.stack.settings import API, DATABASE, ENGINE, OWNER

_ROLE = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


async def provide(folders: Folders, ports: Ports, secrets: Secrets) -> None:
    """Make what is missing; set the passwords of secrets.json. Raises asyncpg.PostgresError or OSError."""
    passwords = {OWNER: secrets.owner_password, ENGINE: secrets.engine_password, API: secrets.api_password}
    async with superuser(folders, ports) as connection:
        known = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for role, password in passwords.items():
            change = "ALTER" if role in known else "CREATE"
            await connection.execute(f"{change} ROLE {role} WITH {_ROLE} PASSWORD '{scram_verifier(password)}'")
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
            await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
            await connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {ENGINE}, {API}")


@asynccontextmanager
async def superuser(folders: Folders, ports: Ports, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
    """A connection as the superuser, by the socket in the instance's folder."""
    connection = await asyncpg.connect(
        host=str(postgres.socket_folder(folders)), port=ports.postgres, user=postgres.SUPERUSER, database=database
    )
    try:
        yield connection
    finally:
        await connection.close()


def scram_verifier(password: str) -> str:
    """What Postgres stores for a password (RFC 5803), with a fresh salt."""
    salt = random.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256$4096:{encoded[0]}${encoded[1]}:{encoded[2]}"
