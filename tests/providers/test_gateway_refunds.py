"""Money back through every gateway: once per key, never above what was taken, and what banks make of it later."""

from typing import Any

import pytest

from db.ids import new_id
from domain.errors import ProviderKeySpent, ProviderMismatch, ProviderUnreachable, RequestRefusedByProvider
from domain.gateway import Refunded, RefundFailed, RefundPending, RefundReversed
from tests.support.gateways import AMOUNT, HELD, TAKEN, Act, Bench, truth
from tests.support.stripe_sandbox import wait_until

SOON_MS = 300


def given_back(amount: int, refunds: int = 1) -> dict[str, Any]:
    return {**TAKEN, "refunded": amount, "refunds": refunds}


def test_a_partial_refund_gives_a_part_back(bench: Bench) -> None:
    request = bench.back(bench.charged().reference, 400)

    refunded = bench.refunded(request)

    assert refunded == Refunded(reference=refunded.reference, amount=400)
    assert bench.read_refund(request, refunded.reference) == refunded
    assert bench.truth() == given_back(400)


def test_refunds_go_up_to_what_was_taken_and_no_further(bench: Bench) -> None:
    paid = bench.charged()
    bench.refunded(bench.back(paid.reference, 400))

    with pytest.raises(RequestRefusedByProvider):
        bench.refund(bench.back(paid.reference, 601))
    assert bench.truth() == given_back(400)

    assert bench.refunded(bench.back(paid.reference, 600)).amount == 600
    assert bench.truth() == given_back(1000, refunds=2)
    with pytest.raises(RequestRefusedByProvider):
        bench.refund(bench.back(paid.reference, 1))
    assert bench.truth() == given_back(1000, refunds=2)


def test_what_was_partly_captured_is_refunded_up_to_that_part(bench: Bench) -> None:
    held = bench.held()
    bench.capture(held.reference, amount=600)

    with pytest.raises(RequestRefusedByProvider):
        bench.refund(bench.back(held.reference, 601))

    assert bench.refunded(bench.back(held.reference, 600)).amount == 600
    assert bench.truth() == truth(
        authorized=1000, captured=600, voided=400, refunded=600, captures=1, refunds=1, intents=1
    )


def test_what_is_only_held_is_not_refunded(bench: Bench) -> None:
    held = bench.held()

    with pytest.raises(RequestRefusedByProvider):
        bench.refund(bench.back(held.reference))

    assert bench.truth() == HELD


def test_asking_twice_with_the_same_key_is_one_refund_with_one_answer(bench: Bench) -> None:
    request = bench.back(bench.charged().reference, 400)

    answers = {bench.refunded(request).reference for _ in range(3)}

    assert len(answers) == 1
    assert bench.truth() == given_back(400)


def test_a_refund_is_found_when_the_provider_has_forgotten_its_key(bench: Bench) -> None:
    request = bench.back(bench.charged().reference, 400)
    first = bench.refunded(request)
    bench.sandbox.script(idempotency_ttl_ms=0)

    assert bench.refunded(request) == first
    assert bench.truth() == given_back(400)


def test_two_refunds_of_one_amount_are_two(bench: Bench) -> None:
    paid = bench.charged()

    first, second = (bench.refunded(bench.back(paid.reference, 300)).reference for _ in range(2))

    assert first != second
    assert bench.truth() == given_back(600, refunds=2)


def test_a_refund_that_the_bank_thinks_over_is_pending_until_it_is_through(bench: Bench) -> None:
    bench.sandbox.script(refund_turns_ms=SOON_MS)
    request = bench.back(bench.charged("refund_pends").reference)

    pending = bench.refund(request)

    assert isinstance(pending, RefundPending)
    through = Refunded(reference=pending.reference, amount=AMOUNT)
    wait_until(lambda: bench.read_refund(request, pending.reference) == through)
    assert bench.truth() == given_back(1000)


@pytest.mark.parametrize("by", ["card", "script"])
def test_a_refund_can_fail_after_it_succeeded_and_be_made_anew(bench: Bench, by: str) -> None:
    faults = [bench.fault(Act.REFUND, "refund_fails_later")] if by == "script" else []
    bench.sandbox.script(refund_turns_ms=SOON_MS, faults=faults)
    paid = bench.charged("refund_fails" if by == "card" else "good")
    request = bench.back(paid.reference)

    refunded = bench.refunded(request)

    failed = RefundFailed(reference=refunded.reference, reason="expired_or_canceled_card")
    wait_until(lambda: bench.read_refund(request, refunded.reference) == failed)
    assert bench.truth() == {**TAKEN, "refunds": 1}
    bench.refunded(bench.back(paid.reference))
    assert bench.truth() == given_back(1000, refunds=2)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"amount": 399}, "amount"), ({"currency": "USD"}, "currency"), ({"order_id": new_id("ord")}, "order")],
)
def test_a_refund_that_is_not_ours_is_never_taken_for_ours(bench: Bench, changes: dict[str, Any], field: str) -> None:
    request = bench.back(bench.charged().reference, 400)
    refunded = bench.refunded(request)

    with pytest.raises(ProviderMismatch, match=f"^The provider's {field} is "):
        bench.read_refund(request.model_copy(update=changes), refunded.reference)

    assert bench.truth() == given_back(400)


def test_reading_a_refund_that_the_provider_never_heard_of_is_refused(bench: Bench) -> None:
    request = bench.back(bench.charged().reference)

    with pytest.raises(RequestRefusedByProvider):
        bench.read_refund(request, "re_000000000000000000000000")


def test_a_refund_that_somebody_cancels_at_the_provider_is_reversed(bench: Bench) -> None:
    bench.sandbox.script(refund_turns_ms=SOON_MS, faults=[bench.fault(Act.REFUND, "refund_canceled_later")])
    request = bench.back(bench.charged().reference)

    refunded = bench.refunded(request)

    reversed_ = RefundReversed(reference=refunded.reference, reason="merchant_request")
    wait_until(lambda: bench.read_refund(request, refunded.reference) == reversed_)
    assert bench.truth() == {**TAKEN, "refunds": 1}


def test_a_refund_whose_key_is_spent_on_a_failure_needs_another(bench: Bench) -> None:
    paid = bench.charged()
    bench.sandbox.script(faults=[bench.fault(Act.REFUND, "error_500_stored")])
    request = bench.back(paid.reference)

    with pytest.raises(ProviderUnreachable):
        bench.refund(request)
    for _ in range(2):
        with pytest.raises(ProviderKeySpent):
            bench.refund(request)
    assert bench.truth() == TAKEN

    refunded = bench.refunded(request.model_copy(update={"key": f"{request.key}:again1"}))
    assert bench.refund(request) == refunded
    assert bench.truth() == given_back(1000)
