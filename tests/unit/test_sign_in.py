"""What is made of a refresh token by its times alone."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.sign_in import Presented, TokenTimes, judge

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER, BEFORE = NOW + timedelta(days=1), NOW - timedelta(days=1)
GRACE = 60


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("used", "successor_used", "presented"),
    [
        (None, False, Presented.CURRENT),
        (ago(0), False, Presented.REPEATED),
        (ago(GRACE), False, Presented.REPEATED),
        # Clocks of two processes differ.
        (ago(-1), False, Presented.REPEATED),
        (ago(GRACE + 0.001), False, Presented.REUSED),
        (ago(0), True, Presented.REUSED),
        (ago(GRACE + 1), True, Presented.REUSED),
        (BEFORE, False, Presented.REUSED),
    ],
)
def test_a_token_is_current_or_repeated_or_reused(
    used: datetime | None, successor_used: bool, presented: Presented
) -> None:
    assert judge(TokenTimes(LATER, LATER, used, successor_used), NOW, GRACE) is presented


@pytest.mark.parametrize(
    ("expires", "family_expires", "used"),
    [(NOW, LATER, None), (BEFORE, LATER, None), (LATER, NOW, None), (LATER, BEFORE, None), (LATER, BEFORE, ago(1))],
)
def test_nothing_outlives_its_time(expires: datetime, family_expires: datetime, used: datetime | None) -> None:
    assert judge(TokenTimes(expires, family_expires, used, successor_used=False), NOW, GRACE) is Presented.OVER


def test_a_used_token_that_comes_late_is_noticed_after_it_would_have_expired() -> None:
    token = TokenTimes(expires=BEFORE, family_expires=LATER, used=ago(3 * 24 * 3600), successor_used=True)

    assert judge(token, NOW, GRACE) is Presented.REUSED
