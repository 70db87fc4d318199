"""Short-lived links to one recording or message (bar S-08). Law: a link opens one object of one tenant until it expires,
at most five minutes; any change to it makes it worthless, and the answer does not say what was wrong."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from urllib.parse import urlencode
from uuid import UUID

from m3voip.api.errors import ApiError, Code
from m3voip.ports import Clock

LONGEST = timedelta(minutes=5)


class Kind(StrEnum):
    """What can be downloaded."""

    RECORDING = "recording"
    VOICEMAIL = "voicemail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A signed link's meaning."""

    kind: Kind
    object_id: UUID
    tenant_id: UUID
    expires_at: datetime


class Links:
    """Signs and opens links."""

    def __init__(self, secret: bytes, clock: Clock, base_url: str) -> None:
        self._secret = secret
        self._clock = clock
        self._base = base_url.rstrip("/")

    def issue(
        self, kind: Kind, object_id: UUID, tenant_id: UUID, lifetime: timedelta = LONGEST
    ) -> tuple[str, datetime]:
        """A URL and when it dies. A lifetime beyond five minutes is cut to that."""
        expires = int((self._clock.now() + min(lifetime, LONGEST)).timestamp())
        query = {
            "kind": kind.value,
            "id": str(object_id),
            "tenant": str(tenant_id),
            "expires": str(expires),
            "signature": self._sign(kind.value, str(object_id), str(tenant_id), str(expires)),
        }
        return f"{self._base}/v1/recordings/download?{urlencode(query)}", datetime.fromtimestamp(expires, UTC)

    def open(self, kind: str, object_id: str, tenant: str, expires: str, signature: str) -> Link:
        """What a presented link means; raises ApiError FORBIDDEN for whatever is not exactly what was issued."""
        expected = self._sign(kind, object_id, tenant, expires)
        if not compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise refused()
        # Signed by us, so its parts are well formed.
        until = datetime.fromtimestamp(int(expires), UTC)
        if not self._clock.now() < until <= self._clock.now() + LONGEST + timedelta(seconds=1):
            raise refused()
        return Link(kind=Kind(kind), object_id=UUID(object_id), tenant_id=UUID(tenant), expires_at=until)

    def _sign(self, *parts: str) -> str:
        text = "\x00".join(("download", *parts)).encode("utf-8", "replace")
        return urlsafe_b64encode(hmac(self._secret, text, sha256).digest()).decode().rstrip("=")


def refused() -> ApiError:
    """One answer for altered, expired and foreign links."""
    return ApiError(Code.FORBIDDEN, "This link is not valid or has expired. Ask for a new one.")
