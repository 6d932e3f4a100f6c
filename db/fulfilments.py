"""The one writer of fulfilments, each a seller's part of an order; the order's status follows them all."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db import orders
from db.tables import Fulfilment, Order, OrderLine
from domain.errors import FulfilmentRequired
from domain.events import EventType
from domain.fulfilment import FULFILMENT_MOVES, FulfilmentStatus
from domain.orders import ORDER_MOVES, Command, OrderStatus, Role

# What all parts that are not called off must have reached for the order's next status, and the event of that.
_REACHED = {
    OrderStatus.SHIPPED: (
        frozenset({FulfilmentStatus.SHIPPED, FulfilmentStatus.DELIVERED}),
        EventType.ORDER_SHIPPED,
    ),
    OrderStatus.DELIVERED: (frozenset({FulfilmentStatus.DELIVERED}), EventType.ORDER_DELIVERED),
}


async def of_order(session: AsyncSession, order_id: str) -> list[Fulfilment]:
    rows = await session.scalars(select(Fulfilment).where(Fulfilment.order_id == order_id).order_by(Fulfilment.id))
    return list(rows)


def meant(parts: Iterable[Fulfilment], command: Command) -> list[Fulfilment]:
    """The parts that a command is about: the one that it names, or all; a seller's own only."""
    own = [row for row in parts if command.role is not Role.SELLER or row.seller_id == command.actor_id]
    return [row for row in own if command.fulfilment_id in {None, row.id}]


def chosen(parts: Iterable[Fulfilment], command: Command, status: FulfilmentStatus) -> list[Fulfilment]:
    """The parts in a status that a command is about. Raises FulfilmentRequired when there is none."""
    found = [row for row in meant(parts, command) if row.status is status]
    if not found:
        raise FulfilmentRequired(status=status)
    return found


def move(part: Fulfilment, to: FulfilmentStatus) -> None:
    part.status = FULFILMENT_MOVES.check(part.status, to)


def follow(
    session: AsyncSession, order: Order, parts: Collection[Fulfilment], *, correlation_id: str, at: datetime
) -> None:
    """Move the order as far as all its parts have come; those that were called off hold it up no more."""
    going = [part.status for part in parts if part.status is not FulfilmentStatus.CANCELLED]
    for status, (reached, event) in _REACHED.items():
        if going and ORDER_MOVES.allows(order.status, status) and reached.issuperset(going):
            orders.move(session, order, status, event, correlation_id=correlation_id, at=at)


def accepted(parts: Iterable[Fulfilment]) -> bool:
    """Whether the buyer has said of every part that it arrived."""
    return all(part.accepted for part in parts if part.status is not FulfilmentStatus.CANCELLED)


async def lines_of(session: AsyncSession, parts: Iterable[Fulfilment]) -> list[OrderLine]:
    ids = [part.id for part in parts]
    return list(await session.scalars(select(OrderLine).where(OrderLine.fulfilment_id.in_(ids))))


async def called_off(session: AsyncSession, parts: Iterable[Fulfilment]) -> int:
    """What the lines of the parts cost that were called off, in minor units."""
    gone = [part for part in parts if part.status is FulfilmentStatus.CANCELLED]
    return sum(line.total for line in await lines_of(session, gone))
