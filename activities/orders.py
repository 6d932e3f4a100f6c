"""Placing and completing orders: the facts at both ends."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from db import carts, discounts, event_log, ledger, orders, payments, sales, stock
from db.commands import Answering, answer_of, answering, claimed, keep_answer, queue
from db.pricing import price
from db.session import Database
from db.tables import Order, Payment
from domain.discounts import UseState
from domain.errors import OrderAlreadyPlaced
from domain.events import Cause, Event, EventType
from domain.gateway import AuthorizeRequest
from domain.ledger import sale_entry
from domain.orders import OrderState, OrderStatus, Placement
from domain.pricing import check_expected
from domain.values import Value

# How much longer than the payment deadline a hold lives before the sweep may look at it.
HOLD_BACKSTOP = timedelta(hours=1)


class PlaceOrder(Value):
    """`run_id` is the first run of the workflow: no other run may ever act on this order."""

    placement: Placement
    run_id: str
    at: datetime


class PlacedOrder(Value):
    """What the workflow needs to go on. An order that costs nothing has no attempt, and is `free` as it stands."""

    payment_deadline: datetime
    first_attempt: AuthorizeRequest | None = None
    free: OrderState | None = None

    @property
    def amount(self) -> int:
        """In minor units."""
        return 0 if self.first_attempt is None else self.first_attempt.amount


class CompleteOrder(Value):
    order_id: str
    correlation_id: str
    at: datetime


class OrderActivities:
    """Orders in the database. Each method is one fact in one transaction, and reads what stands when repeated."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="orders.place")
    async def place(self, step: PlaceOrder) -> PlacedOrder:
        """Price the order, hold its stock, and write it with its payment and first attempt.

        An order that costs nothing is paid by that, and confirmed. A cart is checked out with it.
        Raises OutOfStock, PriceChanged, ProductUnavailable, ShippingUnavailable, MixedCurrencies, TotalTooLarge,
        CartCheckedOut, CartChanged, DiscountNotApplicable or DiscountUsedUp (each stored as the outcome of the
        request), and OrderAlreadyPlaced for any run but the first.
        """
        placement = step.placement
        command = Answering(request_id=placement.request_id, order_id=placement.order_id, name="place", at=step.at)
        async with answering(self._database, command) as session:
            claim = await claimed(session, placement.request_id, placement.order_id)
            if claim.order is None and _takes_once(claim.body):
                # Else a run beside this one would find its own order's cart closed, or its own use of the code.
                await queue(session, placement.request_id)
                claim = await claimed(session, placement.request_id, placement.order_id)
            if claim.order is not None:
                return await self._read(session, claim.order, step)
            answer_of(claim.outcome)
            order, payment = await self._write(session, step, claim.body)
            if order.total == 0:
                await keep_answer(session, command)
            return _placed(order, payment, step.placement)

    @activity.defn(name="orders.complete")
    async def complete(self, step: CompleteOrder) -> OrderState:
        """Close a delivered order and allocate its money to sellers, own sales, shipping and tax."""
        async with self._database.transaction() as session:
            order = await orders.lock(session, step.order_id)
            payment = await payments.lock_of_order(session, step.order_id)
            moved = orders.move(
                session,
                order,
                OrderStatus.COMPLETED,
                EventType.ORDER_COMPLETED,
                correlation_id=step.correlation_id,
                at=step.at,
            )
            if moved:
                await discounts.end(session, order.id, UseState.USED, step.at)
                sale = sale_entry(order.id, await sales.completed(session, order, payment))
                if sale is not None:
                    await ledger.post(session, sale, step.at)
            return OrderState(order_id=order.id, status=order.status, payment_status=payment.status)

    async def _read(self, session: AsyncSession, order: Order, step: PlaceOrder) -> PlacedOrder:
        if order.first_run_id != step.run_id:
            raise OrderAlreadyPlaced(order_id=order.id)
        payment = await session.scalar(select(Payment).where(Payment.order_id == order.id))
        assert payment is not None, "an order is written with its payment"
        return _placed(order, payment, step.placement)

    async def _write(self, session: AsyncSession, step: PlaceOrder, claim: dict[str, Any]) -> tuple[Order, Payment]:
        placement, at = step.placement, step.at
        if "cart_id" in claim:
            await carts.check_out(session, claim["cart_id"], claim["cart_version"], placement.order_id)
        applied = await _discount(session, placement, claim)
        quoted = await price(
            session,
            placement.items,
            placement.currency,
            placement.destination,
            placement.shipping_method,
            at,
            discount=applied and applied.terms,
            commission_rate=placement.policy.commission_rate,
        )
        check_expected(quoted, placement.expected_total)
        deadline = at + timedelta(seconds=placement.policy.payment_deadline)
        new = orders.NewOrder(placement, quoted, claim, run_id=step.run_id, at=at, deadline=deadline)
        order, payment = orders.add(session, new)
        event_log.append(session, _placed_event(order, placement, at))
        if applied is not None:
            discounts.hold(session, applied, order.id, order.buyer_id, at)
        if order.total:
            payments.open_attempt(session, payment, 1, placement.payment, at)
        else:
            payments.open_free(session, payment, placement.payment, at)
            confirmed = EventType.ORDER_CONFIRMED
            orders.move(
                session, order, OrderStatus.CONFIRMED, confirmed, correlation_id=placement.correlation_id, at=at
            )
        cause = Cause(at=at, correlation_id=placement.correlation_id, causation_id=placement.request_id)
        await stock.hold(session, order.id, _wanted(placement), deadline + HOLD_BACKSTOP, cause)
        return order, payment


def _takes_once(claim: dict[str, Any]) -> bool:
    """Whether the order takes what there is only once: its cart, a use of a code."""
    return "cart_id" in claim or claim.get("discount_code") is not None


async def _discount(session: AsyncSession, placement: Placement, claim: dict[str, Any]) -> discounts.Applied | None:
    """The code that the buyer sent, under lock: buyers of one code queue for it."""
    code = claim.get("discount_code")
    return None if code is None else await discounts.apply(session, code, placement.buyer_id)


def _wanted(placement: Placement) -> Counter[str]:
    wanted: Counter[str] = Counter()
    for item in placement.items:
        wanted[item.product_id] += item.quantity
    return wanted


def _placed(order: Order, payment: Payment, placement: Placement) -> PlacedOrder:
    free = order.total == 0
    return PlacedOrder(
        payment_deadline=order.payment_deadline,
        first_attempt=None if free else payments.authorize_request(payment, placement.payment, 1, payment.created),
        free=OrderState(order_id=order.id, status=order.status, payment_status=payment.status) if free else None,
    )


def _placed_event(order: Order, placement: Placement, at: datetime) -> Event:
    return Event(
        type=EventType.ORDER_PLACED,
        time=at,
        subject=order.id,
        data={
            "buyer_id": order.buyer_id,
            "currency": order.currency,
            "total": order.total,
            "items": [item.model_dump() for item in placement.items],
        },
        correlation_id=placement.correlation_id,
        causation_id=placement.request_id,
    )
