"""Payments: their statuses, attempts and operations, and what follows from them."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from enum import StrEnum

from domain.errors import OverdrawnPayment
from domain.money import Minor
from domain.moves import Moves
from domain.values import Value


class PaymentMethod(StrEnum):
    CARD = "card"


class CaptureMode(StrEnum):
    AUTOMATIC = "automatic"
    MANUAL = "manual"


class PaymentStatus(StrEnum):
    """The derived status of an order's payment, in rising precedence but for `cancelled`."""

    PENDING = "pending"
    FAILED = "failed"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    COMPLETED = "completed"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    UNKNOWN = "unknown"
    DISPUTED = "disputed"
    CANCELLED = "cancelled"


# Under these the books have money that was taken.
TAKEN = frozenset(
    {PaymentStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED, PaymentStatus.DISPUTED}
)


# How far a provider's clock may be from ours, when its list of what was made since a time is asked for.
CLOCKS_APART = timedelta(minutes=1)


class OperationKind(StrEnum):
    """What was asked of a provider; `charge` is authorize and capture in one."""

    AUTHORIZE = "authorize"
    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


# What an attempt asks of the provider first.
ATTEMPT_KINDS = frozenset({OperationKind.AUTHORIZE, OperationKind.CHARGE})


class OperationState(StrEnum):
    INTENDED = "intended"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


_I, _P, _S, _F, _U = OperationState
OPERATION_MOVES = Moves(
    "operation",
    {
        _I: frozenset({_P, _S, _F, _U}),
        _P: frozenset({_P, _S, _F, _U}),
        _U: frozenset({_P, _S, _F}),
        # A refund can fail after it succeeded (Stripe: refund.failed), nothing else leaves `succeeded`.
        _S: frozenset({_F}),
        _F: frozenset(),
    },
)


class AttemptStatus(StrEnum):
    """One try to pay: `succeeded` means authorized or captured, whichever was asked."""

    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


OPEN_STATES = frozenset({OperationState.INTENDED, OperationState.PENDING, OperationState.UNKNOWN})


class Operation(Value):
    """One movement asked of the provider; the key makes asking twice harmless. Amount in minor units."""

    kind: OperationKind
    state: OperationState
    amount: Minor


class Sums(Value):
    """What a payment's operations add up to, in minor units; derived, never stored."""

    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    capture_open: int = 0
    refund_open: int = 0
    released: int = 0
    voided: bool = False

    @property
    def refundable(self) -> int:
        return self.captured - self.refunded - self.refund_open


def _total(operations: Iterable[Operation], kinds: Collection[OperationKind], states: Iterable[OperationState]) -> int:
    return sum(each.amount for each in operations if each.kind in kinds and each.state in states)


def sums(operations: Iterable[Operation]) -> Sums:
    done, every = {OperationState.SUCCEEDED}, tuple(operations)
    return Sums(
        authorized=_total(every, ATTEMPT_KINDS, done),
        captured=_total(every, {OperationKind.CAPTURE, OperationKind.CHARGE}, done),
        capture_open=_total(every, {OperationKind.CAPTURE}, OPEN_STATES),
        refunded=_total(every, {OperationKind.REFUND}, done),
        refund_open=_total(every, {OperationKind.REFUND}, OPEN_STATES),
        released=_total(every, {OperationKind.VOID}, done),
        voided=any(each.kind is OperationKind.VOID and each.state is OperationState.SUCCEEDED for each in every),
    )


def check_refundable(operations: Iterable[Operation], amount: int) -> None:
    """Raise OverdrawnPayment when a refund would pass captured - refunded - refunds under way."""
    available = sums(operations).refundable
    if amount > available:
        raise OverdrawnPayment(amount=amount, available=available)


_BY_ATTEMPT = {
    AttemptStatus.PROCESSING: PaymentStatus.PROCESSING,
    AttemptStatus.REQUIRES_ACTION: PaymentStatus.REQUIRES_ACTION,
    AttemptStatus.SUCCEEDED: PaymentStatus.AUTHORIZED,
    AttemptStatus.DECLINED: PaymentStatus.FAILED,
    AttemptStatus.CANCELLED: PaymentStatus.CANCELLED,
    AttemptStatus.UNKNOWN: PaymentStatus.UNKNOWN,
}


def _charged(operation: Operation) -> bool:
    return operation.kind is OperationKind.CHARGE and operation.state is OperationState.SUCCEEDED


def derive_status(operations: Iterable[Operation], last_attempt: AttemptStatus | None) -> PaymentStatus:
    """The status of a payment from its operations and its latest attempt, by the agreed precedence."""
    every = tuple(operations)
    total = sums(every)
    if any(each.state is OperationState.UNKNOWN for each in every):
        return PaymentStatus.UNKNOWN
    if total.captured:
        if total.refunded >= total.captured:
            return PaymentStatus.REFUNDED
        return PaymentStatus.PARTIALLY_REFUNDED if total.refunded else PaymentStatus.COMPLETED
    if total.voided:
        return PaymentStatus.CANCELLED
    if last_attempt is AttemptStatus.SUCCEEDED and any(map(_charged, every)):
        # Nothing was to be paid.
        return PaymentStatus.COMPLETED
    return PaymentStatus.PENDING if last_attempt is None else _BY_ATTEMPT[last_attempt]


def attempt_kind(capture: CaptureMode) -> OperationKind:
    """What an attempt asks for: manual capture holds the money, automatic takes it at once."""
    return OperationKind.AUTHORIZE if capture is CaptureMode.MANUAL else OperationKind.CHARGE


def operation_key(order_id: str, attempt: int, kind: OperationKind, number: int = 1) -> str:
    """The provider's idempotency key: order, business attempt and step; never random, never Temporal's retry number.

    `number` counts the operations of one kind that the business asked for within the attempt (a second refund, or
    another capture after a failed one).
    """
    return f"{order_id}:pay:{attempt}:{kind}" + (f":{number}" if number > 1 else "")


class Choice(Value):
    """How the buyer wants to pay: a provider's token, never a card number; without it the browser asks for the card."""

    method: PaymentMethod
    payment_method_id: str | None = None
    capture: CaptureMode = CaptureMode.AUTOMATIC
