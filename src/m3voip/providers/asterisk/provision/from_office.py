"""The configuration as Asterisk shall see it. One bad row is left out and reported; it must not take the others down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

import structlog

from m3voip.core import office as o
from m3voip.core.conference import conference_name, pin_of_nothing
from m3voip.core.office import node_box, node_name, node_trunk, phone_context
from m3voip.core.skills import read_rule
from m3voip.providers.asterisk.provision import model as m
from m3voip.providers.asterisk.provision.conferences import ConferenceConfig
from m3voip.providers.asterisk.provision.names import ProvisioningError

log = structlog.get_logger()
WRAP_UP_GUARD_S = 2
"""The service owns the wrap-up and pauses the member for it; app_queue's own holds the next call off until that has arrived,
and while the service is away. It counts in whole seconds, so this is one to two."""

Row = TypeVar("Row")
Made = TypeVar("Made")


def provisioning(office: o.Office, default_tenant: UUID) -> m.Provisioning:
    """Everything that Asterisk needs to serve callers, also while the service is away."""
    floor = next((t for t in office.tenants if t.tenant_id == default_tenant), None)

    def endpoint(a: o.Agent) -> m.EndpointConfig:
        return m.EndpointConfig(
            name=a.endpoint,
            kind=m.EndpointKind(a.phone_kind),
            ha1=a.ha1,
            extension=a.extension,
            display_name=a.display_name,
            mailbox=node_box(a.tenant_id, default_tenant, a.box) if a.box else "",
            context=phone_context(a.tenant_id, default_tenant),
            session=a.works == o.SESSION,
        )

    def queue(q: o.Queue) -> m.QueueConfig:
        rule = read_rule(q.skill_rule)
        return m.QueueConfig(
            name=node_name(q.tenant_id, default_tenant, q.name),
            strategy=m.Strategy(q.strategy),
            ring_timeout=q.ring_timeout_s,
            retry=q.retry_s,
            wrap_up=min(q.wrapup_s, WRAP_UP_GUARD_S),
            announce_interval=q.announce_interval_s,
            announce_position=q.announce_position,
            announce_holdtime=m.HoldtimeAnnouncement(q.announce_holdtime),
            music=q.music,
            maxlen=q.maxlen,
            weight=q.weight,
            join_empty=tuple(m.Unavailable(reason) for reason in q.join_empty),
            leave_when_empty=tuple(m.Unavailable(reason) for reason in q.leave_empty),
            members=tuple(
                m.MemberConfig(
                    endpoint=one.endpoint,
                    name=one.extension,
                    penalty=rule.penalty(one.levels, one.penalty),
                    paused=one.paused,
                    session=one.works == o.SESSION,
                )
                for one in q.members
            ),
            penalty_changes=rule.changes(),
            join_announcement=q.join_announcement.key if q.join_announcement else "",
            agent_announcement=q.agent_announcement.key if q.agent_announcement else "",
            periodic_announcements=tuple(one.key for one in q.periodic_announcements if one.key),
            periodic_interval=q.periodic_interval_s,
        )

    def trunk(t: o.Trunk) -> m.TrunkConfig:
        return m.TrunkConfig(
            name=node_trunk(t.tenant_id, default_tenant, t.name),
            addresses=t.addresses,
            server=f"{t.host}:{t.port}" if t.host else "",
            username=t.username,
            password=t.secret,
            register=t.kind == "registration",
            contact_user=t.contact_user,
            transport=m.TrunkTransport(t.transport),
        )

    def did(d: o.Did) -> m.DidConfig:
        return m.DidConfig(
            number=d.digits,
            queue=node_name(d.tenant_id, default_tenant, d.floor_queue) if d.floor_queue else "",
            mailbox=node_box(d.tenant_id, default_tenant, d.floor_box) if d.floor_box else "",
        )

    phones = {(a.tenant_id, a.extension) for a in office.agents}

    def conference(c: o.Conference) -> ConferenceConfig:
        if (c.tenant_id, c.number) in phones:  # the phone was there first; one number twice would stop everything
            raise ProvisioningError(f"conference {conference_name(c.id)}: an agent has its number")
        # With a moderator's PIN alone whoever types nothing is a participant: that is what the digest of nothing says.
        everybody = pin_of_nothing(c.id) if c.moderator_pin_digest else ""
        return ConferenceConfig(
            name=conference_name(c.id),
            number=c.number,
            context=phone_context(c.tenant_id, default_tenant),
            pin=c.pin_digest or everybody,
            moderator_pin=c.moderator_pin_digest,
            max_parties=c.max_parties,
            record=c.record == "always",
            music="" if c.music == "none" else c.music,
            announce=c.announce,
            locked_at_start=c.locked_at_start,
            wait_for_moderator=c.wait_for_moderator,
        )

    return m.Provisioning(
        endpoints=_each("agent", (a for a in office.agents if a.ha1), endpoint),
        queues=_each("queue", office.queues, queue),
        trunks=_each("trunk", office.trunks, trunk),
        dids=_each("did", office.dids, did),
        conferences=_each("conference", office.conferences, conference),
        banned=tuple(str(ban.source) for ban in office.bans),
        default_queue=node_name(default_tenant, default_tenant, floor.floor_queue)
        if floor and floor.floor_queue
        else "",
        default_mailbox=node_box(default_tenant, default_tenant, floor.floor_box) if floor and floor.floor_box else "",
    )


def _each(what: str, rows: Iterable[Row], make: Callable[[Row], Made]) -> tuple[Made, ...]:
    made: list[Made] = []
    for row in rows:
        try:
            made.append(make(row))
        except (ProvisioningError, ValueError) as error:
            log.error("provisioning.row_refused", what=what, why=str(error), action="correct it by the API")
    return tuple(made)
