"""Who hears whom, by tones: everybody in a story says one of their own."""

from __future__ import annotations

from m3voip.phones.call import Call
from m3voip.phones.media.g711 import RATE
from m3voip.phones.media.tones import level_dbfs, tone_share
from tests.support.eventually import eventually

MIXED_SHARE = 0.15
"""Of the energy: what one voice among a few has at least."""
QUIET_DBFS = -50.0


async def hears_all(call: Call, *tones: int, within: float = 5.0, seconds: float = 0.4) -> None:
    """Wait until this call hears all of these tones at once."""

    def heard() -> bool:
        samples = call.ear.last(seconds)
        assert len(samples) >= 0.7 * seconds * RATE, f"{len(samples)} samples"
        shares = {hz: round(tone_share(samples, RATE, hz), 2) for hz in tones}
        assert all(share > MIXED_SHARE for share in shares.values()), f"{shares}; {call.story}"
        return True

    await eventually(heard, within, what=f"hearing {tones}")


def hears_none(call: Call, *tones: int, seconds: float = 0.4) -> None:
    """Right now none of these is heard."""
    samples = call.ear.last(seconds)
    if len(samples) == 0 or level_dbfs(samples) < QUIET_DBFS:
        return
    for hz in tones:
        share = tone_share(samples, RATE, hz)
        assert share < MIXED_SHARE, f"{hz} Hz is heard ({share:.2f}); {call.story}"


async def hears_music(call: Call, *not_tones: int, within: float = 5.0, seconds: float = 0.4) -> None:
    """Wait until something is heard that is none of these tones."""

    def heard() -> bool:
        samples = call.ear.last(seconds)
        assert len(samples) >= 0.7 * seconds * RATE, f"{len(samples)} samples"
        assert level_dbfs(samples) > QUIET_DBFS, f"silence; {call.story}"
        hears_none(call, *not_tones, seconds=seconds)
        return True

    await eventually(heard, within, what="hearing music")
