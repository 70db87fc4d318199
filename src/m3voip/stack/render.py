"""Turns asterisk/etc/*.conf and dialplans/*.conf into the configuration that Asterisk reads, by filling @@NAME@@.

Law: a placeholder without a value stops the start and names file and line; a value never carries a line break, so it
cannot add a setting; the result is 0600, because manager.conf holds a secret. The container's entry point calls the
same function.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from m3voip.config import Settings
from m3voip.stack import files
from m3voip.stack.errors import StackError

_PLACEHOLDER = re.compile(r"@@(\w+)@@")


def placeholders(settings: Settings, *, ari_password_crypt: str) -> dict[str, str]:
    """Every name that a configuration file may use. Only the hash of the ARI password is among them."""
    return {
        "SIP_ADDRESS": settings.sip_address,
        "SIP_UDP_PORT": str(settings.sip_udp_port),
        "SIP_TCP_PORT": str(settings.sip_tcp_port),
        "SIP_TLS_PORT": str(settings.sip_tls_port),
        "HTTP_PORT": str(settings.ari_port),
        "HTTPS_PORT": str(settings.wss_port),
        "RTP_START": str(settings.rtp_start),
        "RTP_END": str(settings.rtp_end),
        "ARI_USER": settings.ari_user,
        "ARI_APP": settings.ari_app,
        "ARI_PASSWORD_CRYPT": ari_password_crypt,
        "AMI_PORT": str(settings.ami_port),
        "AMI_USER": settings.ami_user,
        "AMI_SECRET": settings.ami_secret.get_secret_value(),
        "AGI_ADDRESS": f"{settings.agi_host}:{settings.agi_port}",
        "MULTIARCH": f"{platform.machine()}-linux-gnu",  # Debian's folder of shared libraries, /usr/lib/...
    }


def fill(text: str, values: Mapping[str, str], *, file: str) -> str:
    """`text` with every placeholder replaced. Raises StackError naming `file` and the line of an unknown one."""
    return "\n".join(_fill_line(line, values, f"{file}:{n}") for n, line in enumerate(text.split("\n"), 1))


def render(checkout: Path, target: Path, values: Mapping[str, str]) -> None:
    """Write the whole configuration into `target` (Asterisk's /etc/asterisk); files that are no longer made go away,
    `generated` and `keys` are left alone. Nothing is written if any file has an unknown placeholder."""
    rendered = {
        name: fill(source.read_text(encoding="utf-8"), values, file=str(source.relative_to(checkout)))
        for name, source in _sources(checkout)
    }
    for folder in (target, target / "dialplans"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale in [*target.glob("*.conf"), *target.glob("dialplans/*.conf")]:
        if str(stale.relative_to(target)) not in rendered:
            stale.unlink()
    for name, text in rendered.items():
        files.write(target / name, text)


def _sources(checkout: Path) -> Iterator[tuple[str, Path]]:
    for source in sorted((checkout / "asterisk" / "etc").glob("*.conf")):
        yield source.name, source
    for source in sorted((checkout / "dialplans").glob("*.conf")):
        yield f"dialplans/{source.name}", source


def _fill_line(line: str, values: Mapping[str, str], where: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise StackError(f"{where}: unknown placeholder @@{name}@@; known are {', '.join(sorted(values))}")
        if "\n" in values[name] or "\r" in values[name]:
            raise StackError(f"{where}: the value of @@{name}@@ has a line break")
        return values[name]

    return _PLACEHOLDER.sub(value, line)
