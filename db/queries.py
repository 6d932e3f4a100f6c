"""Reads that compose rows into the domain's views."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ARRAY, ColumnElement, and_, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from db.ids import TypeIdColumn
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
from domain.addresses import Address
from domain.ids import human_number, number_in
from domain.money import Money
from domain.order_view import (
    AttemptView,
    ChooseMethod,
    ConfirmCard,
    FulfilmentView,
    LineView,
    NextAction,
    OrderView,
    PaymentView,
    RefundView,
    ThreeDS,
    TotalsView,
)
from domain.orders import OrderStatus
from domain.payments import AttemptStatus, Operation, OperationKind, sums


async def order_view(session: AsyncSession, order_id: str) -> OrderView | None:
    """One order as its buyer and staff see it, or None."""
    return next(iter(await order_views(session, [order_id])), None)


async def order_views(session: AsyncSession, ids: Sequence[str]) -> list[OrderView]:
    """The orders with these ids, in the given order; ids without a row are left out."""
    found: dict[str, tuple[Order, OrderContact]] = {}
    tried = _Tried()
    for order, contact, payment, attempt, operation in await session.execute(_ORDERS, {"ids": ids}):
        found[order.id] = order, contact
        tried.add(payment, attempt, operation)
    goods: defaultdict[str, list[tuple[OrderLine, Fulfilment]]] = defaultdict(list)
    for line, fulfilment in await session.execute(_GOODS, {"ids": ids}):
        goods[line.order_id].append((line, fulfilment))
    payments: defaultdict[str, list[_Paid]] = defaultdict(list)
    for paid in await tried.paid(session):
        payments[paid.view.order_id].append(paid)
    return [_order_view(*found[each], goods[each], payments[each]) for each in ids if each in found]


class Parties(NamedTuple):
    """Whose an order is: its buyer, and who sells each part, by the parts' ids."""

    buyer_id: str
    sellers: dict[str, str]


async def parties_of(session: AsyncSession, order_id: str) -> Parties | None:
    """All that the right to see an order depends on, or None without such an order."""
    rows = (await session.execute(_PARTIES, {"order": order_id})).all()
    return Parties(rows[0].buyer_id, {row.id: row.seller_id for row in rows}) if rows else None


async def order_id_of(session: AsyncSession, named: str) -> str | None:
    """The id of an order that a person names by it, or by its number (O-100001)."""
    number = order_number_in(named)
    if number is not None:
        found: str | None = await session.scalar(select(Order.id).where(Order.number == number))
        return found
    kind = Order.id.type
    assert isinstance(kind, TypeIdColumn), "orders are known by their ids"
    return named if kind.reads(named) else None


def order_number_in(text: str) -> int | None:
    """The number of an order, with its letter or without."""
    number = number_in("O", text)
    return number_in("O", f"O-{text}") if number is None else number


async def newest_orders(session: AsyncSession, status: OrderStatus | None, limit: int) -> list[OrderView]:
    """Orders as staff see them, newest first: of a status, or all."""
    query = select(Order.id).order_by(Order.id.desc()).limit(limit)
    ids = await session.scalars(query if status is None else query.where(Order.status == status))
    return await order_views(session, list(ids))


async def payment_views(session: AsyncSession, ids: Sequence[str]) -> list[PaymentView]:
    """The payments with these ids, in the given order; ids without a row are left out."""
    tried = _Tried()
    for asked in await session.execute(_PAYMENTS, {"ids": ids}):
        tried.add(*asked)
    found = {paid.view.id: paid.view for paid in await tried.paid(session)}
    return [found[each] for each in ids if each in found]


def _among(column: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    return column == any_(bindparam("ids", type_=ARRAY(column.type)))


# Built once, at import: decision 6.
_GOODS = (
    select(OrderLine, Fulfilment)
    .join(Fulfilment, Fulfilment.id == OrderLine.fulfilment_id)
    .where(_among(OrderLine.order_id))
    .order_by(OrderLine.position)
)
_ASKED = and_(PaymentOperation.payment_id == Payment.id, PaymentOperation.attempt == PaymentAttempt.number)
# A payment is written with an attempt, an attempt with an operation, and an operation belongs to one attempt.
_PAYMENTS = (
    select(Payment, PaymentAttempt, PaymentOperation)
    .join(PaymentAttempt, PaymentAttempt.payment_id == Payment.id)
    .join(PaymentOperation, _ASKED)
    .where(_among(Payment.id))
    .order_by(Payment.id, PaymentAttempt.number)
)
_ORDERS = (
    select(Order, OrderContact, Payment, PaymentAttempt, PaymentOperation)
    .join(OrderContact, OrderContact.order_id == Order.id)
    .join(Payment, Payment.order_id == Order.id)
    .join(PaymentAttempt, PaymentAttempt.payment_id == Payment.id)
    .join(PaymentOperation, _ASKED)
    .where(_among(Order.id))
    .order_by(Payment.id, PaymentAttempt.number)
)
_PARTIES = (
    select(Order.buyer_id, Fulfilment.id, Fulfilment.seller_id)
    .join(Fulfilment, Fulfilment.order_id == Order.id)
    .where(Order.id == bindparam("order", type_=Order.id.type))
)
_REFUNDS = select(Refund).where(_among(Refund.operation_key)).order_by(Refund.id)


class _Paid(NamedTuple):
    """A payment with its latest attempt and its refunds."""

    view: PaymentView
    attempt: PaymentAttempt
    refunds: list[RefundView]


class _Tried:
    """Payments with what was tried and asked of the provider for each."""

    def __init__(self) -> None:
        self._payments: dict[str, Payment] = {}
        self._attempts: defaultdict[str, dict[int, PaymentAttempt]] = defaultdict(dict)
        self._operations: defaultdict[str, list[Operation]] = defaultdict(list)
        self._refund_keys: list[str] = []

    def add(self, payment: Payment, attempt: PaymentAttempt, operation: PaymentOperation) -> None:
        self._payments[payment.id] = payment
        self._attempts[payment.id][attempt.number] = attempt
        self._operations[payment.id].append(Operation.model_validate(operation))
        if operation.kind is OperationKind.REFUND:
            self._refund_keys.append(operation.key)

    async def paid(self, session: AsyncSession) -> list[_Paid]:
        refunds: defaultdict[str, list[RefundView]] = defaultdict(list)
        if self._refund_keys:
            for row in await session.scalars(_REFUNDS, {"ids": self._refund_keys}):
                refunds[row.payment_id].append(_refund_view(row))
        return [self._paid(payment, refunds[key]) for key, payment in self._payments.items()]

    def _paid(self, payment: Payment, refunds: list[RefundView]) -> _Paid:
        attempts = list(self._attempts[payment.id].values())
        return _Paid(_payment_view(payment, attempts, self._operations[payment.id]), attempts[-1], refunds)


def _refund_view(row: Refund) -> RefundView:
    return RefundView(
        id=row.id,
        created=row.created,
        number=human_number("R", row.number),
        status=row.status,
        reason=row.reason,
        amount=Money(amount=row.amount, currency=row.currency),
        failure_reason=row.failure_reason,
        failed_after_success=row.failed_after_success,
    )


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
        # A card that the browser gives takes the same secret through both: the page passes the bank's check too.
        kind = ConfirmCard if attempt.payment_method_id is None else ThreeDS
        return kind(client_secret=attempt.client_secret)
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
    order: Order, contact: OrderContact, goods: Sequence[tuple[OrderLine, Fulfilment]], payments: Sequence[_Paid]
) -> OrderView:
    last = payments[-1]
    fulfilments = {fulfilment.id: fulfilment for _, fulfilment in goods}
    return OrderView(
        id=order.id,
        created=order.created,
        updated=order.updated,
        number=human_number("O", order.number),
        buyer_id=order.buyer_id,
        status=order.status,
        payment_status=last.view.status,
        cancel_reason=order.cancel_reason,
        held=order.held,
        next_action=_next_action(order, last.attempt),
        lines=tuple(_line_view(line, order.currency) for line, _ in goods),
        totals=_totals(order),
        fulfilments=tuple(FulfilmentView.model_validate(each) for each in fulfilments.values()),
        payments=tuple(paid.view for paid in payments),
        refunds=tuple(refund for paid in payments for refund in paid.refunds),
        discount_code=order.discount_code,
        shipping_method=order.shipping_method,
        shipping_address=contact.shipping_address and Address.model_validate(contact.shipping_address),
        billing_address=contact.billing_address and Address.model_validate(contact.billing_address),
        notes=contact.notes,
        seller_notes=contact.seller_notes,
    )
