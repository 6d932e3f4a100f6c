"""The sweep over orders: tells workflows what nobody told them, and people what is theirs. It changes no order.

And it lets go of Idempotency-Keys that were kept for long enough.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.telling import tell_commands, tell_refund
from db import commands, incidents, payments, refunds, webhooks
from db.commands import Owed
from db.payments import Waiting
from db.session import Database
from db.webhooks import Unheard
from domain.errors import WorkflowsUnavailable
from domain.ids import OrderId
from domain.incidents import UNKNOWN_AGE, IncidentKind
from domain.sweep import KEPT, OVERDUE, OWED, OWED_AT_MOST, RECHECKS, UNHEARD, Waker, due
from domain.values import Value

_LOST, _UNKNOWN = IncidentKind.ORDER_WITHOUT_WORKFLOW, IncidentKind.PAYMENT_UNKNOWN
_OVERDUE = IncidentKind.REFUND_OVERDUE
# How far back the very first sweep looks.
_FIRST = timedelta(minutes=1)
# How long commands may be told in one sweep; the next one goes on.
_TELLING = timedelta(seconds=30)
# How far back refunds are looked for that are due to be read once more.
_RECENT = timedelta(hours=1)
# How many workflows are woken at once.
_AT_ONCE = 8


class Sweep(Value):
    """`swept` is when the sweep before this one looked."""

    at: datetime
    swept: datetime | None = None


class Swept(Value):
    """What a sweep did; `lost` are open orders whose payment waits while no workflow runs for them.

    `commands` counts those that Temporal keeps from now on, `reported` the incidents that were opened; `at` is from
    when the next sweep looks on.
    """

    at: datetime
    webhooks: int
    orders_woken: int
    refunds_woken: int
    lost: tuple[OrderId, ...]
    reported: int = 0
    commands: int = 0


class SweepActivities:
    def __init__(self, database: Database, waker: Waker, telling: timedelta = _TELLING) -> None:
        self._database = database
        self._waker = waker
        self._telling = telling

    @activity.defn(name="sweep.orders")
    async def orders(self, step: Sweep) -> Swept:
        """Wake the workflows of payments that have waited for long, and of webhooks and commands that reached none."""
        swept = step.swept or step.at - _FIRST
        async with self._database.transaction() as session:
            unheard = await webhooks.unheard(session, step.at - UNHEARD)
            waiting = await payments.waiting(session)
            to_tell = await _refunds_to_tell(session, unheard, swept, step.at)
            overdue = await refunds.open_that_reach(session, OVERDUE, swept, step.at)
            owed = await commands.owed(session, step.at - OWED)
        orders = await _all_woken(self._waker.order, _to_wake(waiting, unheard, swept, step.at))
        refunds_woken = await _all_woken(partial(tell_refund, self._database, self._waker), to_tell)
        told_again = await self._tell(owed)
        answers = [*orders.items(), *((to_tell[refund], there) for refund, there in refunds_woken.items())]
        heard = {order for order, there in answers if there}
        untold = {order for order, there in answers if there is None}
        async with self._database.transaction() as session:
            for webhook in unheard:
                if webhook.order_id not in untold:
                    await webhooks.hear(session, webhook, step.at, heard=webhook.order_id in heard)
            # An order may have ended since it was read: that it has no workflow is in order then.
            still = {each.order_id for each in await payments.waiting(session)}
            lost = tuple(order for order, there in orders.items() if there is False and order in still)
            unknown = [each.order_id for each in waiting if each.unknown and step.at - each.since > UNKNOWN_AGE]
            reported = [await incidents.report(session, _LOST, order, step.at) for order in lost]
            reported += [await webhooks.report_late(session, each, step.at) for each in unheard if _late(each, orders)]
            reported += [await incidents.report(session, _UNKNOWN, order, step.at) for order in unknown]
            reported += [await incidents.report(session, _OVERDUE, each.refund_id, step.at) for each in overdue]
            reported += [await _give_up(session, each, step.at) for each in owed if _too_old(each, told_again, step.at)]
            await commands.let_go(session, step.at - KEPT)
        return Swept(
            # What could not be told is due again in the next sweep.
            at=swept if untold else step.at,
            webhooks=len(unheard),
            orders_woken=sum(there is True for there in orders.values()),
            refunds_woken=sum(there is True for there in refunds_woken.values()),
            lost=lost,
            reported=sum(reported),
            commands=len(told_again),
        )

    async def _tell(self, owed: Sequence[Owed]) -> set[str]:
        try:
            async with asyncio.timeout(self._telling.total_seconds()):
                return await tell_commands(self._database, self._waker, owed)
        except TimeoutError:
            activity.logger.warning("not all of %d commands could be told in time", len(owed))
            return set()


def _to_wake(waiting: Sequence[Waiting], unheard: Sequence[Unheard], swept: datetime, at: datetime) -> set[str]:
    told = {each.order_id for each in unheard}
    of_payments = {each.order_id for each in waiting if each.order_id in told or due(each.since, swept, at)}
    return of_payments | {each.order_id for each in unheard if each.news}


def _late(webhook: Unheard, orders: Mapping[str, bool | None]) -> bool:
    """Whether it tells of money, and its order has no workflow any more."""
    return webhook.paid and orders.get(webhook.order_id) is False


async def _refunds_to_tell(
    session: AsyncSession, unheard: Sequence[Unheard], swept: datetime, at: datetime
) -> dict[str, str]:
    """Refunds with their orders: of webhooks that reached nobody, those that are due to be read once more, and those
    whose provider has not answered: the command that approved one may be gone with its worker, and nobody have begun.
    """
    read_again = await refunds.open_of(session, {each.order_id for each in unheard})
    # After a long outage they would be too many; each has later ages.
    recent = max(swept, at - _RECENT)
    read_again += await refunds.paid_that_reach(session, RECHECKS, recent, at)
    read_again += [each for each, approved in await refunds.unasked(session) if due(approved, swept, at)]
    told = {each.refund_id: each.order_id for each in unheard if each.refund_id is not None}
    return told | {each.refund_id: each.order_id for each in read_again}


def _too_old(owed: Owed, told: Collection[str], at: datetime) -> bool:
    """What was done is told for as long as it takes."""
    return not owed.done and owed.command.request_id not in told and at - owed.since > OWED_AT_MOST


async def _give_up(session: AsyncSession, owed: Owed, at: datetime) -> bool:
    """Whether it was reported; one that was told in a sweep that ran out of time is owed no more."""
    if not await commands.is_owed(session, owed.command.request_id):
        return False
    await commands.owe(session, owed.command.request_id, owed=False)
    details = f"{owed.verb}, asked for at {owed.since.isoformat()} ({owed.command.request_id})"
    return await incidents.report(session, IncidentKind.COMMAND_FORGOTTEN, owed.order_id, at, details)


async def _all_woken(wake: Callable[[str], Awaitable[bool]], subjects: Iterable[str]) -> dict[str, bool | None]:
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(subject: str) -> tuple[str, bool | None]:
        async with free:
            return subject, await _woken(wake, subject)

    return dict(await asyncio.gather(*map(one, subjects)))


async def _woken(wake: Callable[[str], Awaitable[bool]], subject: str) -> bool | None:
    """Whether a workflow was there to be woken; None when Temporal did not take the signal."""
    try:
        return await wake(subject)
    except WorkflowsUnavailable:
        activity.logger.warning("could not be woken: %s", subject)
        return None
