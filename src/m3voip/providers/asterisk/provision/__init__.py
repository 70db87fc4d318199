"""Provisioning: the configuration in Postgres as files that Asterisk reads (docs/adr/0003-provisioning.md)."""

from m3voip.providers.asterisk.provision.conferences import ConferenceConfig
from m3voip.providers.asterisk.provision.model import (
    DidConfig,
    EndpointConfig,
    EndpointKind,
    HoldtimeAnnouncement,
    MemberConfig,
    Provisioning,
    QueueConfig,
    Strategy,
    TrunkConfig,
    TrunkTransport,
    Unavailable,
)
from m3voip.providers.asterisk.provision.names import ProvisioningError
from m3voip.providers.asterisk.provision.render import GeneratedFile, render
from m3voip.providers.asterisk.provision.writer import Provisioner, Reloader

__all__ = [
    "ConferenceConfig",
    "DidConfig",
    "EndpointConfig",
    "EndpointKind",
    "GeneratedFile",
    "HoldtimeAnnouncement",
    "MemberConfig",
    "Provisioner",
    "Provisioning",
    "ProvisioningError",
    "QueueConfig",
    "Reloader",
    "Strategy",
    "TrunkConfig",
    "TrunkTransport",
    "Unavailable",
    "render",
]
