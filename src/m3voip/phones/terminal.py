"""A telephone in the terminal: places one call, or answers all that come, and says what happens in one line each.

Law: it knows what run.json says and nothing else, like any tool from outside; it leaves no registration behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from m3voip.phones import voices
from m3voip.phones.behaviour import Answer
from m3voip.phones.call import Call
from m3voip.phones.errors import PhoneError
from m3voip.phones.incoming import IncomingCall
from m3voip.phones.softphone import Softphone

Say = Callable[[str], None]

_BETWEEN_KEYS = 2.0
_LOOK = 0.05
_PAUSE = 2.0


async def call(
    run: Mapping[str, Any], number: str, say: Say, *, keys: str, caller: str, seconds: float | None, heard: Path | None
) -> None:
    """Call ``number`` from outside and press ``keys``; ends with the call, or hangs up after ``seconds``. Raises
    PhoneError (alone or in a group) if nobody answers."""
    sound = await voices.speech(voices.CALLER, "rms", 440)
    async with _phone(run) as phone:
        placed = await phone.dial(number.removeprefix("+"), sound=sound, caller_id=caller)
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                tasks.create_task(_tell(placed, say), name="phone.tell")
                tasks.create_task(_press(placed, keys), name="phone.keys")
        except TimeoutError:
            await placed.hangup()
            say("hung up")
        finally:
            if heard:
                placed.ear.save(heard)


async def answer(
    run: Mapping[str, Any], username: str, password: str, say: Say, *, after: float, seconds: float | None
) -> None:
    """Register and answer every call, for ``seconds`` or until cancelled; a lost registration is made again. Raises
    PhoneError (alone or in a group) if the first one is refused."""
    sound = await voices.speech(voices.AGENT, "slt", 600)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), _phone(run, username, password) as phone, asyncio.TaskGroup() as tasks:

            def take(incoming: IncomingCall) -> Answer:
                tasks.create_task(_tell(incoming, say), name="phone.tell")
                return Answer(after=after, sound=sound)

            phone.on_invite = take
            await phone.register(expires=60)
            while True:
                say(f"registered as {username}")
                await phone.registration.until_lost()
                say("registration lost")
                await _register_again(phone)


async def _register_again(phone: Softphone) -> None:
    while True:
        await asyncio.sleep(_PAUSE)
        with suppress(PhoneError):
            await phone.register(expires=60)
            return


async def _press(placed: Call, keys: str) -> None:
    """Listen, press, listen; a call that ends in between needs no more keys."""
    await placed.answered(within=30)
    with suppress(PhoneError):
        for key in keys:
            await placed.hear_sound(within=30)
            await asyncio.sleep(_BETWEEN_KEYS)
            await placed.send_digits(key)


async def _tell(one: Call, say: Say) -> None:
    """Say the call's story as it grows."""
    told = 0
    while True:
        for line in one.story[told:]:
            say(line)
        told = len(one.story)
        if one.end is not None:
            return
        await asyncio.sleep(_LOOK)


def _phone(run: Mapping[str, Any], username: str = "", password: str = "") -> Softphone:
    sip = run["sip"]
    return Softphone(sip["address"], sip["udp"], "udp", username, password, local_host=sip["address"])
