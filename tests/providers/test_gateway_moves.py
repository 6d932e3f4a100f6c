"""Captures and voids of every gateway: each once, in either order, and told when it comes too late."""

from collections.abc import Callable

import pytest

from domain.errors import RequestRefusedByProvider
from domain.gateway import Authorized, Captured, Voided
from tests.support.gateways import AMOUNT, HELD, RELEASED, TAKEN, UNPAID, Bench, truth


def test_a_capture_takes_what_is_held(bench: Bench) -> None:
    held = bench.held()

    captured = bench.capture(held.reference)

    assert captured == Captured(reference=held.reference, amount=AMOUNT)
    assert bench.truth() == TAKEN


@pytest.mark.parametrize("key", ["the same", "another"])
def test_what_is_captured_is_not_captured_again(bench: Bench, key: str) -> None:
    held = bench.held()
    first = bench.capture(held.reference, key="the same")

    second = bench.capture(held.reference, key=key)

    assert second == first
    assert bench.truth() == TAKEN


def test_a_partial_capture_gives_the_rest_back(bench: Bench) -> None:
    held = bench.held()

    captured = bench.capture(held.reference, amount=600)

    assert captured == Captured(reference=held.reference, amount=600)
    assert bench.truth() == truth(authorized=1000, captured=600, voided=400, captures=1, intents=1)


def test_more_than_is_held_is_not_captured(bench: Bench) -> None:
    held = bench.held()

    with pytest.raises(RequestRefusedByProvider):
        bench.capture(held.reference, amount=AMOUNT + 1)

    assert bench.truth() == HELD


def test_what_was_never_authorized_is_not_captured(bench: Bench) -> None:
    declined = bench.declined(manual=True)
    assert declined.reference is not None

    with pytest.raises(RequestRefusedByProvider):
        bench.capture(declined.reference)

    assert bench.truth() == UNPAID


def test_what_was_released_is_not_captured_and_the_answer_says_so(bench: Bench) -> None:
    held = bench.held()
    bench.void(held.reference)

    assert bench.capture(held.reference) == Voided(reference=held.reference)
    assert bench.truth() == RELEASED


def test_a_void_releases_what_is_held(bench: Bench) -> None:
    held = bench.held()

    assert bench.void(held.reference) == Voided(reference=held.reference)
    assert bench.truth() == RELEASED


@pytest.mark.parametrize("key", ["the same", "another"])
def test_what_is_released_is_not_released_again(bench: Bench, key: str) -> None:
    held = bench.held()
    first = bench.void(held.reference, key="the same")

    assert bench.void(held.reference, key=key) == first
    assert bench.truth() == RELEASED


def test_a_void_ends_an_attempt_that_never_got_money(bench: Bench) -> None:
    declined = bench.declined()

    assert bench.void(declined.reference) == Voided(reference=declined.reference)
    assert bench.truth() == UNPAID


def test_a_void_ends_a_challenge_that_can_not_be_passed_any_more(bench: Bench) -> None:
    challenged = bench.challenged()

    assert bench.void(challenged.reference) == Voided(reference=challenged.reference)
    assert bench.sandbox.challenge(challenged.reference, "succeed").status_code == 409
    assert bench.truth() == UNPAID


@pytest.mark.parametrize("pay", [Bench.charged, Bench.held])
def test_a_void_that_comes_too_late_is_told_that_the_money_is_taken(
    bench: Bench, pay: Callable[[Bench], Captured | Authorized]
) -> None:
    paid = pay(bench)
    bench.capture(paid.reference)

    assert bench.void(paid.reference) == Captured(reference=paid.reference, amount=AMOUNT)
    assert bench.truth() == TAKEN


def test_a_released_payment_takes_no_other_method(bench: Bench) -> None:
    declined = bench.declined()
    bench.void(declined.reference)

    again = bench.pay(attempt=2, reference=declined.reference)

    assert isinstance(again, Voided)
    assert bench.truth() == UNPAID
