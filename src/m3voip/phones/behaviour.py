"""What a phone does when it is called, as data. A behaviour only sets timers on the call; it never waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from m3voip.phones.incoming import IncomingCall
from m3voip.phones.media.sounds import Sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Ring, answer after ``after`` seconds, say ``tone`` (Hz) or ``sound``; then hang up or vanish, if asked to."""

    after: float = 0.3
    tone: int | None = None
    sound: Sound | None = None
    hangup_after: float | None = None
    """Seconds after the answer."""
    vanish_after: float | None = None
    echo: bool = False
    """Say back what is heard."""

    def begin(self, call: IncomingCall) -> None:
        """Start acting on a new call."""
        call.ring()
        call.stream.echo = self.echo
        later = call.ua.layer.later

        def answer() -> None:
            call.answer(self.sound or self.tone)
            if self.hangup_after is not None:
                later(self.hangup_after, call.bye)
            if self.vanish_after is not None:
                later(self.vanish_after, call.vanish)

        later(self.after, answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverAnswer:
    """Ring until the caller gives up."""

    def begin(self, call: IncomingCall) -> None:
        """Start acting on a new call."""
        call.ring()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """Refuse after ``after`` seconds: 603 decline, 486 busy, 480 unavailable ..."""

    status: int = 603
    after: float = 0.0

    def begin(self, call: IncomingCall) -> None:
        """Start acting on a new call."""
        if self.after:
            call.ring()
        call.ua.layer.later(self.after, lambda: call.decline(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanish:
    """Say nothing at all (``ring`` false) or ring and then go dead: the phone's power was cut."""

    ring: bool = False
    after: float = 0.0

    def begin(self, call: IncomingCall) -> None:
        """Start acting on a new call."""
        if self.ring:
            call.ring()
        call.ua.layer.later(self.after, call.vanish)


Behaviour = Answer | NeverAnswer | Decline | Vanish
Choose = Callable[[IncomingCall], Behaviour]
"""Decides per call, e.g. busy while another is up."""
