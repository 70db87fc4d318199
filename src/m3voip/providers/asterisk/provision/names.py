"""The whitelists of everything that is written into Asterisk's configuration.

Law: no text becomes part of a configuration file unless it matches a whitelist here (invariant 4). What does not is
refused, never repaired; the message names the field and the object, not the value, which may be a number or a secret.
"""

from __future__ import annotations

import ipaddress
import re


class ProvisioningError(ValueError):
    """A value that may not be written into Asterisk's configuration."""


_PATTERNS = {
    # Random, so that nobody guesses them; the prefix keeps them apart from trunks and from Asterisk's own sections.
    "endpoint name": re.compile(r"e[0-9a-f]{10}"),
    "trunk name": re.compile(r"trunk-[a-z0-9-]{1,32}"),
    "queue name": re.compile(r"(?!general$)[a-z0-9][a-z0-9-]{0,39}"),
    "extension": re.compile(r"[0-9]{2,8}"),
    "conference name": re.compile(r"c[0-9a-f]{32}"),
    "PIN digest": re.compile(r"[0-9a-f]{40}"),
    "DID": re.compile(r"[0-9]{3,15}"),
    # A box and the voicemail context of its tenant.
    "mailbox": re.compile(r"[0-9]{2,10}@(?:default|[0-9a-f]{8})"),
    "phone context": re.compile(r"from-agent(?:-[0-9a-f]{8})?"),
    "HA1": re.compile(r"[0-9a-f]{32}"),
    # Letters of every script; nothing that ends a quoted string, a comment or a line.
    "display name": re.compile(r"[\w .'-]{0,40}"),
    # A rendered prompt, as ivr/prompts.py names it.
    "prompt": re.compile(r"[0-9a-f]{32}"),
    "music class": re.compile(r"[a-z0-9_-]{1,32}"),
    "host": re.compile(r"(?!-)[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]{2,45}\](?::[0-9]{1,5})?"),
    "SIP user": re.compile(r"[A-Za-z0-9+._-]{0,64}"),
    # Carriers hand passwords out; a comment sign, a backslash or white space would change what Asterisk reads.
    "SIP password": re.compile(r"[A-Za-z0-9!#$%&()*+,./:<=>?@^_{|}~-]{0,128}"),
}


def check(kind: str, value: str, owner: str) -> str:
    """``value`` if it is a proper ``kind`` (a key of the whitelist). ``owner`` says whose it is in the message."""
    if _PATTERNS[kind].fullmatch(value) is None:
        raise ProvisioningError(f"{owner}: not a {kind} that may be written into Asterisk's configuration")
    return value


def check_range(what: str, value: int, low: int, high: int, owner: str) -> int:
    """``value`` if it lies within ``low`` and ``high``, both included."""
    if not low <= value <= high:
        raise ProvisioningError(f"{owner}: {what} must be from {low} to {high}")
    return value


def check_network(value: str, owner: str) -> str:
    """An IP address or network in its usual spelling. Host names are refused: Asterisk would look them up while it
    reloads, with every phone waiting."""
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise ProvisioningError(f"{owner}: not an IP address or network") from None
    if network.prefixlen < 8:
        raise ProvisioningError(f"{owner}: a network this wide would trust the world")
    return str(network)
