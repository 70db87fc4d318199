"""Writes settings.env of an instance: what `m3voip.config.Settings` needs, from its folders, ports and secrets."""

from __future__ import annotations

from m3voip import config
from m3voip.stack import files
from m3voip.stack.paths import Folders
from m3voip.stack.ports import Ports
from m3voip.stack.secrets import Secrets

DATABASE = "m3voip"
OWNER, ENGINE, API = "m3voip_owner", "m3voip_engine", "m3voip_api"
"""Roles: the schema's owner (migrations), the engine (all tenants), the API (one tenant at a time)."""


def write(folders: Folders, ports: Ports, secrets: Secrets, *, sip_address: str) -> config.Settings:
    """Write the file (0600) and read it back as the service will; variables of the environment win over it."""

    def dsn(role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{ports.postgres}/{DATABASE}"

    values: dict[str, object] = {
        "engine_dsn": dsn(ENGINE, secrets.engine_password),
        "api_dsn": dsn(API, secrets.api_password),
        "owner_dsn": dsn(OWNER, secrets.owner_password),
        "ari_port": ports.http,
        "ari_password": secrets.ari_password,
        "ami_port": ports.ami,
        "ami_secret": secrets.ami_secret,
        "agi_port": ports.agi,
        "sip_address": sip_address,
        "sip_udp_port": ports.sip_udp,
        "sip_tcp_port": ports.sip_tcp,
        "sip_tls_port": ports.sip_tls,
        "wss_port": ports.wss,
        "rtp_start": ports.rtp_start,
        "rtp_end": ports.rtp_end,
        "asterisk_socket": folders.asterisk_socket,
        "asterisk_spool": folders.asterisk_spool,
        "asterisk_log": folders.asterisk_log,
        "generated_dir": folders.generated,
        "prompts_dir": folders.prompts,
        "journal_dir": folders.journal,
        "vault_dir": folders.vault,
        "trees_dir": folders.trees,
        "api_port": ports.api,
        "key_pepper": secrets.key_pepper,
        "link_secret": secrets.link_secret,
    }
    lines = [f"M3VOIP_{name.upper()}={value}" for name, value in values.items()]
    files.write(folders.settings_file, "\n".join(lines) + "\n")
    return config.load(folders.settings_file)
