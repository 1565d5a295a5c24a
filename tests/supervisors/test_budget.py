"""Too many restarts in the window are refused; waits grow, up to a cap, with seeded jitter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.ports import SeededRandom
from supervisors.budget import Backoff, Budget, Streak


def test_a_budget_slides() -> None:
    budget = Budget(2, window_seconds=10)
    assert [budget.spend(now) for now in (0, 4, 9, 10, 11, 14)] == [True, True, False, True, False, True]


def test_a_budget_of_nothing_allows_nothing() -> None:
    assert not Budget(0, window_seconds=10).spend(0)


@given(st.lists(st.floats(0, 100)), st.integers(0, 5), st.floats(0.1, 20))
def test_no_window_holds_more_than_the_budget(times: list[float], restarts_max: int, window_seconds: float) -> None:
    budget = Budget(restarts_max, window_seconds)
    spent = [now for now in sorted(times) if budget.spend(now)]
    for end in spent:
        assert sum(end - window_seconds < at <= end for at in spent) <= restarts_max


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(first_seconds=1, factor=2, max_seconds=10, jitter=0)
    assert [backoff.delay_seconds(streak, SeededRandom(1)) for streak in (1, 2, 3, 4, 5, 10_000)] == [
        1,
        2,
        4,
        8,
        10,
        10,
    ]


@given(st.integers(1, 10_000), st.integers())
def test_jitter_stays_within_its_share_and_the_cap(streak: int, seed: int) -> None:
    plain = Backoff(first_seconds=1, max_seconds=60, jitter=0).delay_seconds(streak, SeededRandom(seed))
    jittered = Backoff(first_seconds=1, max_seconds=60, jitter=0.25).delay_seconds(streak, SeededRandom(seed))
    assert 0.75 * plain <= jittered <= min(1.25 * plain, 60)


def test_the_same_seed_gives_the_same_delays() -> None:
    backoff = Backoff()
    draws = [[backoff.delay_seconds(n, random) for n in range(1, 9)] for random in (SeededRandom(7), SeededRandom(7))]
    assert draws[0] == draws[1]


def test_without_a_first_delay_a_restart_is_immediate() -> None:
    assert Backoff(first_seconds=0).delay_seconds(5, SeededRandom(1)) == 0


def test_a_calm_life_starts_a_new_streak() -> None:
    streak = Streak(calm_seconds=10)
    assert [streak.next(lived) for lived in (0, 1, 2, 10, 3)] == [1, 2, 3, 1, 2]
