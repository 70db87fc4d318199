"""What a number's route says of a caller while the service is away: the rules that need no CRM, which nobody can ask then.

Law: only queues and mailboxes, because plain Asterisk serves nothing else on the floor; and only for a number that does not
name its floor itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import structlog
from msgspec import MsgspecError

from m3voip.routing.decide import CompiledRules, Situation
from m3voip.routing.model import MAILBOX, QUEUE, read_route

log = structlog.get_logger()

_ROUTE = """
select d.tenant_id, r.id, r.name, r.split_key, v.document
  from did d
  join route r on r.id = d.route_id
  join route_version v on v.route_id = r.id and v.version = r.version
 where d.active and d.digits = $1 and d.floor_queue_id is null and d.floor_mailbox_id is null"""
_LISTED = """
select list, language from listed_caller
 where tenant_id = $1 and digits = $2 and (until is null or until > now()) order by id"""
_PLACE = """
select coalesce(q.name, '') as queue, coalesce(m.box, qm.box, '') as box
  from route_target rt
  left join queue q on q.id = rt.queue_id and q.active
  left join mailbox qm on qm.id = q.mailbox_id
  left join mailbox m on m.id = rt.mailbox_id
 where rt.route_id = $1 and coalesce(rt.queue_id, rt.mailbox_id) = $2 limit 1"""


async def place_by_rules(pool: asyncpg.Pool, digits: str, caller: str) -> tuple[UUID, str, str] | None:
    """Tenant, queue and mailbox, one of which may be empty; None when no rule leads to either. Both numbers are digits."""
    route = await pool.fetchrow(_ROUTE, digits)
    if route is None:
        return None
    listed = await pool.fetch(_LISTED, route["tenant_id"], caller)
    situation = Situation(
        now=datetime.now(UTC),
        caller=caller,
        lists=frozenset(row["list"] for row in listed),
        language=next((row["language"] for row in listed if row["language"]), ""),
        crm=None,
    )
    try:
        decision = CompiledRules(read_route(route["document"]), route["split_key"]).decide(situation)
    except (MsgspecError, ValueError, KeyError) as error:  # a zone or region that this program does not know
        log.warning("route.unreadable", route=route["name"], why=str(error))
        return None
    if decision is None or not any(kind in (QUEUE, MAILBOX) for kind, _ in decision.target.named()):
        return None
    place = await pool.fetchrow(_PLACE, route["id"], decision.target.place)
    return (route["tenant_id"], place["queue"], place["box"]) if place else None
