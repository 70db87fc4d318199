"""What the routes about agents and their phones share: fresh secrets, what a phone is told, how it is now."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime
from hashlib import md5
from typing import Any

from m3voip.api.context import Context
from m3voip.api.permissions import Permission
from m3voip.api.schemas.phone import PhoneLive, PhoneProvisioning, PortRange, SipCredentials
from m3voip.core.device import KINDS, REALM, SipServer, masked_address, phone_settings
from m3voip.storage.postgres.admin.agents import TABLE, AgentRow
from m3voip.storage.postgres.admin.table import Db

_OPERATORS = frozenset({Permission.MANAGE_AGENTS.value, Permission.MANAGE_TELEPHONY.value})


def fresh_secret(ctx: Context, endpoint: str) -> tuple[str, str]:
    """A secret of 128 bits, and what is stored of it (RFC 2617's HA1, which Asterisk takes in place of a password)."""
    secret = urlsafe_b64encode(ctx.deps.random_bytes(16)).decode().rstrip("=")
    return secret, md5(f"{endpoint}:{REALM}:{secret}".encode(), usedforsecurity=False).hexdigest()


def unknown_digest(ctx: Context) -> str:
    """A digest whose secret nobody knows: the phone is set up and cannot register."""
    return ctx.deps.random_bytes(16).hex()


async def give_secret(ctx: Context, db: Db, row: AgentRow, expires_at: datetime | None) -> SipCredentials:
    """Replace the phone's secret."""
    secret, ha1 = fresh_secret(ctx, row.endpoint)
    row = await TABLE.change(db, ctx.tenant_id, row.id, {"ha1": ha1, "ha1_expires_at": expires_at})
    return SipCredentials(
        sip_username=row.endpoint,
        sip_secret=secret,
        expires_at=expires_at,
        provisioning=provisioning(ctx, row, secret),
    )


def provisioning(ctx: Context, row: AgentRow, secret: str = "") -> PhoneProvisioning:
    """What an agent's phone is told."""
    settings = ctx.deps.settings
    server = SipServer(
        host=settings.sip_host or settings.sip_address,
        ports={
            "udp": settings.sip_udp_port,
            "tcp": settings.sip_tcp_port,
            "tls": settings.sip_tls_port,
            "wss": settings.wss_port,
        },
    )
    told = phone_settings(KINDS[row.phone_kind], row.endpoint, server, secret)
    return PhoneProvisioning.model_validate(
        {
            "sip_username": row.endpoint,
            "realm": REALM,
            "server": server.host,
            "port": told.port,
            "transport": told.transport,
            "srtp": told.encryption,
            "codecs": list(told.codecs),
            "outbound_proxy": told.outbound_proxy,
            "register_expiry_sec": told.expiry_s,
            "rtp_ports": PortRange(first=settings.rtp_start, last=settings.rtp_end),
            "secret_expires_at": row.ha1_expires_at,
            "baresip": told.baresip,
            "jssip": told.jssip,
        }
    )


def phone_now(ctx: Context, extension: str) -> PhoneLive | None:
    """An agent's phone at this moment; where it is only operators see."""
    now: Any = ctx.deps.phones.phone(ctx.tenant_id, extension)
    if now is None:
        return None
    shown = PhoneLive.model_validate(now, from_attributes=True)
    if not _OPERATORS & ctx.principal.permissions:
        shown.address = masked_address(shown.address)
    return shown
