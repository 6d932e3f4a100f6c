"""Refunds: money back to the buyer, one road for all of it."""

from enum import StrEnum

from domain.ids import OrderId, PaymentId, RefundId
from domain.money import Currency, Minor
from domain.moves import Moves
from domain.values import Value


class RefundStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    REVERSED = "reversed"


_PENDING, _APPROVED, _REJECTED, _PROCESSING, _COMPLETED, _FAILED, _REVERSED = RefundStatus
REFUND_MOVES = Moves(
    "refund",
    {
        _PENDING: frozenset({_APPROVED, _REJECTED}),
        _APPROVED: frozenset({_PROCESSING, _COMPLETED, _FAILED}),
        _REJECTED: frozenset(),
        _PROCESSING: frozenset({_PROCESSING, _COMPLETED, _FAILED}),
        # Providers can take a finished refund back: failed after success, or reversed.
        _COMPLETED: frozenset({_FAILED, _REVERSED}),
        _FAILED: frozenset(),
        _REVERSED: frozenset(),
    },
)

# Approved, and not ended by the provider.
UNDER_WAY = frozenset({_APPROVED, _PROCESSING})


class RefundReason(StrEnum):
    """Why money goes back; `cancelled` is the order's own reason, the other seven are the buyer's to choose."""

    DEFECTIVE = "defective"
    WRONG_ITEM = "wrong_item"
    NOT_AS_DESCRIBED = "not_as_described"
    NOT_RECEIVED = "not_received"
    CHANGED_MIND = "changed_mind"
    DUPLICATE = "duplicate"
    OTHER = "other"
    CANCELLED = "cancelled"


class ApprovedRefund(Value):
    """A refund that needs no more decision: what RefundWorkflow is started with. Amounts in minor units.

    With `refund_reference` the provider knows it already: it is read again, never asked for.
    """

    refund_id: RefundId
    order_id: OrderId
    payment_id: PaymentId
    customer_ref: str
    provider: str
    key: str
    reference: str
    amount: Minor
    payment_amount: Minor
    currency: Currency
    correlation_id: str
    refund_reference: str | None = None
