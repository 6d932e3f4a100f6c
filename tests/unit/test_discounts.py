"""What a discount code takes off, when it takes off nothing, and which terms make no discount."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.discounts import USE_MOVES, DiscountTerms, UseState
from domain.errors import DiscountNotApplicable
from tests.support.sales import unhurried

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def percentage(percent: str = "10", **terms: Any) -> DiscountTerms:
    return DiscountTerms.model_validate({"code": "SPRING", "kind": "percentage", "percent": percent, **terms})


def fixed(amount: int = 500, currency: str = "USD", **terms: Any) -> DiscountTerms:
    told = {"code": "SPRING", "kind": "fixed", "amount": amount, "currency": currency, **terms}
    return DiscountTerms.model_validate(told)


def refused(terms: DiscountTerms, subtotal: int = 1000, currency: str = "USD", at: datetime = NOON) -> str:
    with pytest.raises(DiscountNotApplicable) as refusal:
        terms.reduction(currency, subtotal, at)
    return str(refusal.value.values["reason"])


def test_a_percentage_is_of_the_goods_and_halves_are_rounded_up() -> None:
    assert percentage().reduction("USD", 1999, NOON) == 200
    assert percentage("12.5").reduction("USD", 1000, NOON) == 125
    assert percentage("0.05").reduction("JPY", 1000, NOON) == 1
    assert percentage("100").reduction("JPY", 1, NOON) == 1


def test_a_cap_is_the_most_that_a_percentage_takes_off() -> None:
    capped = percentage("50", cap=700, currency="USD")

    assert capped.reduction("USD", 1399, NOON) == 700
    assert capped.reduction("USD", 1398, NOON) == 699
    assert capped.reduction("USD", 10**9, NOON) == 700


def test_a_fixed_discount_is_never_more_than_the_goods() -> None:
    assert fixed().reduction("USD", 501, NOON) == 500
    assert fixed().reduction("USD", 499, NOON) == 499


@unhurried
@given(subtotal=st.integers(10**4, 10**13), percent=st.decimals("0.01", "100", places=2))
def test_a_percentage_takes_off_no_more_than_the_goods_and_rounds_by_half_a_unit(
    subtotal: int, percent: Decimal
) -> None:
    reduction = percentage(str(percent)).reduction("USD", subtotal, NOON)

    assert 0 <= reduction <= subtotal
    assert abs(reduction - Decimal(subtotal) * percent / 100) <= Decimal("0.5")


def test_a_code_is_good_from_its_start_and_until_its_end() -> None:
    terms = percentage(starts=NOON, ends=NOON + SECOND)

    assert refused(terms, at=NOON - SECOND) == "not_started"
    assert terms.reduction("USD", 1000, NOON) == 100
    assert refused(terms, at=NOON + SECOND) == "ended"


def test_a_code_is_for_goods_of_its_minimum_in_its_currency() -> None:
    terms = percentage(minimum=1000, currency="USD")

    assert terms.reduction("USD", 1000, NOON) == 100
    assert refused(terms, 999) == "below_minimum"
    assert refused(terms, currency="EUR") == "other_currency"
    assert percentage().reduction("EUR", 1000, NOON) == 100


def test_a_share_that_rounds_to_nothing_is_no_discount() -> None:
    assert refused(percentage("0.05"), 999) == "nothing_off"
    assert refused(percentage(), 0) == "nothing_off"


def test_a_code_that_is_switched_off_is_as_good_as_unknown() -> None:
    assert refused(percentage(active=False)) == "unknown"


@pytest.mark.parametrize("typed", ["spring", " Spring ", "SPRING"])
def test_letters_of_either_case_are_the_same_code(typed: str) -> None:
    assert percentage(code=typed).code == "SPRING"


@pytest.mark.parametrize(
    "terms",
    [
        {"kind": "percentage"},
        {"kind": "percentage", "percent": 10, "amount": 5, "currency": "USD"},
        {"kind": "percentage", "percent": 0},
        {"kind": "percentage", "percent": "100.01"},
        {"kind": "percentage", "percent": "1.001"},
        {"kind": "percentage", "percent": 10, "cap": 5},
        {"kind": "percentage", "percent": 10, "minimum": 5},
        {"kind": "fixed"},
        {"kind": "fixed", "amount": 500},
        {"kind": "fixed", "amount": 0, "currency": "USD"},
        {"kind": "fixed", "amount": 500, "currency": "USD", "percent": 10},
        {"kind": "fixed", "amount": 500, "currency": "USD", "cap": 100},
        {"kind": "fixed", "amount": 500, "currency": "XXX"},
        {"kind": "percentage", "percent": 10, "starts": NOON, "ends": NOON},
        {"kind": "percentage", "percent": 10, "starts": "2026-11-20T12:00:00"},
        {"kind": "percentage", "percent": 10, "starts": "1763892000"},
        {"kind": "percentage", "percent": 10, "code": "A B"},
        {"kind": "percentage", "percent": 10, "code": "ÄPFEL"},
        {"kind": "percentage", "percent": 10, "code": "AB"},
    ],
)
def test_terms_that_contradict_themselves_make_no_discount(terms: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DiscountTerms.model_validate({"code": "SPRING", **terms})


def test_a_use_ends_once() -> None:
    assert {state: USE_MOVES.table[state] for state in UseState} == {
        UseState.HELD: {UseState.USED, UseState.RETURNED},
        UseState.USED: set(),
        UseState.RETURNED: set(),
    }
