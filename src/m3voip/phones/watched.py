"""Watching a call: when things happened, what it hears, waiting for either. Every wait has a deadline and raises
PhoneTimeoutError with the call's story."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from m3voip.phones.errors import CallRefusedError, PhoneTimeoutError
from m3voip.phones.facts import CallEnd, CallState, Moment
from m3voip.phones.media.ear import Ear
from m3voip.phones.media.rtp import RtpStream
from m3voip.phones.sip.dialog import Dialog


class Watched:
    """The side of a call that only looks."""

    def __init__(self, dialog: Dialog, stream: RtpStream) -> None:
        self.dialog = dialog
        self.stream = stream
        self.state = CallState.CALLING
        self.end: CallEnd | None = None
        self.moments: dict[str, Moment] = {}
        """invite, trying, ringing, answered, acknowledged, first_rtp, held, ended; each once, at its first time."""
        self.story: list[str] = []
        self._changed = asyncio.Event()
        stream.on_first_packet = lambda: self._mark("first_rtp")
        stream.on_digit = lambda digit: self._tell(f"heard key {digit}")
        self._mark("invite")

    # What is known

    @property
    def call_id(self) -> str:
        """SIP Call-ID."""
        return self.dialog.call_id

    @property
    def ear(self) -> Ear:
        """What this call hears and heard; stays readable after the end."""
        return self.stream.ear

    @property
    def digits_heard(self) -> str:
        """Keys the other side pressed, by RFC 4733 or SIP INFO."""
        return self.stream.keys.digits

    def seconds(self, first: str, second: str) -> float:
        """Time between two moments, e.g. ``seconds("invite", "answered")``; KeyError where one did not happen."""
        return self.moments[second].mono - self.moments[first].mono

    def _tell(self, what: str) -> None:
        begun = self.moments["invite"].mono if "invite" in self.moments else time.monotonic()
        self.story.append(f"+{time.monotonic() - begun:.3f} {what}")
        self._changed.set()

    def _mark(self, name: str) -> None:
        if name not in self.moments:
            self.moments[name] = Moment(time.monotonic(), time.time())
            self._tell(name)

    # Waiting

    async def _until(self, ready: Callable[[], bool], within: float, what: str) -> None:
        try:
            async with asyncio.timeout(within):
                while not ready():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise PhoneTimeoutError(f"{what} not within {within} s; story: {'; '.join(self.story)}") from None

    async def ringing(self, within: float = 5.0) -> None:
        """Wait for 180/183 or more. Raises CallRefusedError, PhoneTimeoutError."""
        await self._until(lambda: self.state is not CallState.CALLING, within, "ringing")
        self._check_refused()

    async def answered(self, within: float = 10.0) -> None:
        """Wait for the answer. Raises CallRefusedError with the status, PhoneTimeoutError."""
        await self._until(lambda: self.state in (CallState.ANSWERED, CallState.ENDED), within, "answer")
        self._check_refused()

    def _check_refused(self) -> None:
        if self.end is not None and "answered" not in self.moments:
            raise CallRefusedError(self.end.status, self.end.reason, f"call to {self.dialog.target}")

    async def ended(self, within: float = 10.0) -> CallEnd:
        """Wait for the end, whoever makes it. Raises PhoneTimeoutError."""
        await self._until(lambda: self.end is not None, within, "end")
        assert self.end is not None
        return self.end

    async def _heard(self, test: Callable[[], bool], within: float, what: str) -> float:
        """Poll the ear each 40 ms (two packets); returns the time.monotonic() when it was true."""
        deadline = time.monotonic() + within
        while not test():
            if self.end is not None or time.monotonic() > deadline:
                hz = self.ear.now_hz()
                heard = f"{self.ear.packets} packets so far, now {f'{hz:.0f} Hz' if hz else 'quiet'}"
                raise PhoneTimeoutError(f"{what} not heard within {within} s ({heard}); story: {'; '.join(self.story)}")
            await asyncio.sleep(0.04)
        return time.monotonic()

    async def hear_tone(self, hz: float, within: float = 5.0, seconds: float = 0.2) -> float:
        """Wait until this tone was heard for ``seconds`` on end; returns the time.monotonic() then."""
        return await self._heard(lambda: self.ear.hears_tone(hz, seconds), within, f"{hz} Hz")

    async def hear_silence(self, within: float = 5.0, seconds: float = 0.3) -> float:
        """Wait until nothing was heard for ``seconds``."""
        return await self._heard(lambda: self.ear.hears_silence(seconds), within, "silence")

    async def hear_sound(self, within: float = 5.0) -> float:
        """Wait for the first sound at all (a prompt, music); returns when it came."""
        await self._heard(lambda: self.ear.first_sound_at is not None, within, "any sound")
        assert self.ear.first_sound_at is not None
        return self.ear.first_sound_at

    async def hear_digits(self, digits: str, within: float = 5.0) -> None:
        """Wait until the keys heard end with ``digits``."""
        await self._until(lambda: self.digits_heard.endswith(digits), within, f"keys {digits}")
