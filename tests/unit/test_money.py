"""Money is exact: ISO 4217 exponents, one rounding mode, splits that sum to their whole."""

from decimal import Decimal
from fractions import Fraction

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from domain.errors import AmountsDiffer, CurrencyUnsupported
from domain.money import EXPONENTS, MAX_AMOUNT, Currency, Money, allocate, exponent, in_words, round_half_up
from tests.support.sales import unhurried

ISO_4217 = {each.code: each.exponent for each in iso4217.Currency}
# x100 for one of the first is the classic 100-fold overcharge.
WITHOUT_DECIMALS = "JPY KRW VND CLP XAF XOF XPF BIF DJF GNF KMF PYG RWF UGX VUV"
WITH_THREE_DECIMALS = "BHD KWD OMR JOD TND IQD LYD"
EASILY_WRONG = {"USD": 2, "MGA": 2} | dict.fromkeys(WITHOUT_DECIMALS.split(), 0)
EASILY_WRONG |= dict.fromkeys(WITH_THREE_DECIMALS.split(), 3)

weights_of_parts = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)
totals = st.integers(-(10**15), 10**15)


class Priced(BaseModel):
    currency: Currency


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
def test_the_exponent_of_a_currency_is_that_of_iso_4217(currency: str) -> None:
    assert exponent(currency) == ISO_4217[currency]


@pytest.mark.parametrize(("currency", "places"), EASILY_WRONG.items())
def test_the_currencies_that_are_easily_got_wrong_are_right(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize("code", ["ZZZ", "XXX", "XAU", "CLF", "usd", "US", "", "USDT", "€"])
def test_a_code_that_nobody_is_charged_in_is_refused(code: str) -> None:
    with pytest.raises(CurrencyUnsupported, match=f"^{code} is not a currency that can be charged"):
        exponent(code)


@pytest.mark.parametrize("code", ["ZZZ", "XAU", "usd"])
def test_no_model_takes_an_unknown_currency(code: str) -> None:
    with pytest.raises(ValidationError):
        Priced(currency=code)
    with pytest.raises(ValidationError):
        Money(amount=1, currency=code)


@pytest.mark.parametrize("amount", [1.5, "19", True, MAX_AMOUNT + 1, -MAX_AMOUNT - 1])
def test_an_amount_is_a_whole_number_within_the_limit(amount: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": amount, "currency": "USD"})


def test_the_largest_amounts_stay_exact() -> None:
    most = Money(amount=MAX_AMOUNT, currency="USD")

    assert (most - Money(amount=1, currency="USD")).amount == 10**14 - 1
    assert Money.model_validate_json(most.model_dump_json()) == most
    with pytest.raises(ValidationError):
        most + Money(amount=1, currency="USD")


def test_money_of_one_currency_is_added_subtracted_multiplied_and_compared() -> None:
    two, three = Money(amount=200, currency="EUR"), Money(amount=300, currency="EUR")

    assert two + three == Money(amount=500, currency="EUR")
    assert two - three == Money(amount=-100, currency="EUR")
    assert two * 7 == Money(amount=1400, currency="EUR")
    assert two < three
    assert two <= Money(amount=200, currency="EUR")
    assert Money.zero("EUR") == Money(amount=0, currency="EUR")


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__"])
def test_two_currencies_are_never_computed_with_each_other(operation: str) -> None:
    dollars, yen = Money(amount=1, currency="USD"), Money(amount=1, currency="JPY")

    with pytest.raises(AmountsDiffer, match="USD and JPY"):
        getattr(dollars, operation)(yen)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("0.5", 1), ("1.5", 2), ("2.5", 3), ("0.49999999", 0), ("188.1", 188), ("-0.5", -1), ("-2.5", -3), ("-0.4", 0)],
)
def test_halves_are_rounded_away_from_zero(value: str, rounded: int) -> None:
    assert round_half_up(Decimal(value)) == rounded


@unhurried
@given(st.integers(-MAX_AMOUNT, MAX_AMOUNT), st.integers(0, 10**6 - 1))
def test_rounding_is_half_up_at_every_size(whole: int, millionths: int) -> None:
    value = Decimal(whole) + Decimal(millionths) / 10**6

    rounded = round_half_up(value)

    assert abs(Fraction(value) - rounded) <= Fraction(1, 2)
    if abs(Fraction(value) - rounded) == Fraction(1, 2):
        assert abs(rounded) > abs(value)


@unhurried
@given(totals, weights_of_parts)
def test_the_parts_of_a_split_sum_to_the_whole(total: int, weights: list[int]) -> None:
    assert sum(allocate(total, weights)) == total


@unhurried
@given(totals, weights_of_parts)
def test_no_part_is_a_whole_unit_off_its_exact_share(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)

    if sum(weights):
        for part, weight in zip(parts, weights, strict=True):
            assert abs(Fraction(total * weight, sum(weights)) - part) < 1


@unhurried
@given(totals.map(abs), weights_of_parts)
def test_a_larger_weight_never_gets_a_smaller_part(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)

    by_weight = sorted(zip(weights, parts, strict=True))
    assert [part for _, part in by_weight] == sorted(parts) if sum(weights) else parts[0] == total


@unhurried
@given(totals.map(abs), st.integers(1, 30))
def test_a_tie_goes_to_the_earlier_part(total: int, count: int) -> None:
    parts = allocate(total, [7] * count)

    quotient, rest = divmod(total, count)
    assert parts == [quotient + 1] * rest + [quotient] * (count - rest)


@unhurried
@given(totals, weights_of_parts)
def test_what_is_given_back_is_split_as_what_was_taken(total: int, weights: list[int]) -> None:
    assert allocate(-total, weights) == [-part for part in allocate(total, weights)]


@unhurried
@given(totals, weights_of_parts)
def test_a_split_depends_on_nothing_but_its_numbers(total: int, weights: list[int]) -> None:
    assert allocate(total, weights) == allocate(total, tuple(weights))


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (1, [0, 1, 1], [0, 1, 0]),
        (10, [6, 3, 1], [6, 3, 1]),
        (5, [0, 0], [5, 0]),
        (0, [3, 4], [0, 0]),
        (0, [], []),
        (10**30 + 1, [1, 1], [(10**30 + 2) // 2, 10**30 // 2]),
    ],
)
def test_known_splits(total: int, weights: list[int], parts: list[int]) -> None:
    assert allocate(total, weights) == parts


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [(1999, "USD", "19.99 USD"), (1999, "JPY", "1,999 JPY"), (1999, "KWD", "1.999 KWD"), (-5, "EUR", "-0.05 EUR")],
)
def test_amounts_are_told_with_as_many_places_as_the_currency_has(amount: int, currency: str, expected: str) -> None:
    assert in_words(amount, currency) == expected
