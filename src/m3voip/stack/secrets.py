"""Every secret of one instance, generated at its first start and kept in secrets.json (0600).

Law: nothing here is printed or logged; nothing is derived from a name or a clock; no default exists.
"""

from __future__ import annotations

import dataclasses
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m3voip.api.keys import new_key
from m3voip.stack import files
from m3voip.stack.errors import StackError

_DEMO_AGENTS = {"101": "sales", "102": "sales", "103": "sales", "104": "support", "105": "billing"}
DEMO_DIDS = ("+15550100100",)
_ITERATIONS = 4
_CHEAP = f"$sha1${_ITERATIONS}$"
_BASE64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSecret:
    """A demo agent's phone: `username` is the SIP endpoint, random so that a scan finds nobody (bar S-03)."""

    extension: str
    queue: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """128 bits or more each. `ari_password_crypt` is what ari.conf carries, so Asterisk never holds the password."""

    admin_key: str = field(repr=False)
    key_pepper: str = field(repr=False)
    link_secret: str = field(repr=False)
    ari_password: str = field(repr=False)
    ari_password_crypt: str = field(repr=False)
    ami_secret: str = field(repr=False)
    owner_password: str = field(repr=False)
    engine_password: str = field(repr=False)
    api_password: str = field(repr=False)
    agents: tuple[AgentSecret, ...] = field(repr=False)


def ensure(path: Path) -> Secrets:
    """The instance's secrets: read, or generated and written first. A file made before a secret was invented gets
    just that one added. Raises StackError if the file is broken or readable by others."""
    try:
        known: dict[str, Any] | None = files.read_json(path)
    except ValueError as error:
        raise StackError(f"{path} is not valid JSON ({error}); restore it, or delete the instance's folder") from None
    if known is not None and path.stat().st_mode & 0o077:
        raise StackError(f"{path} can be read by others; check who did that, then: chmod 600 {path}")
    complete = _generate() | (known or {})
    if complete["ari_password"] != (known or {}).get("ari_password") or not _is_cheap(complete["ari_password_crypt"]):
        complete["ari_password_crypt"] = crypt_sha1(complete["ari_password"], secrets.token_hex(8))
    if complete != known:
        files.write_json(path, complete)
    agents = tuple(AgentSecret(**agent) for agent in complete["agents"])
    fields = {field.name for field in dataclasses.fields(Secrets)}
    return Secrets(**{name: value for name, value in complete.items() if name in fields} | {"agents": agents})


def crypt_sha1(password: str, salt: str) -> str:
    """The `$sha1$` hash of crypt(3) (NetBSD's PBKDF1 over HMAC-SHA1) with the fewest iterations.

    Asterisk checks the password again at every ARI request, and a call makes several: `$6$` costs 3.5 ms of CPU each,
    as much as the whole call otherwise; this costs 4 µs. Iterations only slow down guessing, and nobody guesses a
    password of 192 random bits; the hash is one-way with four as with five thousand.
    """
    digest = f"{salt}$sha1${_ITERATIONS}".encode()
    for _ in range(_ITERATIONS):
        digest = hmac.digest(password.encode(), digest, "sha1")
    padded = digest + digest[:1]  # 20 bytes in groups of three
    groups = [int.from_bytes(padded[i : i + 3], "big") for i in range(0, 21, 3)]
    text = "".join(_BASE64[group >> shift & 63] for group in groups for shift in (0, 6, 12, 18))
    return f"{_CHEAP}{salt}${text}"


def _is_cheap(hashed: str) -> bool:
    return hashed.startswith(_CHEAP)


def _generate() -> dict[str, Any]:
    def token() -> str:
        return secrets.token_urlsafe(24)

    return {
        "admin_key": str(new_key(secrets.token_bytes)),
        "key_pepper": token(),
        "link_secret": token(),
        "ari_password": token(),
        "ari_password_crypt": "",
        "ami_secret": token(),
        "owner_password": token(),
        "engine_password": token(),
        "api_password": token(),
        "agents": [
            {"extension": extension, "queue": queue, "username": f"e{secrets.token_hex(5)}", "password": token()}
            for extension, queue in _DEMO_AGENTS.items()
        ],
    }
