"""What the conference stories share: a conference of one's own, parties who join it, and who hears whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from m3voip.phones import CallRefusedError, Softphone
from m3voip.phones.call import Call
from m3voip.phones.media.g711 import RATE
from m3voip.phones.media.tones import level_dbfs, tone_share
from m3voip.phones.outgoing import OutgoingCall
from tests.support.eventually import eventually
from tests.support.office import Api, Json

THERE, GONE = 0.12, 0.02
"""Share of the energy from which on a tone of several is heard, and below which it is not."""
QUIET = -50.0


@asynccontextmanager
async def conference(api: Api, number: str, **settings: object) -> AsyncIterator[Json]:
    """A conference for one story."""
    made = await api.ask("POST", "/v1/tm/conferences", json={"number": number, **settings})
    try:
        yield made
    finally:
        await api.ask("DELETE", f"/v1/tm/conferences/{made['id']}")


async def join(phone: Softphone, number: str, tone: int, pin: str = "") -> OutgoingCall:
    """Dial until the number is in effect, type the PIN, and be asked nothing more."""

    async def reached() -> OutgoingCall | None:
        call = await phone.dial(number, tone=tone)
        try:
            await call.answered()
        except CallRefusedError:  # not provisioned yet
            return None
        return call

    call = await eventually(reached, 10, every=0.2, what=f"{number} to be reached")
    if pin:
        await call.hear_sound()
        await call.send_digits(f"{pin}#")
    return call


async def roster(api: Api, made: Json, count: int, within: float = 10.0) -> Json:
    """Who is in it, as soon as that are so many and all are written down."""

    async def there() -> Json | None:
        now = await api.get(f"/v1/tm/conferences/{made['id']}/roster")
        whole = all(party["joinedAt"] for party in now["parties"])
        assert len(now["parties"]) == count, [party["number"] for party in now["parties"]]
        return now if whole else None

    return await eventually(there, within, what=f"{count} in the roster")


async def steer(api: Api, made: Json, what: str, *, expect: int = 200) -> None:
    await api.ask("POST", f"/v1/tm/conferences/{made['id']}/{what}", expect=expect)


def shares(call: Call, tones: Mapping[str, int], seconds: float = 0.6) -> dict[str, float]:
    """Whom a party hears just now."""
    samples = call.ear.last(seconds)
    return {who: tone_share(samples, RATE, hz) for who, hz in tones.items()}


async def hears(calls: Mapping[str, Call], tones: Mapping[str, int], *, silent: frozenset[str] = frozenset()) -> None:
    """Everybody hears all others but those who are ``silent``, and nobody hears themselves."""

    def so() -> bool:
        for who, call in calls.items():
            heard = shares(call, tones)
            others = {name for name in calls if name not in ({who} | silent)}
            assert {name for name, share in heard.items() if share > THERE} == others, f"{who} hears {heard}"
            assert all(heard[name] < GONE for name in {who, *silent} - others), f"{who} hears {heard}"
        return True

    await eventually(so, 6, every=0.1, what="everybody to hear the others")


def is_quiet(call: Call, seconds: float = 0.6) -> bool:
    return level_dbfs(call.ear.last(seconds)) < QUIET
