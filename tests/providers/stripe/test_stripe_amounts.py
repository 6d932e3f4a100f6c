"""Stripe's minor units where they are not ISO 4217's, and amounts that it can't charge: refused before any request."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import RequestRefusedByProvider
from domain.gateway import Authorized, Captured
from domain.money import EXPONENTS
from providers.stripe.amounts import from_stripe, to_stripe
from tests.support.gateways import STRIPE, Bench, truth
from tests.support.sales import unhurried
from tests.support.stripe_sandbox import Sandbox, open_sandbox

# Ours and Stripe's: https://docs.stripe.com/currencies (zero-decimal, three-decimal, special cases).
CHARGED = [
    ("USD", 1999, 1999),
    ("JPY", 1999, 1999),
    ("KRW", 50_000, 50_000),
    ("KWD", 12_340, 12_340),
    ("BHD", 5_120, 5_120),
    ("TND", 1_230, 1_230),
    ("ISK", 1999, 199_900),
    ("UGX", 5_000, 500_000),
    ("MGA", 250_000, 2_500),
    ("TWD", 80_045, 80_045),
    ("HUF", 50_000, 50_000),
]
REFUSED = [("KWD", 12_345), ("BHD", 5_121), ("JOD", 9), ("OMR", 11), ("TND", 1_239), ("MGA", 250_050), ("MGA", 1)]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Sandbox]:
    with open_sandbox() as opened:
        yield opened


@pytest.fixture
def till(simulator: Sandbox) -> Bench:
    simulator.reset()
    return Bench(STRIPE, simulator)


def sent(till: Bench) -> list[dict[str, Any]]:
    return [each["params"] for each in till.sandbox.changes()]


@pytest.mark.parametrize(("currency", "ours", "theirs"), CHARGED)
def test_an_amount_is_charged_in_stripe_s_own_units(till: Bench, currency: str, ours: int, theirs: int) -> None:
    charged = till.pay(amount=ours, currency=currency)

    assert isinstance(charged, Captured)
    assert charged.amount == ours
    assert [(each["amount"], each["currency"]) for each in sent(till)] == [(str(theirs), currency.lower())]


@pytest.mark.parametrize(("currency", "ours", "theirs"), CHARGED)
def test_an_amount_is_held_captured_and_refunded_in_stripe_s_own_units(
    till: Bench, currency: str, ours: int, theirs: int
) -> None:
    held = till.pay(manual=True, amount=ours, currency=currency)
    assert isinstance(held, Authorized)

    captured = till.capture(held.reference, amount=ours, payment_amount=ours, currency=currency)
    refunded = till.refunded(till.back(held.reference, ours, payment_amount=ours, currency=currency))

    assert captured == Captured(reference=held.reference, amount=ours)
    assert (held.amount, refunded.amount) == (ours, ours)
    assert [each.get("amount") or each["amount_to_capture"] for each in sent(till)] == [str(theirs)] * 3
    assert till.truth() == truth(
        currency, authorized=ours, captured=ours, refunded=ours, intents=1, captures=1, refunds=1
    )


@pytest.mark.parametrize(("currency", "amount"), REFUSED)
def test_an_amount_that_can_not_be_charged_exactly_is_refused_before_any_request(
    till: Bench, currency: str, amount: int
) -> None:
    with pytest.raises(RequestRefusedByProvider, match=f"{amount} {currency} can't be charged exactly"):
        till.pay(amount=amount, currency=currency)

    assert till.sandbox.requests() == []


@pytest.mark.parametrize(("currency", "amount"), REFUSED)
def test_a_part_that_can_not_be_moved_exactly_is_refused_before_any_request(
    till: Bench, currency: str, amount: int
) -> None:
    whole = 1_000_000
    paid = till.held(amount=whole, currency=currency)
    before = till.sandbox.requests()

    with pytest.raises(RequestRefusedByProvider):
        till.capture(paid.reference, amount=amount, payment_amount=whole, currency=currency)
    with pytest.raises(RequestRefusedByProvider):
        till.refund(till.back(paid.reference, amount, payment_amount=whole, currency=currency))

    assert till.sandbox.requests() == before


@unhurried
@given(st.sampled_from(sorted(EXPONENTS)), st.integers(0, 10**11))
def test_an_amount_comes_back_as_it_went(currency: str, amount: int) -> None:
    exactly = amount * 1000

    assert from_stripe(to_stripe(exactly, currency), currency) == exactly


def test_stripe_has_another_exponent_in_three_currencies_only() -> None:
    assert {currency for currency in EXPONENTS if to_stripe(1000, currency) != 1000} == {"ISK", "UGX", "MGA"}
