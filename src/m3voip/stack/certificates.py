"""The instance's own certificate authority and the server certificate for SIP over TLS and WSS, made by openssl.

Law: keys are 0600 and the authority's key is never bound into Asterisk's root; a certificate is renewed 30 days before
it ends or when the address it stands for changes; the authority stays, so phones that trust it go on working.
"""

from __future__ import annotations

import ipaddress
import subprocess
import tempfile
from pathlib import Path

from m3voip.stack.errors import StackError
from m3voip.stack.paths import Folders

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
"""Browsers refuse server certificates that live longer than 398 days."""
RENEW_BEFORE_SECONDS = 30 * 86400

CA_FILE = "ca.crt"
CERTIFICATE_FILE = "asterisk.crt"
KEY_FILE = "asterisk.key"


def ensure(folders: Folders, address: str) -> None:
    """Make or renew what is missing or near its end. `address` is where SIP is reached (an IP address or a name)."""
    keys, authority_key = folders.asterisk_keys, folders.authority / "ca.key"
    authority = keys / CA_FILE
    if not (authority_key.exists() and _lasts(authority)):
        _make_authority(authority_key, authority)
        (keys / CERTIFICATE_FILE).unlink(missing_ok=True)
    names = _alternative_names(address)
    if not (_lasts(keys / CERTIFICATE_FILE) and _names_of(keys / CERTIFICATE_FILE) == names):
        _make_server(keys, authority_key, names)


def _make_authority(key: Path, certificate: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key))
    key.chmod(0o600)
    _openssl(
        "req", "-x509", "-new", "-key", str(key), "-sha256", "-days", str(AUTHORITY_DAYS), "-out", str(certificate),
        "-subj", "/O=m3voip/CN=m3voip instance authority",
        "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip


def _make_server(keys: Path, authority_key: Path, names: frozenset[str]) -> None:
    # Made aside and renamed: Asterisk may read these files at any moment (a reload).
    with tempfile.TemporaryDirectory(dir=keys) as aside:
        key, request, certificate = (Path(aside) / name for name in ("key", "request", "certificate"))
        extensions = Path(aside) / "extensions"
        extensions.write_text(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
            f"subjectAltName={','.join(sorted(names))}\n"
        )
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key))
        key.chmod(0o600)
        _openssl("req", "-new", "-key", str(key), "-out", str(request), "-subj", "/O=m3voip/CN=m3voip")
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(keys / CA_FILE), "-CAkey", str(authority_key),
            "-set_serial", f"0x{_serial()}", "-days", str(SERVER_DAYS), "-sha256",
            "-extfile", str(extensions), "-out", str(certificate),
        )  # fmt: skip
        key.rename(keys / KEY_FILE)
        certificate.rename(keys / CERTIFICATE_FILE)


def _serial() -> str:
    return _openssl("rand", "-hex", "16").strip()


def _alternative_names(address: str) -> frozenset[str]:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return frozenset({"DNS:localhost", "IP:127.0.0.1", f"DNS:{address}"})
    return frozenset({"DNS:localhost", "IP:127.0.0.1", f"IP:{address}"})


def _names_of(certificate: Path) -> frozenset[str]:
    text = _openssl("x509", "-in", str(certificate), "-noout", "-ext", "subjectAltName").splitlines()
    names = text[-1].split(",") if text else []
    return frozenset(name.strip().replace("IP Address:", "IP:") for name in names)


def _lasts(certificate: Path) -> bool:
    if not certificate.exists():
        return False
    check = ["openssl", "x509", "-in", str(certificate), "-noout", "-checkend", str(RENEW_BEFORE_SECONDS)]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0


def _openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False, umask=0o077)
    if done.returncode:
        raise StackError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout
