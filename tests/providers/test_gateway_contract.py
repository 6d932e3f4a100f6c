"""What every payment gateway does, through its real SDK against its simulator; the money is read from the simulator."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import ProviderMismatch, RequestRefusedByProvider
from domain.gateway import Authorized, Captured, Declined
from tests.support.gateways import AMOUNT, HELD, TAKEN, UNPAID, Bench, answered


def test_manual_capture_holds_the_money(bench: Bench) -> None:
    held = bench.held()

    assert held.amount == AMOUNT
    assert held.capture_before is not None
    assert held.capture_before > datetime.now(UTC) + timedelta(days=1)
    assert bench.truth() == HELD


def test_automatic_capture_takes_the_money(bench: Bench) -> None:
    charged = bench.charged()

    assert charged == Captured(reference=charged.reference, amount=AMOUNT)
    assert bench.truth() == TAKEN


@pytest.mark.parametrize(
    ("method", "soft"),
    [("declined", True), ("insufficient_funds", True), ("lost_card", False), ("stolen_card", False),
     ("expired_card", False)],
)  # fmt: skip
@pytest.mark.parametrize("manual", [False, True])
def test_a_decline_says_whether_the_same_card_may_do_later(bench: Bench, method: str, soft: bool, manual: bool) -> None:
    declined = bench.declined(method, manual=manual)

    assert declined.soft is soft
    assert declined.code == {"declined": "generic_decline"}.get(method, method)
    assert declined.message.startswith("Your card")
    assert bench.truth() == UNPAID
    assert bench.read(declined.reference) == declined


def test_an_unknown_payment_method_is_a_decline_of_an_attempt_that_never_was(bench: Bench) -> None:
    declined = bench.declined("unknown")

    assert (declined.reference, declined.code, declined.soft) == (None, "payment_method_invalid", False)
    assert declined.message
    assert bench.truth() == {}


@pytest.mark.parametrize(("manual", "there"), [(False, TAKEN), (True, HELD)])
def test_after_a_decline_another_method_pays_the_same_payment(
    bench: Bench, manual: bool, there: dict[str, Any]
) -> None:
    declined = bench.declined()

    paid = bench.pay(manual=manual, attempt=2, reference=declined.reference)

    assert isinstance(paid, Authorized if manual else Captured)
    assert (paid.reference, paid.amount) == (declined.reference, AMOUNT)
    assert bench.truth() == there


def test_each_try_after_a_decline_has_an_answer_of_its_own(bench: Bench) -> None:
    first = bench.declined("insufficient_funds")

    second = bench.declined("lost_card", attempt=2, reference=first.reference)
    third = bench.declined("unknown", attempt=3, reference=first.reference)

    assert [first.code, second.code, third.code] == ["insufficient_funds", "lost_card", "payment_method_invalid"]
    assert {first.reference, second.reference, third.reference} == {first.reference}
    assert bench.truth() == UNPAID


@pytest.mark.parametrize(("manual", "there"), [(False, TAKEN), (True, HELD)])
def test_a_challenge_that_the_buyer_passes_pays(bench: Bench, manual: bool, there: dict[str, Any]) -> None:
    challenged = bench.challenged(manual=manual)
    assert challenged.client_secret.startswith(challenged.reference)
    assert bench.truth() == UNPAID
    assert bench.read(challenged.reference) == challenged

    bench.sandbox.challenge(challenged.reference, "succeed").raise_for_status()

    paid = bench.read(challenged.reference)
    assert isinstance(paid, Authorized if manual else Captured)
    assert (paid.reference, paid.amount) == (challenged.reference, AMOUNT)
    assert bench.truth() == there


def test_money_held_after_a_challenge_lapses_at_a_known_time(bench: Bench) -> None:
    challenged = bench.challenged(manual=True)
    bench.sandbox.challenge(challenged.reference, "succeed").raise_for_status()

    held = bench.read(challenged.reference)

    assert isinstance(held, Authorized)
    assert held.capture_before is not None
    assert held.capture_before > datetime.now(UTC) + timedelta(days=1)


@pytest.mark.parametrize(("method", "outcome"), [("challenged", "fail"), ("challenged_then_declined", "succeed")])
def test_a_challenge_that_ends_without_money_leaves_the_choice_of_another_method(
    bench: Bench, method: str, outcome: str
) -> None:
    challenged = bench.challenged(method)
    bench.sandbox.challenge(challenged.reference, outcome).raise_for_status()

    declined = bench.read(challenged.reference)

    assert isinstance(declined, Declined)
    assert (declined.reference, declined.soft) == (challenged.reference, True)
    assert bench.truth() == UNPAID
    paid = bench.charged(attempt=2, reference=declined.reference)
    assert paid.reference == challenged.reference
    assert bench.truth() == TAKEN


def test_asking_twice_with_the_same_key_is_one_payment_with_one_answer(bench: Bench) -> None:
    request = bench.asked(manual=True)

    answers = {bench.gateway.authorize(request) for _ in range(3)}

    assert len(answers) == 1
    assert bench.truth() == HELD


def test_twenty_callers_with_one_key_make_one_payment(bench: Bench) -> None:
    request = bench.asked()

    with ThreadPoolExecutor(20) as callers:
        asked = [callers.submit(answered, lambda: bench.gateway.authorize(request), 50) for _ in range(20)]
        references = {each.result().reference for each in asked}

    assert len(references) == 1
    assert bench.truth() == TAKEN


def test_the_same_key_for_another_amount_is_refused(bench: Bench) -> None:
    bench.held()

    with pytest.raises(ProviderMismatch):
        bench.held(amount=AMOUNT + 1)

    assert bench.truth() == HELD


def test_a_payment_is_found_when_the_provider_has_forgotten_its_key(bench: Bench) -> None:
    yesterday = datetime.now(UTC) - timedelta(hours=25)
    charged = bench.charged()
    bench.sandbox.script(idempotency_ttl_ms=0)

    again = bench.charged(since=yesterday)

    assert again == charged
    assert bench.truth() == TAKEN


def test_a_payment_is_found_when_our_clock_is_ahead_of_the_provider_s(bench: Bench) -> None:
    charged = bench.charged()
    bench.sandbox.script(idempotency_ttl_ms=0)

    again = bench.charged(since=datetime.now(UTC) + timedelta(seconds=30), look_first=True)

    assert again == charged
    assert bench.truth() == TAKEN


def test_reading_what_the_provider_never_heard_of_is_refused(bench: Bench) -> None:
    with pytest.raises(RequestRefusedByProvider):
        bench.read("pi_0000000000000000000000000")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"payment_amount": AMOUNT + 1}, "amount"),
        ({"currency": "USD"}, "currency"),
        ({"order_id": "ord_00000000000000000000000000"}, "order"),
    ],
)
@pytest.mark.parametrize("paid", ["good", "challenged", "declined"])
def test_a_payment_that_is_not_ours_is_never_taken_for_ours(
    bench: Bench, changes: dict[str, Any], field: str, paid: str
) -> None:
    reference = bench.pay(paid).reference
    before = bench.truth()

    with pytest.raises(ProviderMismatch, match=f"^The provider's {field} is "):
        bench.read(reference, **changes)

    assert bench.truth() == before


@pytest.mark.parametrize("method", ["declined", "challenged"])
def test_another_order_s_payment_is_not_paid_for_ours(bench: Bench, method: str) -> None:
    theirs = bench.declined()
    ours = Bench(bench.provider, bench.sandbox)

    with pytest.raises(ProviderMismatch, match=r"^The provider's order is "):
        ours.pay(method, attempt=2, reference=theirs.reference)

    assert ours.truth() == {}
    assert bench.truth() == UNPAID
