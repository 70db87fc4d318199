"""Who can reach what must not be reached? ARI, AMI, FastAGI and Postgres belong on loopback (invariant 6).

Looks at the sockets themselves (/proc/net/tcp), not at the configuration that should have made them.
"""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path
from urllib.parse import urlsplit

from m3voip.stack.doctor.finding import Finding, Subject, fail, ok, warn

_LISTEN = "0A"


async def check(subject: Subject) -> list[Finding]:
    """One finding a port."""
    settings = subject.settings
    private = {
        "ARI": settings.ari_port,
        "AMI": settings.ami_port,
        "FastAGI": settings.agi_port,
        "Postgres": urlsplit(settings.engine_dsn.get_secret_value()).port or 5432,
    }
    listening = listeners(Path("/proc/net"))
    return [_judge(name, port, listening.get(port, set())) for name, port in private.items()]


def listeners(folder: Path) -> dict[int, set[str]]:
    """Addresses by listening TCP port, of both IP versions."""
    found: dict[int, set[str]] = {}
    for name in ("tcp", "tcp6"):
        file = folder / name
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            _, local, _, state, *_ = line.split()
            if state == _LISTEN:
                address, port = local.split(":")
                found.setdefault(int(port, 16), set()).add(_address(address))
    return found


def _judge(name: str, port: int, addresses: set[str]) -> Finding:
    exposed = sorted(address for address in addresses if not _is_loopback(address))
    if exposed:
        return fail(
            f"{name} (port {port}) listens on {', '.join(exposed)}: everybody who reaches this machine can try it",
            "bind it to 127.0.0.1; nothing outside this machine needs it",
        )
    if not addresses:
        return warn(f"nothing listens on {name}'s port {port} here", "start it, or run the doctor where it runs")
    return ok(f"{name} (port {port}) listens on loopback only")


def _address(words: str) -> str:
    """The kernel writes 32-bit words in its own byte order."""
    raw = b"".join(struct.pack("<I", int(words[i : i + 8], 16)) for i in range(0, len(words), 8))
    return str(ipaddress.ip_address(raw))


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    inner = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (inner or parsed).is_loopback
