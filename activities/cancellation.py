"""Cancelling an order, in the database: what has to be undone is chosen from the facts, never remembered."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from db import discounts, event_log, fulfilments, ledger, orders, payments, refunds, stock
from db.captures import captured_meanwhile
from db.commands import Answering, earlier_answer, keep_answer, state_of
from db.session import Database
from db.tables import Order, Payment, PaymentOperation
from domain.discounts import UseState
from domain.errors import OrderNotCancellable, ProviderMismatch
from domain.events import Event, EventType
from domain.fulfilment import FulfilmentStatus
from domain.gateway import Captured, MoveRequest, PaymentOutcome, Pending, Voided
from domain.ids import OrderId, RequestId
from domain.ledger import capture_entry
from domain.orders import ORDER_MOVES, CancelReason, OrderState, OrderStatus
from domain.payments import OPEN_STATES, OperationKind, OperationState, Sums
from domain.refunds import ApprovedRefund
from domain.values import Value


class Cancellation(Value):
    """Why and how an order ends early; `request_id` is set when a person waits for the answer."""

    order_id: OrderId
    reason: CancelReason
    restock: bool
    request_id: RequestId | None
    correlation_id: str
    at: datetime
    end: OrderStatus = OrderStatus.CANCELLED


class Reversal(Value):
    """What has to be asked of the provider to give the money back: nothing, a void, or a refund.

    `others` are refunds of parts that were called off; whoever called them off may have forgotten to start them.
    """

    void: MoveRequest | None = None
    refund: ApprovedRefund | None = None
    others: tuple[ApprovedRefund, ...] = ()


class RecordVoid(Value):
    request: MoveRequest
    outcome: PaymentOutcome
    correlation_id: str
    at: datetime


class CancellationActivities:
    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="cancellation.begin")
    async def begin(self, step: Cancellation) -> Reversal:
        """Choose void or refund by what the payment's operations say, and write it down before it is asked for.

        Raises OrderNotCancellable when goods are on their way, whatever the workflow knows of it.
        """
        async with self._database.transaction() as session:
            order = await session.get(Order, step.order_id, with_for_update=True)
            if order is None:
                return Reversal()
            if await orders.on_its_way(session, step.order_id):
                raise OrderNotCancellable(status=order.status)
            payment = await payments.lock_of_order(session, step.order_id)
            total = await payments.totals(session, payment.id)
            if total.captured:
                others = await refunds.of_parts(session, order, payment, step.correlation_id)
                return Reversal(refund=await _approve_refund(session, step, order, payment, total), others=others)
            if payment.reference is None or total.voided:
                return Reversal()
            operation = await payments.intend_next(session, payment, OperationKind.VOID, total.authorized, step.at)
            return Reversal(void=payments.move_request(payment, operation))

    @activity.defn(name="cancellation.record_void")
    async def record_void(self, step: RecordVoid) -> None:
        """Write down what became of a void: the hold is released, or the money was taken before, or it may be yet.

        Raises ProviderMismatch when the provider says anything else: then a person has to look.
        """
        async with self._database.transaction() as session:
            payment = await payments.lock_of_order(session, step.request.order_id)
            operation = await session.get_one(PaymentOperation, step.request.key)
            state = OperationState.SUCCEEDED if isinstance(step.outcome, Voided) else OperationState.FAILED
            reference, reason = step.outcome.reference, None if isinstance(step.outcome, Voided) else step.outcome.kind
            if not payments.close(operation, state, reference=reference, reason=reason, at=step.at):
                return
            await _apply(session, step, payment)
            await payments.restate(session, payment, step.at)

    @activity.defn(name="cancellation.finish")
    async def finish(self, step: Cancellation) -> OrderState:
        """Give the stock back, or take it off the shelf, and close the order."""
        async with self._database.transaction() as session:
            if step.request_id is not None:
                earlier = await earlier_answer(session, step.request_id)
                if earlier is not None:
                    return state_of(earlier)
            order = await orders.lock(session, step.order_id)
            payment = await payments.lock_of_order(session, step.order_id)
            if not ORDER_MOVES.is_terminal(order.status):
                await _close(session, step, order)
                await payments.close_unpaid(session, payment, step.at)
            if step.request_id is None:
                return OrderState(order_id=order.id, status=order.status, payment_status=payment.status)
            command = Answering(request_id=step.request_id, order_id=order.id, name="cancel", at=step.at)
            return await keep_answer(session, command)


async def _apply(session: AsyncSession, step: RecordVoid, payment: Payment) -> None:
    match step.outcome:
        case Voided():
            await payments.end_attempt(session, payment, step.at, OPEN_STATES)
            _log(session, EventType.PAYMENT_VOIDED, payment, step.request.amount, step.correlation_id, step.at)
        case Captured():
            captured = await captured_meanwhile(session, payment, step.outcome, step.at)
            entry = capture_entry(payment.provider, captured.key, payment.currency, captured.amount)
            await ledger.post(session, entry, step.at)
            _log(session, EventType.PAYMENT_CAPTURED, payment, captured.amount, step.correlation_id, step.at)
        case Pending():
            pass
        case _:
            raise ProviderMismatch(field="status", theirs=step.outcome.kind, ours="voided")


async def _close(session: AsyncSession, step: Cancellation, order: Order) -> None:
    order.cancel_reason = step.reason
    await discounts.end(session, order.id, UseState.RETURNED, step.at)
    if step.restock:
        await stock.release(session, order.id)
    else:
        await stock.take(session, order.id, "cancelled without restock", step.at)
    for part in await fulfilments.of_order(session, order.id):
        if part.status is not FulfilmentStatus.CANCELLED:
            fulfilments.move(part, FulfilmentStatus.CANCELLED)
    event = EventType.ORDER_CANCELLED if step.end is OrderStatus.CANCELLED else EventType.ORDER_FAILED
    orders.move(session, order, step.end, event, correlation_id=step.correlation_id, at=step.at)


async def _approve_refund(
    session: AsyncSession, step: Cancellation, order: Order, payment: Payment, total: Sums
) -> ApprovedRefund | None:
    known = await refunds.of_the_whole(session, order.id)
    if known is None and total.refundable == 0:
        return None
    known = known or await refunds.approve(session, payment, total.refundable, step.correlation_id, step.at)
    return refunds.approved(known, order, payment, step.correlation_id)


def _log(
    session: AsyncSession, event: EventType, payment: Payment, amount: int, correlation_id: str, at: datetime
) -> None:
    event_log.append(
        session,
        Event(
            type=event,
            time=at,
            subject=payment.order_id,
            data={"payment_id": payment.id, "amount": amount, "currency": payment.currency},
            correlation_id=correlation_id,
        ),
    )
