"""Everything about an instance that needs no running process: folders, ports, secrets, certificates, settings, and
Asterisk's configuration. The supervisor and the containers' first step do the same.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from m3voip.config import Settings
from m3voip.stack import certificates, ports, render, secrets
from m3voip.stack import settings as settings_file
from m3voip.stack.paths import Folders
from m3voip.stack.ports import Ports
from m3voip.stack.secrets import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What an instance is made of."""

    ports: Ports
    secrets: Secrets
    settings: Settings


def prepare(folders: Folders, *, held: Collection[str]) -> Prepared:
    """Make or find it all. `held` names the ports that living parts of this instance hold. Raises StackError."""
    # Before the settings exist, so it cannot be read from them.
    address = os.environ.get("M3VOIP_SIP_ADDRESS", "127.0.0.1")
    folders.make()
    chosen = ports.assign(folders.ports_file, address, held=held)
    own = secrets.ensure(folders.secrets_file)
    certificates.ensure(folders, address)
    settings = settings_file.write(folders, chosen, own, sip_address=address)
    return Prepared(ports=chosen, secrets=own, settings=settings)


def configure_asterisk(folders: Folders, prepared: Prepared) -> None:
    """Write /etc/asterisk from the checkout; Asterisk reads it at its next start or reload."""
    values = render.placeholders(prepared.settings, ari_password_crypt=prepared.secrets.ari_password_crypt)
    render.render(folders.checkout, folders.asterisk_etc, values)
