"""Waiting for something to become true: polled with a deadline, so a slow machine is slow and not wrong."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    check: Callable[[], Awaitable[T | None]], within: float = ..., *, every: float = ..., what: str = ...
) -> T: ...
@overload
async def eventually(check: Callable[[], T], within: float = ..., *, every: float = ..., what: str = ...) -> T: ...
async def eventually(
    check: Callable[[], T | Awaitable[T | None]], within: float = 5.0, *, every: float = 0.05, what: str = ""
) -> T:
    """Return what ``check`` returns as soon as that is true (non-empty, not None, no AssertionError).

    Raises AssertionError after ``within`` seconds with ``what`` and the last value or error. Other exceptions pass
    through at once: they are not "not yet", they are wrong.
    """
    began = time.monotonic()
    while True:
        last: object
        try:
            answer = check()
            value = await answer if isawaitable(answer) else answer
            if value:
                return value
            last = value
        except AssertionError as error:
            last = error
        if time.monotonic() - began > within:
            raise AssertionError(f"{what or 'it'} did not happen within {within} s; last: {last!r}")
        await asyncio.sleep(every)


async def never(check: Callable[[], object], during: float, *, every: float = 0.05, what: str = "") -> None:
    """Make sure that ``check`` stays false for ``during`` seconds."""
    began = time.monotonic()
    while time.monotonic() - began < during:
        value = check()
        assert not value, f"{what or 'it'} happened after {time.monotonic() - began:.2f} s: {value!r}"
        await asyncio.sleep(every)
