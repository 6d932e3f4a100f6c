"""Every call under every fault of the wire: repeated with the same key until an answer, it happened exactly once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import ProviderUnreachable
from domain.gateway import Authorized, Captured, Declined, Refunded, RefundPending, Voided
from domain.payments import OperationKind as Kind
from tests.support.gateways import (
    AMOUNT,
    HELD,
    RELEASED,
    TAKEN,
    UNPAID,
    Act,
    Bench,
    answered,
    truth,
)

Call = Callable[[], Any]
PART = 400
BEFORE = ["timeout_before", "drop_connection", "error_500", "rate_limit"]
AFTER = ["timeout_after", "drop_connection_after", "error_500_after"]
PARTLY_REFUNDED = {**TAKEN, "refunded": PART, "refunds": 1}


def authorizing(bench: Bench) -> Call:
    request = bench.asked(manual=True)
    return lambda: bench.gateway.authorize(request)


def confirming(bench: Bench) -> Call:
    request = bench.asked(manual=True, attempt=2, reference=bench.declined().reference)
    return lambda: bench.gateway.authorize(request)


def capturing(bench: Bench) -> Call:
    held = bench.held()
    return lambda: bench.capture(held.reference)


def voiding(bench: Bench) -> Call:
    held = bench.held()
    return lambda: bench.void(held.reference)


def reading(bench: Bench) -> Call:
    held = bench.held()
    return lambda: bench.read(held.reference)


def refunding(bench: Bench) -> Call:
    request = bench.back(bench.charged().reference, PART)
    return lambda: bench.refund(request)


def reading_a_refund(bench: Bench) -> Call:
    request = bench.back(bench.charged().reference, PART)
    made = bench.refunded(request)
    return lambda: bench.read_refund(request, made.reference)


@dataclass(frozen=True)
class Case:
    """What comes before the act, the answer to it, and what the provider knows before and after."""

    prepare: Callable[[Bench], Call]
    answer: Any
    before: dict[str, Any]
    after: dict[str, Any]
    amount: int | None = AMOUNT


CASES = {
    Act.AUTHORIZE: Case(authorizing, Authorized, {}, HELD),
    Act.CONFIRM: Case(confirming, Authorized, UNPAID, HELD),
    Act.CAPTURE: Case(capturing, Captured, HELD, TAKEN),
    Act.VOID: Case(voiding, Voided, HELD, RELEASED, None),
    Act.REFUND: Case(refunding, Refunded, TAKEN, PARTLY_REFUNDED, PART),
    Act.READ: Case(reading, Authorized, HELD, HELD),
    Act.READ_REFUND: Case(reading_a_refund, Refunded, PARTLY_REFUNDED, PARTLY_REFUNDED, PART),
}


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("do", BEFORE + AFTER)
def test_a_call_that_is_repeated_until_it_is_answered_happens_once(bench: Bench, act: Act, do: str) -> None:
    case = CASES[act]
    call = case.prepare(bench)
    assert bench.truth() == case.before
    bench.sandbox.script(faults=[bench.fault(act, do)])
    bench.in_a_hurry()

    outcome = answered(call)

    assert (type(outcome), getattr(outcome, "amount", None)) == (case.answer, case.amount)
    assert bench.truth() == case.after
    assert bench.struck() == [do]
    assert answered(call) == outcome
    assert bench.truth() == case.after


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("do", BEFORE)
def test_a_fault_before_the_effect_is_told_as_transient_and_nothing_happened(bench: Bench, act: Act, do: str) -> None:
    call = CASES[act].prepare(bench)
    bench.sandbox.script(faults=[bench.fault(act, do)])
    bench.in_a_hurry()

    with pytest.raises(ProviderUnreachable) as refused:
        call()

    assert refused.value.retryable
    assert bench.truth() == CASES[act].before


@pytest.mark.parametrize("act", Act)
def test_a_rate_limit_says_when_to_come_back(bench: Bench, act: Act) -> None:
    call = CASES[act].prepare(bench)
    bench.sandbox.script(faults=[bench.fault(act, "rate_limit")])

    with pytest.raises(ProviderUnreachable) as refused:
        call()

    assert refused.value.values["retry_after"] == 1
    assert bench.truth() == CASES[act].before


@pytest.mark.parametrize("act", [Act.AUTHORIZE, Act.CONFIRM, Act.CAPTURE, Act.VOID, Act.REFUND])
@pytest.mark.parametrize("do", ["error_500", "timeout_before", "drop_connection", "rate_limit"])
def test_a_lookup_that_fails_too_is_looked_up_again(bench: Bench, act: Act, do: str) -> None:
    call = CASES[act].prepare(bench)
    lookup = {"method": "GET", "path": "*", "times": 1, "do": do}
    bench.sandbox.script(faults=[bench.fault(act, "error_500_after"), lookup])
    bench.in_a_hurry()

    outcome = answered(call)

    assert type(outcome) is CASES[act].answer
    assert bench.truth() == CASES[act].after
    assert sorted(bench.struck()) == sorted(["error_500_after", do])


@pytest.mark.parametrize("act", [Act.AUTHORIZE, Act.CAPTURE, Act.VOID, Act.REFUND])
def test_faults_in_a_row_are_waited_out(bench: Bench, act: Act) -> None:
    call = CASES[act].prepare(bench)
    row = ["timeout_before", "error_500", "rate_limit", "drop_connection", "timeout_after"]
    bench.sandbox.script(faults=[bench.fault(act, do) for do in row])
    bench.in_a_hurry()

    outcome = answered(call)

    assert type(outcome) is CASES[act].answer
    assert bench.truth() == CASES[act].after
    assert bench.struck() == row


@pytest.mark.parametrize("do", AFTER)
@pytest.mark.parametrize("attempt", [1, 2])
def test_a_decline_whose_answer_was_lost_is_a_decline(bench: Bench, do: str, attempt: int) -> None:
    act, reference = Act.AUTHORIZE, None
    if attempt == 2:
        act, reference = Act.CONFIRM, bench.declined("insufficient_funds").reference
    request = bench.asked("lost_card", attempt=attempt, reference=reference)
    bench.sandbox.script(faults=[bench.fault(act, do)])
    bench.in_a_hurry()

    declined = answered(lambda: bench.gateway.authorize(request))

    assert isinstance(declined, Declined)
    assert (declined.code, declined.soft) == ("lost_card", False)
    assert bench.truth() == UNPAID


@pytest.mark.parametrize("do", AFTER)
def test_a_pending_refund_whose_answer_was_lost_is_pending(bench: Bench, do: str) -> None:
    request = bench.back(bench.charged("refund_pends").reference)
    bench.sandbox.script(refund_turns_ms=3_600_000, faults=[bench.fault(Act.REFUND, do)])
    bench.in_a_hurry()

    outcome = answered(lambda: bench.refund(request))

    assert isinstance(outcome, RefundPending)
    assert bench.truth() == {**TAKEN, "refunded": AMOUNT, "refunds": 1}


@pytest.mark.parametrize("do", AFTER)
def test_a_challenge_whose_answer_was_lost_is_a_challenge(bench: Bench, do: str) -> None:
    request = bench.asked("challenged")
    bench.sandbox.script(faults=[bench.fault(Act.AUTHORIZE, do)])
    bench.in_a_hurry()

    outcome = answered(lambda: bench.gateway.authorize(request))

    assert outcome.kind == "action_required"
    assert bench.truth() == UNPAID


def test_an_answer_that_comes_slowly_is_still_an_answer(bench: Bench) -> None:
    fault = bench.fault(Act.AUTHORIZE, "slow") | {"ms": 300}
    bench.sandbox.script(faults=[fault])

    assert bench.held().amount == AMOUNT
    assert bench.struck() == ["slow"]


def test_a_scripted_decline_is_a_decline(bench: Bench) -> None:
    fault = bench.fault(Act.AUTHORIZE, "decline") | {"code": "stolen_card"}
    bench.sandbox.script(faults=[fault])

    declined = bench.declined("good")

    assert (declined.code, declined.soft) == ("stolen_card", False)
    assert bench.truth() == truth(intents=1)


def test_nobody_is_there(bench: Bench) -> None:
    gateway = bench.provider.gateway("http://127.0.0.1:9", 0.5)

    with pytest.raises(ProviderUnreachable):
        gateway.authorize(bench.asked())

    assert bench.truth() == {}


def broken_for_good(bench: Bench, act: Act) -> None:
    bench.sandbox.script(faults=[bench.fault(act, "error_500_stored")])


def test_a_failure_that_the_provider_keeps_is_no_charge_and_lets_the_buyer_go_on(bench: Bench) -> None:
    broken_for_good(bench, Act.AUTHORIZE)
    since = datetime.now(UTC) - timedelta(minutes=2)

    failed = answered(lambda: bench.pay(since=since))

    assert isinstance(failed, Declined)
    assert (failed.code, failed.reference, failed.soft) == ("provider_failed", None, True)
    assert bench.truth() == {}
    assert bench.charged(attempt=2, since=since, look_first=True).amount == AMOUNT
    assert bench.truth() == TAKEN


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_failure_of_a_moment_ago_may_still_have_its_effect(bench: Bench, attempt: int) -> None:
    broken_for_good(bench, Act.AUTHORIZE)
    now = datetime.now(UTC)
    # The payment of a later attempt is older than the attempt.
    since = now - timedelta(minutes=5 * (attempt - 1))

    for _ in range(2):
        with pytest.raises(ProviderUnreachable):
            bench.pay(attempt=attempt, since=since, asked=now, look_first=attempt > 1)


def test_a_capture_that_failed_for_good_leaves_the_money_held_for_the_next(bench: Bench) -> None:
    reference = bench.held().reference
    broken_for_good(bench, Act.CAPTURE)

    said = answered(lambda: bench.capture(reference))

    assert isinstance(said, Authorized)
    assert isinstance(bench.capture(reference, key=bench.key(Kind.CAPTURE, number=2)), Captured)
    assert bench.truth() == TAKEN
