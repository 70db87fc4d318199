"""Every setting of the service, read once at start from the environment (``M3VOIP_*``) or a ``settings.env`` file.

Law: nothing else reads the environment; there are no default passwords; a missing secret stops the start.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_TENANT = UUID("00000000-0000-7000-8000-000000000001")
"""The tenant of a single-company installation; its queues carry their plain names in Asterisk."""

_SAMPLES = ("changeme", "password", "secret", "m3secret", "admin", "example")


def _real_secret(value: SecretStr) -> SecretStr:
    """Refuse what somebody copied from a sample file (bar S-17): at least 16 characters, no known sample."""
    text = value.get_secret_value()
    if len(text) < 16 or text.lower() in _SAMPLES:
        raise ValueError("must be a generated secret of at least 16 characters; run `m3voip stack up` to make one")
    return value


def _networks(value: str) -> str:
    for one in value.split(","):
        if one.strip():
            try:
                ip_network(one.strip(), strict=False)
            except ValueError:
                raise ValueError("must be IP addresses or networks with commas between, e.g. 192.0.2.0/24") from None
    return value


Secret = Annotated[SecretStr, AfterValidator(_real_secret)]


class Settings(BaseSettings):
    """Where the other parts are and which secrets open them. Field names in upper case with the prefix are the
    environment variables: ``ari_port`` is ``M3VOIP_ARI_PORT``."""

    model_config = SettingsConfigDict(env_prefix="M3VOIP_", env_file_encoding="utf-8", extra="ignore", frozen=True)

    # Postgres. Two roles: the engine sees every tenant, the API only the one it names (row-level security).
    engine_dsn: SecretStr = Field(description="DSN of role m3voip_engine")
    api_dsn: SecretStr = Field(description="DSN of role m3voip_api")
    owner_dsn: SecretStr | None = Field(
        default=None, description="DSN of the schema's owner, only for `m3voip migrate`"
    )

    # Asterisk
    ari_host: str = "127.0.0.1"
    ari_port: int = 8088
    ari_user: str = "m3voip"
    ari_password: Secret
    ari_app: str = "m3voip"
    ami_host: str = "127.0.0.1"
    ami_port: int = 5038
    ami_user: str = "m3voip"
    ami_secret: Secret
    agi_host: str = "127.0.0.1"
    agi_port: int = 4573
    sip_address: str = Field(default="127.0.0.1", description="address the SIP transports are bound to")
    sip_host: str = Field(default="", description="name or address that phones are told; empty = sip_address")
    sip_udp_port: int = 5060
    sip_tcp_port: int = 5060
    sip_tls_port: int = 5061
    wss_port: int = 8089
    rtp_start: int = 10000
    rtp_end: int = 20000
    asterisk_socket: Path = Field(
        description="control socket for `asterisk -rx` (asterisk.ctl), as this process sees it"
    )

    # Folders, as this process sees them
    asterisk_spool: Path = Field(description="Asterisk's /var/spool/asterisk: monitor/, message/, voicemail/")
    asterisk_log: Path = Field(description="Asterisk's /var/log/asterisk: queue_log, cel-custom/")
    generated_dir: Path = Field(description="Asterisk's /etc/asterisk/generated: provisioning is written here")
    prompts_dir: Path = Field(description="rendered prompts; Asterisk sees the same folder as /prompts")
    journal_dir: Path = Field(description="facts on their way into Postgres")
    vault_dir: Path = Field(description="recordings and voicemail of the folder vault")
    trees_dir: Path = Field(description="IVR trees as files (dialplans/ivr); watched for changes")

    # API
    api_host: str = "127.0.0.1"
    api_port: int = 8000
    public_url: str = Field(default="", description="base URL put into links; empty = http://api_host:api_port")
    key_pepper: Secret = Field(description="keys the stored hashes of API keys")
    link_secret: Secret = Field(description="signs short-lived download links")

    # Behaviour
    tenant_id: UUID = DEFAULT_TENANT
    never_ban: Annotated[str, AfterValidator(_networks)] = Field(
        default="", description="networks whose SIP is never banned, with commas between, e.g. 192.0.2.0/24"
    )
    crm_url: str = Field(default="", description="origin that the IVR's http verb may ask; empty = none")
    phone_grace: timedelta = Field(
        default=timedelta(seconds=30),
        description="how long a lost phone may take to come back before its agent is not available",
    )
    drain_timeout: timedelta = timedelta(seconds=30)
    log_level: str = "info"
    log_json: bool = True

    @property
    def never_banned(self) -> tuple[str, ...]:
        """The networks of ``never_ban``."""
        return tuple(one.strip() for one in self.never_ban.split(",") if one.strip())

    @property
    def base_url(self) -> str:
        """Where clients reach the API, without a trailing slash."""
        return (self.public_url or f"http://{self.api_host}:{self.api_port}").rstrip("/")


def load(env_file: Path | None = None) -> Settings:
    """Read the settings; raises pydantic.ValidationError naming each missing or refused field."""
    return Settings(_env_file=env_file)  # type: ignore[call-arg]  # required fields come from the environment
