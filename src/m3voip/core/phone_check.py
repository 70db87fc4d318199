"""A phone test: what was measured while we called an agent's phone, and what it means.

Law: pure. The figures are Asterisk's (``sent`` is what it sent to the phone) and what the recording of the phone's side
held; every finding says what to do.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

TONE = (440.0, 620.0)
"""What the phone hears, in Hz: two at once, which nobody whistles."""
PACKETS_PER_SECOND = 50
SILENT_DB = -60.0
ECHO_SHARE = 0.4
LOSS_WARNING, LOSS_FAILURE = 0.01, 0.05
JITTER_WARNING_MS = 30.0
ROUND_TRIP_WARNING_MS = 300.0
HALF = 0.5

Level = Literal["ok", "warning", "failed"]
_ORDER: tuple[Level, ...] = ("ok", "warning", "failed")


class NotAnswered(Struct, frozen=True, kw_only=True):
    """The phone did not take the call. ``sip_status``: its own answer where there was one; ``refused_by_us``: Asterisk had
    nowhere to send it."""

    sip_status: int = 0
    nowhere: bool = False


class Measured(Struct, frozen=True, kw_only=True):
    """Both ways while the tone played. ``lost_to`` and ``round_trip_ms`` are what the phone itself reported (RTCP): None
    until it has. ``level_db`` and ``tone_share`` are of what came from the phone."""

    seconds: float
    codec: str
    encrypted: bool
    sent: int
    received: int
    lost_to: int | None
    lost_from: int
    jitter_to_ms: float | None
    jitter_from_ms: float | None
    round_trip_ms: float | None
    level_db: float
    tone_share: float

    @property
    def echoes(self) -> bool:
        """Whether our own tone came back."""
        return self.received > 0 and self.level_db > SILENT_DB and self.tone_share >= ECHO_SHARE


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was found."""

    level: Level
    text: str


class PhoneTest(Struct, frozen=True, kw_only=True):
    """One test, going on or over (``verdict`` is then set)."""

    id: UUID
    agent_id: UUID
    started_at: datetime
    state: Literal["calling", "listening", "ended"] = "calling"
    verdict: Level | None = None
    findings: tuple[Finding, ...] = ()
    measured: Measured | None = None


def judge(outcome: Measured | NotAnswered, kind: str) -> tuple[Level, tuple[Finding, ...]]:
    """The verdict, which is the worst finding, and all findings. ``kind`` is the agent's phone_kind."""
    findings = (_not_answered(outcome, kind),) if isinstance(outcome, NotAnswered) else tuple(_measured(outcome))
    return max((finding.level for finding in findings), key=_ORDER.index), findings


def _not_answered(outcome: NotAnswered, kind: str) -> Finding:
    match outcome.sip_status:
        case _ if outcome.nowhere:
            text = "The phone is not registered, so there is nowhere to call it. Look at its account and network."
        case 488 | 415 | 606:
            text = (
                f"The phone refused our offer of audio ({outcome.sip_status}): it cannot do what its kind {kind} "
                "requires. Switch SRTP on in the phone, or give the agent another kind of phone."
            )
        case 486 | 600 | 603:
            text = f"The phone declined or is busy ({outcome.sip_status}). Try again when nobody talks on it."
        case 0 | 480 | 487 | 408:
            text = "It rang, or we thought so, and nobody answered. Answer it, or set it to answer by itself."
        case status:
            text = f"The phone refused the call ({status})."
    return Finding(level="failed", text=text)


def _measured(m: Measured) -> list[Finding]:
    return [*_from_phone(m), *_to_phone(m), *_way(m)]


def _from_phone(m: Measured) -> list[Finding]:
    expected = m.seconds * PACKETS_PER_SECOND
    if m.received == 0:
        text = "Nothing came from the phone: a firewall or NAT between it and us drops its audio, or it sends none."
        return [Finding(level="failed", text=text)]
    found = [_loss("from", m.lost_from, m.received + m.lost_from)]
    if m.received + m.lost_from < expected * HALF:
        found.append(Finding(level="warning", text="The phone sent less than half of the time (silence suppression?)."))
    if m.level_db <= SILENT_DB:
        found.append(Finding(level="warning", text="Packets came from the phone, but silence in them: is it muted?"))
    return found


def _to_phone(m: Measured) -> list[Finding]:
    if m.sent == 0:
        return [Finding(level="failed", text="Asterisk sent nothing to the phone.")]
    if m.echoes:
        heard = Finding(level="ok", text="The phone played our tone back, so audio goes both ways.")
    else:
        heard = Finding(level="ok", text="Our tone was sent; that it was heard only somebody at the phone can say.")
    return [heard, *([] if m.lost_to is None else [_loss("to", m.lost_to, m.sent)])]


def _way(m: Measured) -> list[Finding]:
    found = []
    jitter = max(m.jitter_from_ms or 0.0, m.jitter_to_ms or 0.0)
    if jitter > JITTER_WARNING_MS:
        found.append(Finding(level="warning", text=f"Jitter of {jitter:.0f} ms: a crowded link or Wi-Fi."))
    if m.round_trip_ms is not None and m.round_trip_ms > ROUND_TRIP_WARNING_MS:
        found.append(Finding(level="warning", text=f"A round trip of {m.round_trip_ms:.0f} ms: people will interrupt."))
    return found


def _loss(direction: Literal["from", "to"], lost: int, packets: int) -> Finding:
    share = lost / packets if packets else 0.0
    level: Level = "failed" if share >= LOSS_FAILURE else "warning" if share >= LOSS_WARNING else "ok"
    return Finding(level=level, text=f"Audio {direction} the phone: {packets - lost} packets, {share:.1%} lost.")
