"""Calls a phone for a test: plays a tone, listens, reads Asterisk's figures, hangs up.

Law: each test has an ARI application of its own, so neither its legs nor its events are ever taken for a customer's; a
test whose process dies is ended by Asterisk itself (TIMEOUT). What the phone said is kept only while it is measured.
"""

from __future__ import annotations

import asyncio
import wave
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

from m3voip.config import Settings
from m3voip.core.codecs import ChannelFormats
from m3voip.core.errors import ProviderError
from m3voip.core.hearing import level_db, tone, tone_share
from m3voip.core.phone_check import TONE, Measured, NotAnswered
from m3voip.providers.asterisk.ari import channels, media
from m3voip.providers.asterisk.ari import events as ari
from m3voip.providers.asterisk.ari.client import AriAccess, AriClient
from m3voip.providers.asterisk.ari.errors import AriError
from m3voip.providers.asterisk.ari.model import RtpStatistics

RING_S = 25
CONNECT_S = 5.0
LONGEST_S = 90
"""After which Asterisk ends a test that nobody ends."""
RATE = 8000
WRAPPED_S = 60000.0
"""A round trip shorter than the clocks can tell comes out below nothing, which Asterisk writes as almost 65,536 s."""
NAME = "phone-test-"
TONE_FILE, TONE_S = "phone-test-tone", 30


class PhoneCaller:
    """Over one Asterisk. ``formats`` tells what every channel speaks."""

    def __init__(self, settings: Settings, formats: Callable[[], Awaitable[Sequence[ChannelFormats]]]) -> None:
        self._settings = settings
        self._formats = formats
        self._recordings = settings.asterisk_spool / "recording"
        self._tone = settings.prompts_dir / f"{TONE_FILE}.wav"

    async def call(
        self, test_id: UUID, endpoint: str, codecs: Sequence[str], seconds: float, answered: Callable[[], None]
    ) -> Measured | NotAnswered:
        """Call the phone, offering ``codecs``, and measure for so long; ``answered`` is called when it has answered. Raises
        ProviderError while Asterisk is away."""
        name = f"{NAME}{test_id}"
        await asyncio.to_thread(self._make_tone, name)
        try:
            async with self._application(name) as (client, heard):
                call = _Call(client, heard, name, self._recordings / f"{name}.wav")
                return await call.make(
                    f"PJSIP/{endpoint}", codecs, seconds, answered=answered, codec=lambda: self._codec(endpoint)
                )
        except AriError as error:
            raise ProviderError(f"the phone could not be called: {error.message}", retryable=True) from error

    def tidy(self) -> None:
        """Delete what phones said in tests that a kill of the process cut off."""
        for left in self._recordings.glob(f"{NAME}*.wav"):
            left.unlink(missing_ok=True)

    async def _codec(self, endpoint: str) -> str:
        """What the phone speaks at this moment."""
        return next((one.codec for one in await self._formats() if one.device == endpoint), "")

    def _make_tone(self, name: str) -> None:
        """Once. A file, because while Asterisk makes a tone by itself it does not listen (ast_waitfordigit drops audio)."""
        if self._tone.exists():
            return
        unfinished = self._tone.with_name(f".{name}.new")
        with wave.open(str(unfinished), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(tone(TONE, RATE, TONE_S).tobytes())
        unfinished.replace(self._tone)

    @asynccontextmanager
    async def _application(self, name: str) -> AsyncIterator[tuple[AriClient, asyncio.Queue[ari.Event]]]:
        """An ARI connection for as long as the test takes."""
        settings, heard = self._settings, asyncio.Queue[ari.Event]()
        access = AriAccess(
            base_url=f"http://{settings.ari_host}:{settings.ari_port}/ari",
            user=settings.ari_user,
            password=settings.ari_password.get_secret_value(),
            app=name,
        )
        client = AriClient(access, on_event=heard.put_nowait)
        running = asyncio.create_task(client.run(), name="phone-test.ari")
        try:
            try:
                async with asyncio.timeout(CONNECT_S):
                    await client.wait_connected()
            except TimeoutError:
                raise ProviderError("Asterisk cannot be reached", retryable=True) from None
            yield client, heard
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class _Call:
    """One test's call. ``recording`` is where Asterisk writes what the phone says."""

    def __init__(self, client: AriClient, heard: asyncio.Queue[ari.Event], name: str, recording: Path) -> None:
        self._client = client
        self._heard = heard
        self._name = name
        self._ear = f"{name}-ear"
        self._recording = recording

    async def make(
        self,
        endpoint: str,
        codecs: Sequence[str],
        seconds: float,
        *,
        answered: Callable[[], None],
        codec: Callable[[], Awaitable[str]],
    ) -> Measured | NotAnswered:
        """From the first ring to the hang-up."""
        try:
            refused = await self._ring(endpoint, codecs)
            if refused is not None:
                return refused
            answered()
            return await self._measure(seconds, codec)
        finally:
            await self._end()

    async def _ring(self, endpoint: str, codecs: Sequence[str]) -> NotAnswered | None:
        """None when the phone has answered."""
        try:
            await self._client.call(
                channels.originate(
                    endpoint,
                    app=self._name,
                    channel_id=self._name,
                    caller_name="Phone test",
                    timeout_s=RING_S,
                    formats=codecs,
                    variables={"TIMEOUT(absolute)": str(LONGEST_S)},
                )
            )
        except AriError as error:
            if error.outcome_unknown or error.status == 0:
                raise
            return NotAnswered(nowhere=True)
        event = await self._channel_event(RING_S + CONNECT_S, self._name)
        if isinstance(event, ari.ChannelDestroyed):
            return NotAnswered(sip_status=event.tech_cause or 0)
        return None if isinstance(event, ari.StasisStart) else NotAnswered()

    async def _channel_event(self, within: float, channel: str) -> ari.Event | None:
        """The next beginning or end of one of our channels; None if none comes."""
        return await self._event(
            within, lambda e: isinstance(e, ari.StasisStart | ari.ChannelDestroyed) and e.channel.id == channel
        )

    async def _event(self, within: float, right: Callable[[ari.Event], bool]) -> ari.Event | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    event = await self._heard.get()
                    if right(event):
                        return event
        return None

    async def _measure(self, seconds: float, codec: Callable[[], Awaitable[str]]) -> Measured:
        secure = await self._read("CHANNEL(rtp,secure)")
        await self._client.call(
            channels.snoop(self._name, snoop_id=self._ear, app=self._name, spy="in", app_args=("ear",))
        )
        await self._channel_event(CONNECT_S, self._ear)
        await self._client.call(channels.record(self._ear, name=self._name, max_seconds=LONGEST_S))
        before = await self._statistics()
        await self._client.call(
            channels.play(self._name, [f"sound:/prompts/{TONE_FILE}"], playback_id=f"{self._name}-tone")
        )
        await asyncio.sleep(seconds)
        after, spoken = await self._statistics(), await codec()
        with suppress(AriError):  # else its end by the hang-up would be in Asterisk's log as a failure
            await self._client.call(media.stop_playback(f"{self._name}-tone"))
        await self._client.call(media.stop_recording(self._name))
        await self._event(CONNECT_S, lambda e: isinstance(e, ari.RecordingFinished))  # then the file is whole
        samples = await asyncio.to_thread(self._samples)
        return Measured(
            seconds=seconds,
            codec=spoken,
            encrypted=secure == "1",
            sent=after.txcount - before.txcount,
            received=after.rxcount - before.rxcount,
            lost_to=after.txploss if after.rtt else None,
            lost_from=after.rxploss - before.rxploss,
            jitter_to_ms=_ms(after.txjitter) if after.rtt else None,
            jitter_from_ms=_ms(after.rxjitter),
            round_trip_ms=_ms(0.0 if after.rtt > WRAPPED_S else after.rtt) if after.rtt else None,
            level_db=round(level_db(samples), 1),
            tone_share=round(tone_share(samples, RATE, TONE), 2),
        )

    async def _read(self, variable: str) -> str:
        return (await self._client.call(channels.get_variable(self._name, variable))).value

    async def _statistics(self) -> RtpStatistics:
        return await self._client.call(channels.rtp_statistics(self._name))

    def _samples(self) -> array[int]:
        """What was recorded; without the first quarter of a second, in which the phone has not heard the tone yet."""
        samples = array("h")
        with suppress(FileNotFoundError, wave.Error, EOFError), wave.open(str(self._recording)) as file:
            samples.frombytes(file.readframes(file.getnframes()))
        return samples[RATE // 4 :]

    async def _end(self) -> None:
        with suppress(AriError):
            await self._client.call(channels.hangup(self._name))
        with suppress(AriError):
            await self._client.call(channels.hangup(self._ear))
        self._recording.unlink(missing_ok=True)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
