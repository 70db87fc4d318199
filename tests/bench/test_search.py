import pytest

from tests.bench.search import ceiling

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("truth", [23.0, 97.0, 100.0, 311.0, 400.0, 1999.0])
@pytest.mark.parametrize("start", [20.0, 80.0, 300.0, 900.0])
async def test_the_ceiling_is_found_from_below_and_from_above(truth: float, start: float) -> None:
    asked: list[float] = []

    async def carries(rate: float) -> bool:
        asked.append(rate)
        return rate <= truth

    found = await ceiling(carries, start)
    assert found <= truth
    assert found >= truth * 0.92
    assert len(asked) < 25


async def test_a_mode_that_carries_nothing_ends_the_search() -> None:
    async def carries(_rate: float) -> bool:
        return False

    assert await ceiling(carries, 100.0) == 0.0


async def test_a_mode_without_a_limit_ends_the_search() -> None:
    async def carries(_rate: float) -> bool:
        return True

    assert await ceiling(carries, 100.0) >= 2000.0
