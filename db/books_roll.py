"""The orders of a database against the workflows that run: an order is open as long as one carries it."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db import orders
from db.session import Database
from db.tables import Order, Request
from domain.books import Finding, Invariant
from domain.sweep import Presence, Roll
from domain.values import Value

# What a workflow may take from the end of its order to its own.
_LINGERS = timedelta(minutes=10)


class Mismatches(Value):
    """Orders, by id, in order: `lost` are open and nothing carries them; `ended` are closed a while, and `unknown` were
    neither placed nor asked for here, and a workflow runs for each of them.
    """

    lost: tuple[str, ...]
    ended: tuple[str, ...]
    unknown: tuple[str, ...]

    def findings(self) -> Iterator[Finding]:
        sentences = (
            (self.lost, "It is open, and no workflow runs for it."),
            (self.ended, "It has ended, and its workflow still runs."),
            (self.unknown, "A workflow runs for it, and this database has no such order."),
        )
        for subjects, sentence in sentences:
            for subject in subjects:
                yield Finding(invariant=Invariant.OPEN_MEANS_RUNNING, subject=subject, sentence=sentence)


async def mismatches(database: Database, roll: Roll, at: datetime) -> Mismatches:
    """Raises WorkflowsUnavailable when Temporal can't be asked."""
    async with database.transaction() as session:
        open_orders = await orders.open_ids(session)
    running = await roll.running()
    # The list is some moments behind, and orders go on meanwhile: each difference is looked at once more.
    lost = await having(roll, open_orders - running, Presence.NONE, Presence.CLOSED)
    left = await having(roll, running - open_orders, Presence.RUNNING)
    async with database.transaction() as session:
        still = await orders.open_ids(session)
        return Mismatches(
            lost=tuple(order for order in lost if order in still),
            ended=tuple(await orders.ended_before(session, left, at - _LINGERS)),
            unknown=tuple(await _unknown(session, left)),
        )


async def having(roll: Roll, suspects: Iterable[str], *presence: Presence) -> list[str]:
    """Those of the orders whose workflow is there in one of these ways at this moment, in order."""
    return [order for order in sorted(suspects) if await roll.presence(order) in presence]


async def _unknown(session: AsyncSession, ids: Collection[str]) -> list[str]:
    """An order is claimed before its workflow starts, and claims are let go long after orders have rows."""
    placed = await session.scalars(select(Order.id).where(Order.id.in_(ids)))
    asked_for = await session.scalars(select(Request.resource_id).where(Request.resource_id.in_(ids)))
    return sorted(set(ids).difference(placed, asked_for))
