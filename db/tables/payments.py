"""Payments (what is owed), attempts (what was tried), operations (what was asked of the provider), refunds."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import (
    Amount,
    CurrencyCode,
    FulfilmentKey,
    OrderKey,
    PaymentKey,
    RefundKey,
    Table,
    Time,
    status_of,
)
from domain.payments import AttemptStatus, CaptureMode, OperationKind, OperationState, PaymentMethod, PaymentStatus
from domain.refunds import RefundReason, RefundStatus


class Payment(Table):
    """What is owed. Captured and refunded amounts are derived from its operations, never stored."""

    __tablename__ = "payments"

    id: Mapped[PaymentKey] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True, start=100001), unique=True)
    order_id: Mapped[OrderKey] = mapped_column(ForeignKey("orders.id"), index=True)
    amount: Mapped[Amount] = mapped_column(CheckConstraint("amount >= 0", name="amount_not_negative"))
    currency: Mapped[CurrencyCode]
    method: Mapped[PaymentMethod] = mapped_column(status_of(PaymentMethod, "method"))
    capture: Mapped[CaptureMode] = mapped_column(status_of(CaptureMode, "capture"))
    provider: Mapped[str]
    status: Mapped[PaymentStatus] = mapped_column(status_of(PaymentStatus, "status"), index=True)
    # The provider's id of the payment, once it is known; an intent is used again by later attempts.
    reference: Mapped[str | None] = mapped_column(index=True)
    created: Mapped[Time]
    updated: Mapped[Time]


class PaymentAttempt(Table):
    __tablename__ = "payment_attempts"

    payment_id: Mapped[PaymentKey] = mapped_column(ForeignKey("payments.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    payment_method_id: Mapped[str | None]
    status: Mapped[AttemptStatus] = mapped_column(status_of(AttemptStatus, "status"))
    decline_code: Mapped[str | None]
    message: Mapped[str | None]
    client_secret: Mapped[str | None]
    capture_before: Mapped[Time | None]
    created: Mapped[Time]


class PaymentOperation(Table):
    """One movement asked of the provider: written as `intended` before the call, closed by its outcome."""

    __tablename__ = "payment_operations"

    key: Mapped[str] = mapped_column(primary_key=True)
    payment_id: Mapped[PaymentKey] = mapped_column(ForeignKey("payments.id"), index=True)
    attempt: Mapped[int]
    kind: Mapped[OperationKind] = mapped_column(status_of(OperationKind, "kind"))
    state: Mapped[OperationState] = mapped_column(status_of(OperationState, "state"))
    amount: Mapped[Amount] = mapped_column(CheckConstraint("amount >= 0", name="amount_not_negative"))
    reference: Mapped[str | None]
    reason: Mapped[str | None]
    created: Mapped[Time]
    closed: Mapped[Time | None]

    __table_args__ = (
        Index("ix_payment_operations_open", "created", postgresql_where="state in ('intended', 'pending', 'unknown')"),
    )


class Refund(Table):
    __tablename__ = "refunds"

    id: Mapped[RefundKey] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True, start=100001), unique=True)
    order_id: Mapped[OrderKey] = mapped_column(ForeignKey("orders.id"), index=True)
    payment_id: Mapped[PaymentKey] = mapped_column(ForeignKey("payments.id"), index=True)
    operation_key: Mapped[str] = mapped_column(ForeignKey("payment_operations.key"), unique=True)
    amount: Mapped[Amount] = mapped_column(CheckConstraint("amount > 0", name="amount_positive"))
    currency: Mapped[CurrencyCode]
    reason: Mapped[RefundReason] = mapped_column(status_of(RefundReason, "reason"))
    status: Mapped[RefundStatus] = mapped_column(status_of(RefundStatus, "status"))
    # The part of the order that it is for, when that was called off; none when it is for the whole order.
    fulfilment_id: Mapped[FulfilmentKey | None] = mapped_column(ForeignKey("fulfilments.id"), unique=True)
    failure_reason: Mapped[str | None]
    failed_after_success: Mapped[bool] = mapped_column(server_default=false())
    created: Mapped[Time]
    updated: Mapped[Time] = mapped_column(index=True)
