"""Reads that compose rows into the domain's views."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import (
    Fulfilment,
    Order,
    OrderContact,
    OrderLine,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    Refund,
)
from domain.ids import human_number
from domain.money import Money
from domain.orders import (
    Address,
    AttemptView,
    ChooseMethod,
    FulfilmentView,
    LineView,
    NextAction,
    OrderStatus,
    OrderView,
    PaymentView,
    RefundView,
    ThreeDS,
    TotalsView,
)
from domain.payments import AttemptStatus, Operation, sums


async def order_view(session: AsyncSession, order_id: str) -> OrderView | None:
    """One order as its buyer and staff see it, or None."""
    return next(iter(await order_views(session, [order_id])), None)


async def order_views(session: AsyncSession, ids: Sequence[str]) -> list[OrderView]:
    """The orders with these ids, in the given order; ids without a row are left out."""
    orders = await session.execute(
        select(Order, OrderContact).join(OrderContact, OrderContact.order_id == Order.id).where(Order.id.in_(ids))
    )
    found = {order.id: (order, contact) for order, contact in orders}
    lines: defaultdict[str, list[OrderLine]] = defaultdict(list)
    fulfilments: defaultdict[str, dict[str, Fulfilment]] = defaultdict(dict)
    goods = await session.execute(
        select(OrderLine, Fulfilment)
        .join(Fulfilment, Fulfilment.id == OrderLine.fulfilment_id)
        .where(OrderLine.order_id.in_(ids))
        .order_by(OrderLine.position)
    )
    for line, fulfilment in goods:
        lines[line.order_id].append(line)
        fulfilments[line.order_id][fulfilment.id] = fulfilment
    payments: defaultdict[str, list[_Paid]] = defaultdict(list)
    for paid in await _payments(session, Payment.order_id.in_(ids)):
        payments[paid[0].order_id].append(paid)
    refunds = await _refunds(session, ids)
    return [
        _order_view(*found[each], lines[each], list(fulfilments[each].values()), payments[each], refunds[each])
        for each in ids
        if each in found
    ]


async def payment_views(session: AsyncSession, ids: Sequence[str]) -> list[PaymentView]:
    """The payments with these ids, in the given order; ids without a row are left out."""
    found = {view.id: view for view, _ in await _payments(session, Payment.id.in_(ids))}
    return [found[each] for each in ids if each in found]


_Paid = tuple[PaymentView, PaymentAttempt]


async def _payments(session: AsyncSession, wanted: ColumnElement[bool]) -> list[_Paid]:
    """The payments, each with its latest attempt."""
    rows = await session.execute(
        select(Payment, PaymentAttempt)
        .join(PaymentAttempt, PaymentAttempt.payment_id == Payment.id)
        .where(wanted)
        .order_by(Payment.id, PaymentAttempt.number)
    )
    tried: defaultdict[str, list[PaymentAttempt]] = defaultdict(list)
    payments: dict[str, Payment] = {}
    for payment, attempt in rows:
        payments[payment.id] = payment
        tried[payment.id].append(attempt)
    operations: defaultdict[str, list[Operation]] = defaultdict(list)
    for row in await session.scalars(select(PaymentOperation).where(PaymentOperation.payment_id.in_(payments))):
        operations[row.payment_id].append(Operation.model_validate(row))
    return [(_payment_view(payment, tried[key], operations[key]), tried[key][-1]) for key, payment in payments.items()]


async def _refunds(session: AsyncSession, order_ids: Sequence[str]) -> defaultdict[str, list[RefundView]]:
    grouped: defaultdict[str, list[RefundView]] = defaultdict(list)
    for row in await session.scalars(select(Refund).where(Refund.order_id.in_(order_ids)).order_by(Refund.id)):
        grouped[row.order_id].append(
            RefundView(
                id=row.id,
                created=row.created,
                number=human_number("R", row.number),
                status=row.status,
                reason=row.reason,
                amount=Money(amount=row.amount, currency=row.currency),
            )
        )
    return grouped


def _payment_view(row: Payment, tried: Sequence[PaymentAttempt], operations: Sequence[Operation]) -> PaymentView:
    total = sums(operations)

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row.currency)

    return PaymentView(
        id=row.id,
        created=row.created,
        number=human_number("P", row.number),
        order_id=row.order_id,
        method=row.method,
        capture=row.capture,
        provider=row.provider,
        status=row.status,
        amount=money(row.amount),
        authorized=money(total.authorized),
        captured=money(total.captured),
        refunded=money(total.refunded),
        capture_before=tried[-1].capture_before,
        attempts=tuple(_attempt_view(each) for each in tried),
    )


def _attempt_view(row: PaymentAttempt) -> AttemptView:
    return AttemptView(
        number=row.number,
        created=row.created,
        status=row.status,
        decline_code=row.decline_code,
        failure=row.message,
    )


def _next_action(order: Order, attempt: PaymentAttempt) -> NextAction | None:
    if order.status is not OrderStatus.PENDING:
        return None
    if attempt.status is AttemptStatus.DECLINED:
        return ChooseMethod(until=order.payment_deadline)
    if attempt.status is AttemptStatus.REQUIRES_ACTION and attempt.client_secret is not None:
        return ThreeDS(client_secret=attempt.client_secret)
    return None


def _line_view(row: OrderLine, currency: str) -> LineView:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=currency)

    return LineView(
        id=row.id,
        product_id=row.product_id,
        seller_id=row.seller_id,
        fulfilment_id=row.fulfilment_id,
        name=row.name,
        quantity=row.quantity,
        unit_price=money(row.unit_price),
        subtotal=money(row.subtotal),
        discount=money(row.discount),
        tax=money(row.tax),
        total=money(row.total),
    )


def _totals(order: Order) -> TotalsView:
    amounts = {name: getattr(order, name) for name in TotalsView.model_fields}
    return TotalsView(**{name: Money(amount=amount, currency=order.currency) for name, amount in amounts.items()})


def _order_view(
    order: Order,
    contact: OrderContact,
    lines: list[OrderLine],
    fulfilments: list[Fulfilment],
    payments: list[_Paid],
    refunds: list[RefundView],
) -> OrderView:
    payment, attempt = payments[-1]
    return OrderView(
        id=order.id,
        created=order.created,
        updated=order.updated,
        number=human_number("O", order.number),
        buyer_id=order.buyer_id,
        status=order.status,
        payment_status=payment.status,
        cancel_reason=order.cancel_reason,
        next_action=_next_action(order, attempt),
        lines=tuple(_line_view(line, order.currency) for line in lines),
        totals=_totals(order),
        fulfilments=tuple(FulfilmentView.model_validate(each) for each in fulfilments),
        payments=tuple(view for view, _ in payments),
        refunds=tuple(refunds),
        shipping_method=order.shipping_method,
        shipping_address=contact.shipping_address and Address.model_validate(contact.shipping_address),
        billing_address=contact.billing_address and Address.model_validate(contact.billing_address),
        notes=contact.notes,
    )
