"""How many calls a second a mode carries: raise the rate by a quarter until it does not, then halve the gap twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

FACTOR = 1.25
HALVINGS = 2
HIGHEST, LOWEST = 2000.0, 5.0

Carries = Callable[[float], Awaitable[bool]]


async def ceiling(carries: Carries, start: float) -> float:
    """The highest rate found that `carries`, within 6 % of the lowest that does not; 0 when even `LOWEST` fails."""
    low, high = 0.0, 0.0
    rate = float(round(start))
    while not high or not low:
        if await carries(rate):
            low = rate
            if low >= HIGHEST:
                return low
            if not high:
                rate = float(round(low * FACTOR))
        else:
            high = rate
            if high <= LOWEST:
                return 0.0
            if not low:
                rate = max(LOWEST, float(round(high / FACTOR)))
    for _ in range(HALVINGS):
        middle = float(round((low + high) / 2))
        if middle in (low, high):
            break
        if await carries(middle):
            low = middle
        else:
            high = middle
    return low
