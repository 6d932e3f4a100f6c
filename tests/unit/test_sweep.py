"""When a waiting payment is looked at again: every age once, however irregular the sweeps."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.sweep import POLLS, due

START = datetime(2026, 3, 1, tzinfo=UTC)
AGES = [*POLLS, *(timedelta(hours=hours) for hours in range(1, 30))]


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_an_age_is_due_in_the_sweep_that_reaches_it_and_not_again() -> None:
    assert not due(START, after(0), after(59.9))
    assert due(START, after(59.9), after(60))
    assert not due(START, after(60), after(119))
    assert due(START, after(119), after(181))


def test_a_payment_that_waits_for_days_is_looked_at_every_hour() -> None:
    looks = sum(due(START, after(60 * n), after(60 * (n + 1))) for n in range(24 * 60))

    assert looks == len(POLLS) + 24


@given(st.lists(st.integers(1, 100_000), min_size=2, max_size=60, unique=True))
def test_no_age_is_missed_however_long_the_sweeps_are_apart(instants: list[int]) -> None:
    times = [0, *sorted(instants)]
    for earlier, later in pairwise(times):
        passed = any(after(earlier) < START + age <= after(later) for age in AGES)
        assert due(START, after(earlier), after(later)) is passed
