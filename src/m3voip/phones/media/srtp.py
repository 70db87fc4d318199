"""SRTP with SDES keys, AES_CM_128_HMAC_SHA1_80 only (RFC 3711, 4568). Checked against the RFC's own vectors and against
Asterisk (libsrtp); good for test phones, no replay list, no rekeying."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct

from Crypto.Cipher import AES
from Crypto.Util.strxor import strxor

_TAG = 10
_HALF = 0x8000


def new_key() -> str:
    """A master key and salt for an SDP crypto line."""
    return base64.b64encode(secrets.token_bytes(30)).decode()


def derive(master_key: bytes, master_salt: bytes, label: int, length: int) -> bytes:
    """A session key by AES counter mode, key derivation rate 0 (RFC 3711 §4.3.1)."""
    start = int.from_bytes(master_salt, "big") ^ (label << 48)
    return AES.new(master_key, AES.MODE_CTR, nonce=b"", initial_value=start << 16).encrypt(bytes(length))


class _Direction:
    """Keys and the roll-over counter of one stream."""

    def __init__(self, key_and_salt: str) -> None:
        raw = base64.b64decode(key_and_salt)
        if len(raw) != 30:
            raise ValueError("an AES_CM_128 crypto line carries 30 bytes")
        key, salt = raw[:16], raw[16:]
        # Counter blocks go through plain AES and one XOR: half the cost of a new counter-mode object per packet.
        self._cipher = AES.new(derive(key, salt, 0, 16), AES.MODE_ECB)
        self._auth = derive(key, salt, 1, 20)
        self._salt = int.from_bytes(derive(key, salt, 2, 14), "big") << 16

    def _crypt(self, payload: bytes, ssrc: int, index: int) -> bytes:
        start = self._salt ^ (ssrc << 64) ^ (index << 16)
        blocks = (len(payload) + 15) // 16
        stream = self._cipher.encrypt(b"".join((start + n).to_bytes(16, "big") for n in range(blocks)))
        return strxor(payload, stream[: len(payload)])

    def _tag(self, packet: bytes, roll_over: int) -> bytes:
        return hmac.digest(self._auth, packet + roll_over.to_bytes(4, "big"), "sha1")[:_TAG]


def _header_length(packet: bytes) -> int:
    length = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        length += 4 + 4 * int.from_bytes(packet[length + 2 : length + 4], "big")
    return length


class Protect(_Direction):
    """Our stream: RTP in, SRTP out. Sequence numbers must rise by one."""

    def __init__(self, key_and_salt: str) -> None:
        super().__init__(key_and_salt)
        self._roll_over = 0
        self._last = -1

    def __call__(self, packet: bytes) -> bytes:
        """Encrypt and sign one packet."""
        sequence, ssrc = struct.unpack_from("!2xH4xI", packet)
        if sequence < self._last:
            self._roll_over += 1
        self._last = sequence
        at = _header_length(packet)
        sealed = packet[:at] + self._crypt(packet[at:], ssrc, self._roll_over << 16 | sequence)
        return sealed + self._tag(sealed, self._roll_over)


class Unprotect(_Direction):
    """Their stream: SRTP in, RTP out, None where the signature is wrong."""

    def __init__(self, key_and_salt: str) -> None:
        super().__init__(key_and_salt)
        self._streams: dict[int, tuple[int, int]] = {}

    def __call__(self, packet: bytes) -> bytes | None:
        """Check and decrypt one packet."""
        if len(packet) < 12 + _TAG:
            return None
        sequence, ssrc = struct.unpack_from("!2xH4xI", packet)
        roll_over, last = self._streams.get(ssrc, (0, sequence))
        guess = roll_over  # RFC 3711 §3.3.1: the roll-over that brings the index nearest to the last one
        if last - sequence > _HALF:
            guess += 1
        elif sequence - last > _HALF and roll_over:
            guess -= 1
        sealed, tag = packet[:-_TAG], packet[-_TAG:]
        if not hmac.compare_digest(tag, self._tag(sealed, guess)):
            return None
        if (guess, sequence) >= (roll_over, last):
            self._streams[ssrc] = (guess, sequence)
        at = _header_length(sealed)
        return sealed[:at] + self._crypt(sealed[at:], ssrc, guess << 16 | sequence)
