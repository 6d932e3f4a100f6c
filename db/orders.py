"""The one writer of orders: new ones from a quote, and moves of their status."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import event_log
from db.ids import new_id
from db.tables import Fulfilment, Order, OrderContact, OrderLine, Payment
from domain.errors import ResourceNotFound
from domain.events import Event, EventType
from domain.fulfilment import FulfilmentStatus
from domain.orders import OPEN, ORDER_MOVES, OrderStatus, Placement
from domain.payments import PaymentStatus
from domain.pricing import PricedLine, Quote


async def lock(session: AsyncSession, order_id: str) -> Order:
    """The order under lock; always before its payment and its stock."""
    order = await session.get(Order, order_id, with_for_update=True)
    if order is None:
        raise ResourceNotFound(resource="order", id=order_id)
    return order


async def lock_with_payment(session: AsyncSession, order_id: str) -> tuple[Order, Payment]:
    """The order and its payment under lock, in this order and in one statement."""
    found = (await session.execute(_WITH_PAYMENT, {"id": order_id})).one_or_none()
    if found is None:
        raise ResourceNotFound(resource="order", id=order_id)
    return found[0], found[1]


# Built once, at import: decision 6.
_WITH_PAYMENT = (
    select(Order, Payment)
    .join(Payment, Payment.order_id == Order.id)
    .where(Order.id == bindparam("id"))
    .with_for_update()
)


async def on_its_way(session: AsyncSession, order_id: str) -> bool:
    """Whether goods of the order were shipped."""
    shipped = select(Fulfilment.id).where(
        Fulfilment.order_id == order_id,
        Fulfilment.status.in_({FulfilmentStatus.SHIPPED, FulfilmentStatus.DELIVERED}),
    )
    return await session.scalar(shipped.limit(1)) is not None


def move(
    session: AsyncSession, order: Order, to: OrderStatus, event: EventType, *, correlation_id: str, at: datetime
) -> bool:
    """Move the order and log it; False when it is there already."""
    if order.status is to:
        return False
    order.status = ORDER_MOVES.check(order.status, to)
    order.updated = at
    event_log.append(
        session,
        Event(
            type=event,
            time=at,
            subject=order.id,
            data={"status": to, "total": order.total, "currency": order.currency},
            correlation_id=correlation_id,
        ),
    )
    return True


async def open_ids(session: AsyncSession) -> frozenset[str]:
    """All orders that have not ended."""
    return frozenset(await session.scalars(select(Order.id).where(Order.status.in_(OPEN))))


async def ended_before(session: AsyncSession, ids: Collection[str], before: datetime) -> list[str]:
    """Those of the orders that ended before a time."""
    ended = select(Order.id).where(Order.id.in_(ids), Order.status.not_in(OPEN), Order.updated < before)
    return list(await session.scalars(ended.order_by(Order.id)))


class NewOrder(NamedTuple):
    """What an order is written from: the priced placement, what the buyer sent, and who writes it when."""

    placement: Placement
    quote: Quote
    claim: dict[str, Any]
    run_id: str
    at: datetime
    deadline: datetime


def add(session: AsyncSession, new: NewOrder) -> tuple[Order, Payment]:
    """Add a new order with its lines, fulfilments, contact and payment."""
    order, payment = _order(new), _payment(new)
    fulfilments = {
        seller: _fulfilment(order.id, seller)
        for seller in dict.fromkeys(line.sale.seller_id for line in new.quote.lines)
    }
    session.add_all([order, payment, *fulfilments.values(), _contact(new.placement, new.claim)])
    session.add_all(
        _line(order.id, position, line, fulfilments[line.sale.seller_id].id)
        for position, line in enumerate(new.quote.lines)
    )
    return order, payment


def _fulfilment(order_id: str, seller_id: str) -> Fulfilment:
    return Fulfilment(
        id=new_id("ful"), order_id=order_id, seller_id=seller_id, status=FulfilmentStatus.PENDING, accepted=False
    )


def _payment(new: NewOrder) -> Payment:
    return Payment(
        id=new_id("pay"),
        order_id=new.placement.order_id,
        amount=new.quote.totals.total,
        currency=new.quote.currency,
        method=new.placement.payment.method,
        capture=new.placement.payment.capture,
        provider="stripe",
        status=PaymentStatus.PROCESSING,
        created=new.at,
        updated=new.at,
    )


def _contact(placement: Placement, claim: dict[str, Any]) -> OrderContact:
    """Personal data goes from the request claim to its own table; it never passes through a workflow."""
    return OrderContact(
        order_id=placement.order_id,
        account_id=placement.buyer_id,
        shipping_address=claim["shipping_address"],
        billing_address=claim.get("billing_address"),
        notes=claim.get("notes"),
        seller_notes={},
    )


def _order(new: NewOrder) -> Order:
    placement, quoted = new.placement, new.quote
    return Order(
        id=placement.order_id,
        buyer_id=placement.buyer_id,
        request_id=placement.request_id,
        first_run_id=new.run_id,
        status=OrderStatus.PENDING,
        held=False,
        currency=quoted.currency,
        **quoted.totals.model_dump(),
        shipping_tax=quoted.shipping_tax,
        discount_code=new.claim.get("discount_code"),
        country=placement.destination.country,
        region=placement.destination.region,
        shipping_method=placement.shipping_method,
        payment_deadline=new.deadline,
        created=new.at,
        updated=new.at,
    )


def _line(order_id: str, position: int, line: PricedLine, fulfilment_id: str) -> OrderLine:
    sale = line.sale
    return OrderLine(
        id=new_id("lin"),
        order_id=order_id,
        position=position,
        product_id=sale.product_id,
        seller_id=sale.seller_id,
        fulfilment_id=fulfilment_id,
        own_sale=sale.own_sale,
        name=sale.name,
        quantity=sale.quantity,
        unit_price=sale.unit_price,
        tax_rate=sale.tax.rate,
        tax_inclusive=sale.tax.inclusive,
        subtotal=line.subtotal,
        discount=line.discount,
        tax=line.tax,
        total=line.total,
        commission_rate=sale.commission_rate,
        commission=line.commission,
    )
