"""HTTP digest for SIP (RFC 3261 §22, RFC 8760): answer a challenge with MD5 or SHA-256."""

from __future__ import annotations

import hashlib
import re
import secrets

from m3voip.phones.sip.message import Message

_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256"}


def answer(challenge: Message, request: Message, username: str, password: str) -> tuple[str, str] | None:
    """The header that answers the first challenge we can, or None where we can answer none."""
    proxy = challenge.status == 407
    for text in challenge.get_all("Proxy-Authenticate" if proxy else "WWW-Authenticate"):
        fields = {k.lower(): quoted or plain for k, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', text)}
        if fields.get("algorithm", "MD5").upper() in _ALGORITHMS:
            name = "Proxy-Authorization" if proxy else "Authorization"
            return name, _credentials(fields, request, username, password)
    return None


def _credentials(fields: dict[str, str], request: Message, username: str, password: str) -> str:
    algorithm = fields.get("algorithm", "MD5").upper()

    def digest(text: str) -> str:
        return hashlib.new(_ALGORITHMS[algorithm], text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce = fields.get("realm", ""), fields.get("nonce", "")
    ha1 = digest(f"{username}:{realm}:{password}")
    ha2 = digest(f"{request.method}:{request.uri}")
    given = f'username="{username}", realm="{realm}", nonce="{nonce}", uri="{request.uri}", algorithm={algorithm}'
    if "opaque" in fields:
        given += f', opaque="{fields["opaque"]}"'
    if "auth" not in [q.strip() for q in fields.get("qop", "").split(",")]:
        return f'Digest {given}, response="{digest(f"{ha1}:{nonce}:{ha2}")}"'
    cnonce = secrets.token_hex(8)
    response = digest(f"{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}")
    return f'Digest {given}, qop=auth, nc=00000001, cnonce="{cnonce}", response="{response}"'
