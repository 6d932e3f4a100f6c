"""Shipping and delivery, per seller; manual capture happens at the first shipment."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from db import event_log, ledger, orders, payments, stock
from db.captures import capture_of_held
from db.commands import (
    Answering,
    answering,
    claim_body,
    earlier_answer,
    keep_answer,
    keep_refusal,
    state_of,
)
from db.session import Database
from db.tables import Fulfilment, Order, OrderLine, Payment, PaymentOperation
from domain.errors import CaptureFailed, FulfilmentRequired, MoneyGivenBack
from domain.events import Event, EventType
from domain.fulfilment import FULFILMENT_MOVES, FulfilmentStatus
from domain.gateway import Captured, MoveRequest, PaymentOutcome
from domain.ids import OrderId
from domain.ledger import capture_entry
from domain.orders import Command, OrderState, OrderStatus, Role
from domain.payments import OperationKind, OperationState
from domain.values import Value


class FulfilmentStep(Value):
    """A ship or deliver command on an order; `capture` is what the provider said to the capture it needed."""

    order_id: OrderId
    command: Command
    at: datetime
    capture: PaymentOutcome | None = None
    capture_key: str | None = None


class Shipment(Value):
    """How a shipment ended: `refused` says why nothing was shipped although the command was accepted."""

    state: OrderState
    refused: str | None = None


class FulfilmentActivities:
    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="fulfilment.begin_shipment")
    async def begin_shipment(self, step: FulfilmentStep) -> MoveRequest | None:
        """Check what is to be shipped and write down the capture that it needs, if any.

        Raises FulfilmentRequired, or MoneyGivenBack, whatever the workflow knows of it (stored as the outcome of the
        request).
        """
        async with answering(self._database, _answering(step, "ship")) as session:
            if await earlier_answer(session, step.command.request_id):
                return None
            await orders.lock(session, step.order_id)
            payment = await payments.lock_of_order(session, step.order_id)
            if await payments.given_back(session, payment.id):
                raise MoneyGivenBack
            await _chosen(session, step, FulfilmentStatus.PENDING)
            total = await payments.totals(session, payment.id)
            if total.captured or not total.authorized:
                return None
            return await _intend_capture(session, payment, step.at)

    @activity.defn(name="fulfilment.ship")
    async def ship(self, step: FulfilmentStep) -> Shipment:
        """Record the capture and the shipment in one transaction; a failed capture ships nothing."""
        command = _answering(step, "ship")
        async with answering(self._database, command) as session:
            earlier = await earlier_answer(session, step.command.request_id)
            if earlier:
                return Shipment(state=state_of(earlier))
            order = await orders.lock(session, step.order_id)
            payment = await payments.lock_of_order(session, step.order_id)
            if step.capture is not None:
                refused = await _record_capture(session, step, payment)
                if refused is not None:
                    await keep_refusal(session, command, CaptureFailed(reason=refused))
                    return Shipment(state=_state(order, payment), refused=refused)
            await _ship(session, step, order)
            return Shipment(state=await keep_answer(session, command))

    @activity.defn(name="fulfilment.deliver")
    async def deliver(self, step: FulfilmentStep) -> OrderState:
        """Record that the goods arrived. Raises FulfilmentRequired when nothing is on its way."""
        command = _answering(step, "deliver")
        async with answering(self._database, command) as session:
            earlier = await earlier_answer(session, step.command.request_id)
            if earlier:
                return state_of(earlier)
            order = await orders.lock(session, step.order_id)
            await _deliver(session, step, order)
            return await keep_answer(session, command)


def _answering(step: FulfilmentStep, name: str) -> Answering:
    return Answering(request_id=step.command.request_id, order_id=step.order_id, name=name, at=step.at)


def _state(order: Order, payment: Payment) -> OrderState:
    return OrderState(order_id=order.id, status=order.status, payment_status=payment.status)


async def _chosen(session: AsyncSession, step: FulfilmentStep, status: FulfilmentStatus) -> list[Fulfilment]:
    """The fulfilments that the command means: the one it names, or all in the status that the actor may touch."""
    rows = await session.scalars(select(Fulfilment).where(Fulfilment.order_id == step.order_id).order_by(Fulfilment.id))
    named = step.command.fulfilment_id
    chosen = [row for row in rows if row.status is status and named in {None, row.id} and _may_touch(row, step.command)]
    if not chosen:
        raise FulfilmentRequired(status=status)
    return chosen


def _may_touch(row: Fulfilment, command: Command) -> bool:
    return command.role is not Role.SELLER or row.seller_id == command.actor_id


async def _intend_capture(session: AsyncSession, payment: Payment, at: datetime) -> MoveRequest:
    operation = await payments.intend_next(session, payment, OperationKind.CAPTURE, payment.amount, at)
    return payments.move_request(payment, operation)


async def _record_capture(session: AsyncSession, step: FulfilmentStep, payment: Payment) -> str | None:
    """Why the goods can't be shipped after the capture; None when all of the money was taken."""
    assert step.capture is not None
    assert step.capture_key is not None
    said, operation = step.capture, await session.get_one(PaymentOperation, step.capture_key)
    whole = isinstance(said, Captured) and said.amount == operation.amount
    state = OperationState.SUCCEEDED if whole else OperationState.FAILED
    told = "captured_in_part" if isinstance(said, Captured) and not whole else said.kind
    refused = None if whole else told
    if not payments.close(operation, state, reference=said.reference, reason=told, at=step.at):
        return refused
    if isinstance(said, Captured):
        if not whole:
            operation, *_ = await capture_of_held(session, payment, said, step.at)
        await ledger.post(
            session, capture_entry(payment.provider, operation.key, payment.currency, said.amount), step.at
        )
        _log(session, step, EventType.PAYMENT_CAPTURED, {"payment_id": payment.id, "amount": said.amount})
    await payments.restate(session, payment, step.at)
    return refused


async def _ship(session: AsyncSession, step: FulfilmentStep, order: Order) -> None:
    chosen = await _chosen(session, step, FulfilmentStatus.PENDING)
    claim = await claim_body(session, step.command.request_id)
    for row in chosen:
        row.status = FULFILMENT_MOVES.check(row.status, FulfilmentStatus.SHIPPED)
        row.shipped = step.at
        row.carrier, row.tracking_number = claim["carrier"], claim["tracking_number"]
        row.tracking_url = claim.get("tracking_url")
    products = await session.scalars(
        select(OrderLine.product_id).where(OrderLine.fulfilment_id.in_([row.id for row in chosen]))
    )
    await stock.take(session, order.id, "shipped", step.at, products=set(products))
    await _follow(session, step, order, OrderStatus.SHIPPED, chosen)


async def _deliver(session: AsyncSession, step: FulfilmentStep, order: Order) -> None:
    if order.status is OrderStatus.DELIVERED:
        return
    chosen = await _chosen(session, step, FulfilmentStatus.SHIPPED)
    for row in chosen:
        row.status = FULFILMENT_MOVES.check(row.status, FulfilmentStatus.DELIVERED)
        row.delivered = step.at
    await _follow(session, step, order, OrderStatus.DELIVERED, chosen)


# The order's status, its event, and the fulfilments' event, by the statuses that all fulfilments must have reached.
_REACHED = {
    OrderStatus.SHIPPED: frozenset({FulfilmentStatus.SHIPPED, FulfilmentStatus.DELIVERED, FulfilmentStatus.CANCELLED}),
    OrderStatus.DELIVERED: frozenset({FulfilmentStatus.DELIVERED, FulfilmentStatus.CANCELLED}),
}
_EVENTS = {
    OrderStatus.SHIPPED: (EventType.ORDER_SHIPPED, EventType.FULFILMENT_SHIPPED),
    OrderStatus.DELIVERED: (EventType.ORDER_DELIVERED, EventType.FULFILMENT_DELIVERED),
}


async def _follow(
    session: AsyncSession, step: FulfilmentStep, order: Order, to: OrderStatus, moved: Iterable[Fulfilment]
) -> None:
    """The order's status follows its fulfilments: it moves when the last of them has."""
    order_event, fulfilment_event = _EVENTS[to]
    _log(session, step, fulfilment_event, {"fulfilments": [row.id for row in moved]})
    await session.flush()
    rows = await session.scalars(select(Fulfilment).where(Fulfilment.order_id == order.id))
    if all(row.status in _REACHED[to] for row in rows):
        orders.move(session, order, to, order_event, correlation_id=step.command.correlation_id, at=step.at)


def _log(session: AsyncSession, step: FulfilmentStep, event: EventType, data: dict[str, JsonValue]) -> None:
    event_log.append(
        session,
        Event(
            type=event,
            time=step.at,
            subject=step.order_id,
            data=data,
            correlation_id=step.command.correlation_id,
            causation_id=step.command.request_id,
        ),
    )
