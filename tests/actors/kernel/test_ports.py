"""The ports repeat themselves for a seed, and a clock errs as it is told to."""

from __future__ import annotations

import datetime

import pytest
import trio
from trio.testing import MockClock

from actors.kernel.ports import Ports, SeededIds, SeededRandom, SystemIds, SystemRandom, TrioClock, wall_from

noon = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.UTC)


async def test_a_mocked_clock_moves_both_clocks(autojump_clock: MockClock) -> None:
    clock = TrioClock(wall_from(noon))
    before, before_wall = clock.monotonic(), clock.wall()
    await clock.sleep(90)
    assert clock.monotonic() - before == 90
    assert clock.wall() - before_wall == datetime.timedelta(seconds=90)


async def test_a_wall_clock_may_be_ahead_and_a_machine_may_count_too_fast(autojump_clock: MockClock) -> None:
    clock = TrioClock(wall_from(noon), skew_seconds=30, rate=2)
    assert clock.wall() == noon + datetime.timedelta(seconds=30 + trio.current_time())
    before = trio.current_time()
    await clock.sleep(10)
    assert trio.current_time() - before == 5
    with clock.move_on_after(10) as scope:
        await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() - before == 10
    with pytest.raises(trio.TooSlowError), clock.fail_after(2):
        await trio.sleep_forever()


async def test_the_system_clock_is_aware_and_in_utc() -> None:
    assert Ports.system().clock.wall().utcoffset() == datetime.timedelta(0)


def test_the_same_seed_gives_the_same_numbers_and_ids() -> None:
    def draw(seed: int) -> list[object]:
        random, ids = SeededRandom(seed), SeededIds(seed)
        return [
            random.random(),
            random.uniform(1, 2),
            random.randrange(9),
            random.choice("abc"),
            ids.uuid(),
            ids.token(),
        ]

    assert draw(8841) == draw(8841)
    assert draw(8841) != draw(8842)


@pytest.mark.parametrize("ids", [SystemIds(), SeededIds(1)])
def test_ids_have_their_shape(ids: SystemIds | SeededIds) -> None:
    assert len(ids.uuid()) == 36
    assert len(ids.token()) == 43
    assert ids.uuid() != ids.uuid()


def test_system_randomness_stays_in_its_bounds() -> None:
    random = SystemRandom()
    assert 0 <= random.random() < 1
    assert 3 <= random.uniform(3, 4) <= 4
    assert random.randrange(2) in (0, 1)
    assert random.choice([7]) == 7
