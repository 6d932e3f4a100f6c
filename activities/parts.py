"""Calling off a seller's part of an order before it is shipped (M6): its money goes back, the rest of it goes on."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from db import event_log, fulfilments, orders, payments, refunds, stock
from db.commands import Answering, answering, earlier_answer, keep_answer, state_of
from db.session import Database
from db.tables import Fulfilment, Order, OrderLine, Payment, Refund
from domain.errors import FulfilmentNotCancellable, MoneyGivenBack, OrderNotCancellable
from domain.events import Event, EventType
from domain.fulfilment import FulfilmentStatus
from domain.ids import OrderId
from domain.orders import Command, OrderState, OrderStatus
from domain.refunds import ApprovedRefund
from domain.values import Value


class CallOff(Value):
    """A cancel command about one part of an order."""

    order_id: OrderId
    command: Command
    at: datetime


class CalledOff(Value):
    """The order without the part, and the refund to be started, if its money was taken.

    `accepted` when the buyer has accepted all that is left. `whole` when nothing else of the order is left: then
    nothing was written, and all of it has to be cancelled.
    """

    state: OrderState | None = None
    refund: ApprovedRefund | None = None
    accepted: bool = False
    whole: bool = False


class PartActivities:
    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="parts.call_off")
    async def call_off(self, step: CallOff) -> CalledOff:
        """Give the part's stock back and approve the refund of its lines; shipping is not given back for a part.

        Of money that is only held, less is captured when the rest ships. Repeated, it returns the same.
        Raises FulfilmentRequired, OrderNotCancellable, MoneyGivenBack or FulfilmentNotCancellable (stored as the
        request's outcome).
        """
        command = Answering(request_id=step.command.request_id, order_id=step.order_id, name="cancel", at=step.at)
        async with answering(self._database, command) as session:
            order, payment = await orders.lock_with_payment(session, step.order_id)
            earlier = await earlier_answer(session, step.command.request_id)
            if earlier is not None:
                return await _called_off(session, step, order, payment, state_of(earlier))
            if order.status is not OrderStatus.CONFIRMED:
                raise OrderNotCancellable(status=order.status)
            if await payments.given_back(session, payment.id):
                raise MoneyGivenBack
            parts = await fulfilments.of_order(session, order.id)
            part, *_ = fulfilments.chosen(parts, step.command, FulfilmentStatus.PENDING)
            if all(each.status is FulfilmentStatus.CANCELLED for each in parts if each is not part):
                return CalledOff(whole=True)
            amount = await _give_back(session, step, payment, part, await fulfilments.called_off(session, parts))
            _end(session, step, order, part, amount)
            fulfilments.follow(session, order, parts, correlation_id=step.command.correlation_id, at=step.at)
            return await _called_off(session, step, order, payment, await keep_answer(session, command))


async def _called_off(
    session: AsyncSession, step: CallOff, order: Order, payment: Payment, state: OrderState
) -> CalledOff:
    """The part is called off, now or by the same command before: what the workflow has to know and to start."""
    parts = await fulfilments.of_order(session, order.id)
    return CalledOff(
        state=state,
        refund=await _approved(session, step, order, payment),
        accepted=fulfilments.accepted(parts),
    )


async def _give_back(session: AsyncSession, step: CallOff, payment: Payment, part: Fulfilment, before: int) -> int:
    """Stock and money of the part; what its lines cost, in minor units. `before` is what others cost that are gone."""
    lines = await fulfilments.lines_of(session, [part])
    await _restock(session, step, lines)
    amount, total = sum(line.total for line in lines), await payments.totals(session, payment.id)
    if total.capture_open:
        raise FulfilmentNotCancellable(reason="its money is being captured")
    if total.captured and amount:
        await refunds.approve(session, payment, amount, step.command.correlation_id, step.at, part_id=part.id)
    elif total.authorized and payment.amount - before - amount == 0:
        raise FulfilmentNotCancellable(reason="what is left costs nothing, so that the whole order is to be cancelled")
    return amount


async def _restock(session: AsyncSession, step: CallOff, lines: list[OrderLine]) -> None:
    products = {line.product_id for line in lines}
    if step.command.restock:
        await stock.release(session, step.order_id, products=products)
    else:
        await stock.take(session, step.order_id, "cancelled without restock", step.at, products=products)


def _end(session: AsyncSession, step: CallOff, order: Order, part: Fulfilment, amount: int) -> None:
    fulfilments.move(part, FulfilmentStatus.CANCELLED)
    order.updated = step.at
    event_log.append(
        session,
        Event(
            type=EventType.FULFILMENT_CANCELLED,
            time=step.at,
            subject=order.id,
            data={"fulfilments": [part.id], "amount": amount, "currency": order.currency},
            correlation_id=step.command.correlation_id,
            causation_id=step.command.request_id,
        ),
    )


async def _approved(session: AsyncSession, step: CallOff, order: Order, payment: Payment) -> ApprovedRefund | None:
    """The refund of the part that the command called off, as its workflow is started with it."""
    parts = fulfilments.meant(await fulfilments.of_order(session, order.id), step.command)
    of_part = select(Refund).where(Refund.fulfilment_id.in_([part.id for part in parts]))
    found: Refund | None = await session.scalar(of_part)
    return None if found is None else refunds.approved(found, order, payment, step.command.correlation_id)
