"""What a fresh database gets so that somebody can call at once: the administrator's API key, and at the very first start
a small office: three queues with their mailboxes, five agents, the sample tree, a number, and a trunk for callers on
this machine.

Law: the office is made once, into an empty database; what an operator changes or deletes afterwards stays so. Phones'
passwords become digest hashes here and go no further.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from m3voip.api.keys import ensure_key
from m3voip.api.permissions import Permission
from m3voip.config import Settings
from m3voip.core.ids import uuid7
from m3voip.stack.errors import StackError
from m3voip.stack.secrets import DEMO_DIDS, Secrets
from m3voip.storage.postgres.admin import agents, dids, mailboxes, queues, trees, trunks

REALM = "asterisk"
"""Of SIP digest authentication; pjsip.conf says the same (_phone_auth)."""
TREE = "main"
_BOXES = {"sales": "801", "support": "802", "billing": "803"}


async def seed(settings: Settings, secrets: Secrets) -> None:
    """Make the key usable and, once, the office. Raises asyncpg.PostgresError or OSError."""
    if settings.owner_dsn is None:
        raise StackError("M3VOIP_OWNER_DSN is not set; only the schema's owner can seed")
    tree = (settings.trees_dir / f"{TREE}.yaml").read_text(encoding="utf-8")
    connection = await asyncpg.connect(settings.owner_dsn.get_secret_value())
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('m3voip.tenant_id', $1, true)", str(settings.tenant_id))
            await ensure_key(
                connection,
                secrets.admin_key,
                tenant_id=settings.tenant_id,
                scopes=Permission,
                name="administrator of this installation",
                pepper=settings.key_pepper.get_secret_value(),
            )
            if not await connection.fetchval(
                "SELECT EXISTS (SELECT FROM agent WHERE tenant_id = $1) OR EXISTS (SELECT FROM did WHERE tenant_id = $1)",
                settings.tenant_id,
            ):
                await _Office(connection, settings.tenant_id).open(settings, secrets, tree)
    finally:
        await connection.close()


def digest_hash(username: str, password: str) -> str:
    """HA1 of RFC 7616 for SIP: what Asterisk needs to check a phone's answer, and all that is stored."""
    return hashlib.md5(f"{username}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()


class _Office:
    """The rows of the sample office."""

    def __init__(self, connection: asyncpg.Connection, tenant_id: UUID) -> None:
        self._db, self._tenant = connection, tenant_id

    async def open(self, settings: Settings, secrets: Secrets, tree: str) -> None:
        """Make everything."""
        queue_ids = {name: await self._queue(name, box) for name, box in _BOXES.items()}
        for secret in secrets.agents:
            agent = await agents.TABLE.insert(
                self._db,
                self._tenant,
                _new_id(),
                {
                    "extension": secret.extension,
                    "display_name": f"Agent {secret.extension}",
                    "endpoint": secret.username,
                    "phone_kind": "desk_udp",  # what every tool speaks; on one machine nobody listens in
                    "ha1": digest_hash(secret.username, secret.password),
                },
            )
            await queues.add_member(self._db, self._tenant, queue_ids[secret.queue], agent.id, penalty=0, paused=False)
        trunk = await trunks.TABLE.insert(self._db, self._tenant, _new_id(), _local_trunk(settings.sip_address))
        tree_id = await self._tree(tree)
        for number in DEMO_DIDS:
            await dids.TABLE.insert(
                self._db,
                self._tenant,
                _new_id(),
                {
                    "number": number,
                    "label": "Main number",
                    "tree_id": tree_id,
                    "floor_queue_id": queue_ids["sales"],
                    "trunk_id": trunk.id,
                },
            )

    async def _queue(self, name: str, box: str) -> UUID:
        mailbox = await mailboxes.TABLE.insert(
            self._db, self._tenant, _new_id(), {"box": box, "owner_name": name.capitalize()}
        )
        queue = await queues.TABLE.insert(
            self._db,
            self._tenant,
            _new_id(),
            # Nobody sits at the simulated phones to say that they are there again.
            {"name": name, "strategy": "rrmemory", "mailbox_id": mailbox.id, "pause_on_no_answer": False},
        )
        await mailboxes.TABLE.change(self._db, self._tenant, mailbox.id, {"owner_queue_id": queue.id})
        return queue.id

    async def _tree(self, source: str) -> UUID:
        tree = await trees.TABLE.insert(self._db, self._tenant, _new_id(), {"name": TREE})
        first = await trees.add_version(self._db, self._tenant, tree.id, source)
        await trees.activate(self._db, self._tenant, tree.id, first.version)
        return tree.id


def _local_trunk(sip_address: str) -> dict[str, object]:
    addresses = {ipaddress.ip_address("127.0.0.1")}
    with suppress(ValueError):  # a name: then calls from this machine come by loopback
        addresses.add(ipaddress.ip_address(sip_address))
    networks = [ipaddress.ip_network(address) for address in sorted(addresses, key=str) if not address.is_unspecified]
    return {"name": "local", "kind": "ip", "addresses": networks}


def _new_id() -> UUID:
    return uuid7(datetime.now(UTC), os.urandom(10))
