"""Payments: statuses, attempts, operations, what a provider can answer, and the port that every provider implements."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from pydantic import Field

from domain.errors import OverdrawnPayment
from domain.ids import OrderId, PaymentId, RefundId
from domain.money import Currency, Minor
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


class OperationKind(StrEnum):
    """What was asked of a provider; `charge` is authorize and capture in one."""

    AUTHORIZE = "authorize"
    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


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
    refund_open: int = 0
    voided: bool = False

    @property
    def refundable(self) -> int:
        return self.captured - self.refunded - self.refund_open


def _total(operations: Iterable[Operation], kinds: set[OperationKind], states: Iterable[OperationState]) -> int:
    return sum(each.amount for each in operations if each.kind in kinds and each.state in states)


def sums(operations: Iterable[Operation]) -> Sums:
    done, every = {OperationState.SUCCEEDED}, tuple(operations)
    return Sums(
        authorized=_total(every, {OperationKind.AUTHORIZE, OperationKind.CHARGE}, done),
        captured=_total(every, {OperationKind.CAPTURE, OperationKind.CHARGE}, done),
        refunded=_total(every, {OperationKind.REFUND}, done),
        refund_open=_total(every, {OperationKind.REFUND}, OPEN_STATES),
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


class Authorized(Value):
    """The money is held: capture it before `capture_before`, or it lapses. Amount in minor units."""

    kind: Literal["authorized"] = "authorized"
    reference: str
    amount: Minor
    capture_before: datetime | None = None


class Captured(Value):
    """The money is taken. Amount in minor units."""

    kind: Literal["captured"] = "captured"
    reference: str
    amount: Minor


class Voided(Value):
    """The authorisation is released, or the attempt ended without money."""

    kind: Literal["voided"] = "voided"
    reference: str


class ActionRequired(Value):
    """The buyer has to act at the provider (3-D Secure)."""

    kind: Literal["action_required"] = "action_required"
    reference: str
    client_secret: str


class Declined(Value):
    """The provider says no; `soft` when the same method may succeed later. `message` is for the buyer."""

    kind: Literal["declined"] = "declined"
    reference: str | None
    code: str
    soft: bool
    message: str


class Pending(Value):
    """The provider is still working on it and will tell."""

    kind: Literal["pending"] = "pending"
    reference: str


class Unknown(Value):
    """Nobody knows whether it happened (P8)."""

    kind: Literal["unknown"] = "unknown"
    reference: str | None = None
    reason: str


PaymentOutcome = Annotated[
    Authorized | Captured | Voided | ActionRequired | Declined | Pending | Unknown, Field(discriminator="kind")
]


class Refunded(Value):
    """The provider paid the money back. Amount in minor units."""

    kind: Literal["refunded"] = "refunded"
    reference: str
    amount: Minor


class RefundPending(Value):
    kind: Literal["refund_pending"] = "refund_pending"
    reference: str


class RefundFailed(Value):
    kind: Literal["refund_failed"] = "refund_failed"
    reference: str | None = None
    reason: str


RefundOutcome = Annotated[Refunded | RefundPending | RefundFailed, Field(discriminator="kind")]


class Choice(Value):
    """How the buyer wants to pay: a provider's token, never a card number."""

    method: PaymentMethod
    payment_method_id: str
    capture: CaptureMode = CaptureMode.AUTOMATIC


class AuthorizeRequest(Value):
    """Ask for money: a new attempt, or, with `reference`, another try of the same one. Amount in minor units.

    `since` is when the first try may have reached the provider: a lost one is looked for from there on.
    """

    provider: str
    key: str
    order_id: OrderId
    payment_id: PaymentId
    amount: Minor
    currency: Currency
    payment_method_id: str
    capture: CaptureMode
    since: datetime
    reference: str | None = None


class MoveRequest(Value):
    """Capture, void or read what was asked for under `reference`. Amounts in minor units.

    `amount` is what is to be moved; `payment_amount` is the whole payment, which the provider's object must be of.
    """

    provider: str
    key: str
    order_id: OrderId
    reference: str
    amount: Minor
    payment_amount: Minor
    currency: Currency


class RefundRequest(MoveRequest):
    """Pay back part or all of what was captured under `reference`. Amount in minor units.

    `refund_reference` is the provider's id of the refund, once it is known.
    """

    refund_id: RefundId
    refund_reference: str | None = None


class PaymentGateway(Protocol):
    """One payment provider. Calls block and are repeatable: the same key has one effect and one answer.

    Every method raises ProviderUnreachable when no final answer came (safe to repeat with the same key),
    RequestRefusedByProvider when the provider calls the request itself wrong, and ProviderMismatch when the
    provider's object is not ours by amount, currency or reference.
    """

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        """Hold the money (manual capture) or take it (automatic)."""
        ...

    def capture(self, request: MoveRequest) -> PaymentOutcome: ...

    def void(self, request: MoveRequest) -> PaymentOutcome:
        """Release the authorisation; an attempt without one just ends."""
        ...

    def read(self, request: MoveRequest) -> PaymentOutcome:
        """The provider's current word on the payment; changes nothing."""
        ...

    def refund(self, request: RefundRequest) -> RefundOutcome: ...

    def read_refund(self, request: RefundRequest) -> RefundOutcome: ...


class InboundEvent(Value):
    """A provider's webhook after its signature was checked: which of our objects it is about, and what it says.

    `tells` holds the statuses of our payment or refund under which it is no news; empty when it is always news.
    `order_id` is None when it is about nothing of ours.
    """

    provider: str
    event_id: str
    type: str
    created: datetime
    order_id: OrderId | None
    refund_id: RefundId | None
    tells: frozenset[str] = frozenset()


class WebhookVerifier(Protocol):
    """Checks an inbound webhook of one provider."""

    def verify(self, body: bytes, signature: str) -> InboundEvent:
        """Raises SignatureInvalid when the signature does not match the raw body or is too old."""
        ...
