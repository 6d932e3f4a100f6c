"""Refunds, as a cancellation writes them, as their workflow is started with them, and as the sweep looks for them."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from db import event_log, payments
from db.ids import new_id
from db.tables import Order, Payment, PaymentOperation, Refund
from domain.events import Event, EventType
from domain.payments import OperationKind
from domain.refunds import UNDER_WAY, ApprovedRefund, RefundReason, RefundStatus


class RefundOf(NamedTuple):
    order_id: str
    refund_id: str


async def open_of(session: AsyncSession, order_ids: Collection[str]) -> list[RefundOf]:
    """The refunds of these orders that the provider has not ended."""
    return await _all(session, Refund.order_id.in_(order_ids), Refund.status.in_(UNDER_WAY))


async def paid_that_reach(
    session: AsyncSession, ages: Iterable[timedelta], swept: datetime, at: datetime
) -> list[RefundOf]:
    """Refunds that were paid one of these ages ago: after the last sweep, and up to this one."""
    paid = Refund.status == RefundStatus.COMPLETED
    return await _all(session, paid, _reached(Refund.updated, ages, swept, at))


async def open_that_reach(
    session: AsyncSession, ages: Iterable[timedelta], swept: datetime, at: datetime
) -> list[RefundOf]:
    """Refunds that were approved one of these ages ago, and that the provider has not ended."""
    return await _all(session, Refund.status.in_(UNDER_WAY), _reached(Refund.created, ages, swept, at))


def _reached(
    since: InstrumentedAttribute[datetime], ages: Iterable[timedelta], swept: datetime, at: datetime
) -> ColumnElement[bool]:
    return or_(*(and_(since > swept - age, since <= at - age) for age in ages))


async def _all(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[RefundOf]:
    rows = await session.execute(select(Refund.order_id, Refund.id).where(*conditions))
    return [RefundOf(*row) for row in rows]


async def approve(
    session: AsyncSession,
    payment: Payment,
    amount: int,
    correlation_id: str,
    at: datetime,
    *,
    part_id: str | None = None,
) -> Refund:
    """Write a refund that a cancellation makes, of the whole order or of a part, with its operation and event.

    Raises OverdrawnPayment. The payment must be locked.
    """
    operation = await payments.intend_next(session, payment, OperationKind.REFUND, amount, at)
    refund = Refund(
        id=new_id("ref"),
        order_id=payment.order_id,
        payment_id=payment.id,
        operation_key=operation.key,
        amount=amount,
        currency=payment.currency,
        reason=RefundReason.CANCELLED,
        status=RefundStatus.APPROVED,
        fulfilment_id=part_id,
        created=at,
        updated=at,
    )
    session.add(refund)
    event_log.append(
        session,
        Event(
            type=EventType.REFUND_APPROVED,
            time=at,
            subject=payment.order_id,
            data={"refund_id": refund.id, "payment_id": payment.id, "amount": amount, "currency": payment.currency},
            correlation_id=correlation_id,
        ),
    )
    return refund


async def of_the_whole(session: AsyncSession, order_id: str) -> Refund | None:
    """The refund that the order's own cancellation made."""
    found: Refund | None = await session.scalar(
        select(Refund).where(Refund.order_id == order_id, payments.of_the_whole())
    )
    return found


async def of_parts(
    session: AsyncSession, order: Order, payment: Payment, correlation_id: str
) -> tuple[ApprovedRefund, ...]:
    """The refunds of parts that were called off, and that nobody has asked the provider for yet."""
    rows = await session.scalars(
        select(Refund)
        .where(Refund.order_id == order.id, Refund.fulfilment_id.is_not(None), Refund.status == RefundStatus.APPROVED)
        .order_by(Refund.id)
    )
    return tuple(approved(row, order, payment, correlation_id) for row in rows)


def approved(
    refund: Refund, order: Order, payment: Payment, correlation_id: str, reference: str | None = None
) -> ApprovedRefund:
    """What the refund's workflow is started with."""
    assert payment.reference is not None, "what was captured has a reference"
    return ApprovedRefund(
        refund_id=refund.id,
        order_id=order.id,
        payment_id=payment.id,
        customer_ref=order.buyer_id,
        provider=payment.provider,
        key=refund.operation_key,
        reference=payment.reference,
        amount=refund.amount,
        payment_amount=payment.amount,
        currency=refund.currency,
        correlation_id=correlation_id,
        refund_reference=reference,
    )


async def unasked(session: AsyncSession) -> list[tuple[RefundOf, datetime]]:
    """Refunds whose provider's answer is not recorded, with when they were approved."""
    rows = await session.execute(
        select(Refund.order_id, Refund.id, Refund.created).where(Refund.status == RefundStatus.APPROVED)
    )
    return [(RefundOf(order, refund), created) for order, refund, created in rows]


async def to_be_carried_on(session: AsyncSession, refund_id: str, correlation_id: str) -> ApprovedRefund | None:
    """A refund that its provider is to be asked for, or has, paid or under way, and is read again; None otherwise."""
    row = (
        await session.execute(
            select(Refund, Order, Payment, PaymentOperation.reference)
            .join(Order, Order.id == Refund.order_id)
            .join(Payment, Payment.id == Refund.payment_id)
            .join(PaymentOperation, PaymentOperation.key == Refund.operation_key)
            .where(Refund.id == refund_id)
            .where(
                or_(
                    Refund.status == RefundStatus.APPROVED,
                    and_(
                        PaymentOperation.reference.is_not(None),
                        Refund.status.in_([RefundStatus.COMPLETED, RefundStatus.PROCESSING]),
                    ),
                )
            )
        )
    ).one_or_none()
    return None if row is None else approved(row[0], row[1], row[2], correlation_id, row[3])
