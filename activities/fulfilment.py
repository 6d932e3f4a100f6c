"""Shipping and delivery, per seller; manual capture happens at the first shipment."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from db import event_log, fulfilments, ledger, orders, payments, stock
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
from db.tables import Fulfilment, Order, Payment, PaymentOperation
from domain.errors import CaptureFailed, FulfilmentRequired, MoneyGivenBack
from domain.events import Event, EventType
from domain.fulfilment import FulfilmentStatus
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


class Delivery(OrderState):
    """The order after a delivery, and whether its buyer has accepted all of it; not said before parts were accepted."""

    accepted: bool | None = None


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
            await orders.lock(session, step.order_id)
            if await earlier_answer(session, step.command.request_id):
                return None
            payment = await payments.lock_of_order(session, step.order_id)
            if await payments.given_back(session, payment.id):
                raise MoneyGivenBack
            parts = await fulfilments.of_order(session, step.order_id)
            fulfilments.chosen(parts, step.command, FulfilmentStatus.PENDING)
            total = await payments.totals(session, payment.id)
            if total.captured or not total.authorized:
                return None
            left = payment.amount - await fulfilments.called_off(session, parts)
            return await _intend_capture(session, payment, left, step.at)

    @activity.defn(name="fulfilment.ship")
    async def ship(self, step: FulfilmentStep) -> Shipment:
        """Record the capture and the shipment in one transaction; a failed capture ships nothing."""
        command = _answering(step, "ship")
        async with answering(self._database, command) as session:
            order = await orders.lock(session, step.order_id)
            earlier = await earlier_answer(session, step.command.request_id)
            if earlier:
                return Shipment(state=state_of(earlier))
            payment = await payments.lock_of_order(session, step.order_id)
            if step.capture is not None:
                refused = await _record_capture(session, step, payment)
                if refused is not None:
                    await keep_refusal(session, command, CaptureFailed(reason=refused))
                    return Shipment(state=_state(order, payment), refused=refused)
            await _ship(session, step, order)
            return Shipment(state=await keep_answer(session, command))

    @activity.defn(name="fulfilment.deliver")
    async def deliver(self, step: FulfilmentStep) -> Delivery:
        """Record that the goods arrived. Raises FulfilmentRequired when nothing is on its way."""
        command = _answering(step, "deliver")
        async with answering(self._database, command) as session:
            order = await orders.lock(session, step.order_id)
            earlier = await earlier_answer(session, step.command.request_id)
            if earlier:
                parts = await fulfilments.of_order(session, step.order_id)
                return _delivery(state_of(earlier), accepted=fulfilments.accepted(parts))
            accepted = await _deliver(session, step, order)
            return _delivery(await keep_answer(session, command), accepted=accepted)


def _answering(step: FulfilmentStep, name: str) -> Answering:
    return Answering(request_id=step.command.request_id, order_id=step.order_id, name=name, at=step.at)


def _delivery(state: OrderState, *, accepted: bool) -> Delivery:
    return Delivery(**state.model_dump(), accepted=accepted)


def _state(order: Order, payment: Payment) -> OrderState:
    return OrderState(order_id=order.id, status=order.status, payment_status=payment.status)


async def _intend_capture(session: AsyncSession, payment: Payment, amount: int, at: datetime) -> MoveRequest:
    operation = await payments.intend_next(session, payment, OperationKind.CAPTURE, amount, at)
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
        elif operation.amount < payment.amount:
            await payments.release_called_off(session, payment, payment.amount - operation.amount, step.at)
        await ledger.post(
            session, capture_entry(payment.provider, operation.key, payment.currency, said.amount), step.at
        )
        taken: dict[str, JsonValue] = {"payment_id": payment.id, "amount": said.amount, "currency": payment.currency}
        _log(session, step, EventType.PAYMENT_CAPTURED, taken)
    await payments.restate(session, payment, step.at)
    return refused


async def _ship(session: AsyncSession, step: FulfilmentStep, order: Order) -> None:
    parts = await fulfilments.of_order(session, order.id)
    chosen = fulfilments.chosen(parts, step.command, FulfilmentStatus.PENDING)
    claim = await claim_body(session, step.command.request_id)
    for part in chosen:
        fulfilments.move(part, FulfilmentStatus.SHIPPED)
        part.shipped = step.at
        part.carrier, part.tracking_number = claim["carrier"], claim["tracking_number"]
        part.tracking_url = claim.get("tracking_url")
    lines = await fulfilments.lines_of(session, chosen)
    await stock.take(session, order.id, "shipped", step.at, products={line.product_id for line in lines})
    _log_parts(session, step, EventType.FULFILMENT_SHIPPED, chosen)
    fulfilments.follow(session, order, parts, correlation_id=step.command.correlation_id, at=step.at)


async def _deliver(session: AsyncSession, step: FulfilmentStep, order: Order) -> bool:
    """Whether the buyer has accepted all of the order by now: only the buyer's own word accepts."""
    parts = await fulfilments.of_order(session, order.id)
    meant = fulfilments.meant(parts, step.command)
    arrived = [part for part in meant if part.status is FulfilmentStatus.SHIPPED]
    if not arrived and order.status is not OrderStatus.DELIVERED and not _to_accept(step, meant):
        raise FulfilmentRequired(status=FulfilmentStatus.SHIPPED)
    for part in arrived:
        fulfilments.move(part, FulfilmentStatus.DELIVERED)
        part.delivered = step.at
    accepted = _to_accept(step, meant)
    for part in accepted:
        part.accepted = True
    _log_parts(session, step, EventType.FULFILMENT_DELIVERED, arrived)
    _log_parts(session, step, EventType.FULFILMENT_ACCEPTED, accepted)
    fulfilments.follow(session, order, parts, correlation_id=step.command.correlation_id, at=step.at)
    return fulfilments.accepted(parts)


def _to_accept(step: FulfilmentStep, meant: Iterable[Fulfilment]) -> list[Fulfilment]:
    """What the buyer's word is about, of what has arrived."""
    if step.command.role is not Role.BUYER:
        return []
    return [part for part in meant if part.status is FulfilmentStatus.DELIVERED and not part.accepted]


def _log_parts(session: AsyncSession, step: FulfilmentStep, event: EventType, parts: Iterable[Fulfilment]) -> None:
    ids: list[JsonValue] = [part.id for part in parts]
    if ids:
        _log(session, step, event, {"fulfilments": ids})


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
