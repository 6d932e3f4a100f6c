"""The sweep over orders: tells workflows what nobody told them, and people what is theirs. It changes no order."""

from datetime import datetime, timedelta

from temporalio import activity

from db import incidents, payments, refunds, webhooks
from db.session import Database
from domain.ids import OrderId
from domain.incidents import UNKNOWN_AGE, IncidentKind
from domain.sweep import UNHEARD, Waker, due
from domain.values import Value

_LOST, _UNKNOWN = IncidentKind.ORDER_WITHOUT_WORKFLOW, IncidentKind.PAYMENT_UNKNOWN
# How far back the very first sweep looks.
_FIRST = timedelta(minutes=1)


class Sweep(Value):
    """`swept` is when the sweep before this one looked."""

    at: datetime
    swept: datetime | None = None


class Swept(Value):
    """What a sweep did; `lost` are open orders whose payment waits while no workflow runs for them.

    `reported` counts the incidents that were opened.
    """

    at: datetime
    webhooks: int
    orders_woken: int
    refunds_woken: int
    lost: tuple[OrderId, ...]
    reported: int = 0


class SweepActivities:
    def __init__(self, database: Database, waker: Waker) -> None:
        self._database = database
        self._waker = waker

    @activity.defn(name="sweep.orders")
    async def orders(self, step: Sweep) -> Swept:
        """Wake the workflows of payments that have waited for long, and of webhooks that never reached one."""
        swept = step.swept or step.at - _FIRST
        async with self._database.transaction() as session:
            unheard = await webhooks.unheard(session, step.at - UNHEARD)
            told = {each.order_id for each in unheard}
            waiting = await payments.waiting(session)
            open_refunds = await refunds.open_of(session, told)
        to_wake = [each.order_id for each in waiting if each.order_id in told or due(each.since, swept, step.at)]
        orders = {order: await self._waker.order(order) for order in to_wake}
        woken = {each.order_id for each in open_refunds if await self._waker.refund(each.refund_id)}
        async with self._database.transaction() as session:
            heard = {order for order, there in orders.items() if there} | woken
            for webhook in unheard:
                await webhooks.hear(session, webhook, step.at, heard=webhook.order_id in heard)
            lost = tuple(order for order, there in orders.items() if not there)
            unknown = [each.order_id for each in waiting if each.unknown and step.at - each.since > UNKNOWN_AGE]
            reported = [await incidents.report(session, _LOST, order, step.at) for order in lost]
            reported += [await incidents.report(session, _UNKNOWN, order, step.at) for order in unknown]
        return Swept(
            at=step.at,
            webhooks=len(unheard),
            orders_woken=sum(orders.values()),
            refunds_woken=len(woken),
            lost=lost,
            reported=sum(reported),
        )
