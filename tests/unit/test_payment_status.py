"""A payment's status and sums follow from its operations, by the documents' precedence, for every small combination."""

from collections.abc import Iterator
from itertools import product

import pytest

from domain.errors import OverdrawnPayment
from domain.payments import (
    AttemptStatus,
    CaptureMode,
    Operation,
    OperationKind,
    OperationState,
    PaymentStatus,
    Sums,
    attempt_kind,
    check_refundable,
    derive_status,
    operation_key,
    sums,
)

# `cancelled` (voided or expired unpaid) has nothing taken, held or on its way beside it.
PRECEDENCE = """
    disputed unknown refunded partially_refunded completed cancelled authorized requires_action processing failed
    pending
"""
K, S, A = OperationKind, OperationState, AttemptStatus
WHOLE, HALF = 100, 50
# What a last attempt can be while its own operation is in a state; the end of an unpaid order cancels it.
ATTEMPTS = {
    S.INTENDED: [A.PROCESSING],
    S.PENDING: [A.PROCESSING, A.REQUIRES_ACTION, A.CANCELLED],
    S.SUCCEEDED: [A.SUCCEEDED],
    S.FAILED: [A.DECLINED, A.CANCELLED],
    S.UNKNOWN: [A.UNKNOWN, A.CANCELLED],
}
Combination = tuple[tuple[Operation, ...], AttemptStatus]


def operation(kind: OperationKind, state: OperationState, amount: int = WHOLE) -> Operation:
    return Operation(kind=kind, state=state, amount=amount)


def further(kind: OperationKind, *amounts: int) -> list[tuple[Operation, ...]]:
    """No such operation, or one of each amount in every state."""
    made = [tuple(operation(kind, state, amount) for amount, state in zip(amounts, states, strict=True))
            for states in product(S, repeat=len(amounts))]  # fmt: skip
    return [(), *made]


def combinations() -> Iterator[Combination]:
    refunds = further(K.REFUND, WHOLE) + further(K.REFUND, HALF)[1:] + further(K.REFUND, HALF, HALF)[1:]
    for ask, state in product([K.AUTHORIZE, K.CHARGE], S):
        captures = further(K.CAPTURE, WHOLE) if (ask, state) == (K.AUTHORIZE, S.SUCCEEDED) else [()]
        voids = further(K.VOID, WHOLE) if ask is K.AUTHORIZE or state is not S.SUCCEEDED else [()]
        for attempt, capture, void in product(ATTEMPTS[state], captures, voids):
            taken = state is S.SUCCEEDED and (ask is K.CHARGE or any(each.state is S.SUCCEEDED for each in capture))
            if taken and any(each.state is S.SUCCEEDED for each in void):
                continue
            for refund in refunds if taken else [()]:
                yield (operation(ask, state), *capture, *void, *refund), attempt


def done(operations: tuple[Operation, ...], *kinds: OperationKind) -> int:
    return sum(each.amount for each in operations if each.kind in kinds and each.state is S.SUCCEEDED)


def claims(operations: tuple[Operation, ...], attempt: AttemptStatus) -> dict[str, bool]:
    """Every status that something about the payment speaks for."""
    captured, refunded = done(operations, K.CAPTURE, K.CHARGE), done(operations, K.REFUND)
    voided = done(operations, K.VOID) > 0
    return {
        "unknown": attempt is A.UNKNOWN or any(each.state is S.UNKNOWN for each in operations),
        "refunded": captured > 0 and refunded == captured,
        "partially_refunded": 0 < refunded < captured,
        "completed": captured > 0,
        "cancelled": voided or attempt is A.CANCELLED,
        "authorized": done(operations, K.AUTHORIZE) > 0,
        "requires_action": attempt is A.REQUIRES_ACTION,
        "processing": attempt is A.PROCESSING,
        "failed": attempt is A.DECLINED,
    }


COMBINATIONS = list(combinations())


def test_the_combinations_reach_every_status_but_disputed() -> None:
    reached = {derive_status(operations, attempt) for operations, attempt in COMBINATIONS}

    assert len(COMBINATIONS) > 300
    assert reached == set(PaymentStatus) - {PaymentStatus.DISPUTED, PaymentStatus.PENDING}


def test_the_status_is_the_first_in_precedence_that_something_speaks_for() -> None:
    wrong = []
    for operations, attempt in COMBINATIONS:
        spoken_for = claims(operations, attempt)
        expected = next(status for status in PRECEDENCE.split() if spoken_for.get(status, status == "pending"))
        if derive_status(operations, attempt) != expected:
            wrong.append((operations, attempt, expected))

    assert wrong == []


def test_the_order_of_operations_does_not_matter() -> None:
    for operations, attempt in COMBINATIONS:
        assert derive_status(operations[::-1], attempt) is derive_status(operations, attempt)


def test_a_payment_that_was_never_tried_is_pending() -> None:
    assert derive_status([], None) is PaymentStatus.PENDING


def test_a_refund_under_way_is_not_shown_as_refunded() -> None:
    for state in (S.INTENDED, S.PENDING, S.FAILED):
        operations = [operation(K.CHARGE, S.SUCCEEDED), operation(K.REFUND, state)]
        assert derive_status(operations, A.SUCCEEDED) is PaymentStatus.COMPLETED


def test_a_declined_try_before_one_that_succeeded_is_forgotten() -> None:
    operations = [operation(K.CHARGE, S.FAILED), operation(K.AUTHORIZE, S.SUCCEEDED)]

    assert derive_status(operations, A.SUCCEEDED) is PaymentStatus.AUTHORIZED


def test_sums_count_what_succeeded_and_refunds_that_may_still() -> None:
    operations = [
        operation(K.CHARGE, S.FAILED, 9),
        operation(K.AUTHORIZE, S.SUCCEEDED, 100),
        operation(K.CAPTURE, S.SUCCEEDED, 90),
        operation(K.REFUND, S.SUCCEEDED, 10),
        operation(K.REFUND, S.INTENDED, 20),
        operation(K.REFUND, S.PENDING, 5),
        operation(K.REFUND, S.UNKNOWN, 3),
        operation(K.REFUND, S.FAILED, 50),
        operation(K.VOID, S.FAILED, 100),
    ]

    total = sums(operations)

    assert total == Sums(authorized=100, captured=90, refunded=10, refund_open=28, voided=False)
    assert total.refundable == 52


def test_refunds_never_exceed_what_was_captured() -> None:
    operations = [operation(K.CHARGE, S.SUCCEEDED, 100), operation(K.REFUND, S.PENDING, 40)]

    check_refundable(operations, 60)
    with pytest.raises(OverdrawnPayment, match=r"^61 is more than the 60 that is left"):
        check_refundable(operations, 61)


def test_what_is_only_held_is_not_refunded() -> None:
    with pytest.raises(OverdrawnPayment):
        check_refundable([operation(K.AUTHORIZE, S.SUCCEEDED, 100)], 1)


def test_an_attempt_asks_for_what_its_capture_mode_says() -> None:
    assert [attempt_kind(mode) for mode in CaptureMode] == [K.CHARGE, K.AUTHORIZE]


def test_an_operation_key_is_made_of_order_attempt_and_step() -> None:
    assert operation_key("ord_1", 2, K.AUTHORIZE) == "ord_1:pay:2:authorize"
    assert operation_key("ord_1", 1, K.REFUND, 1) == "ord_1:pay:1:refund"
    assert operation_key("ord_1", 1, K.REFUND, 3) == "ord_1:pay:1:refund:3"


def test_no_two_operations_share_a_key() -> None:
    every = [
        operation_key(order, attempt, kind, number)
        for order, attempt, kind, number in product(["ord_1", "ord_11"], range(1, 13), K, range(1, 13))
    ]

    assert len(set(every)) == len(every)
    assert max(len(key) for key in every) < 255
