"""Stock as on-hand and held: the only writer of both. Rows are locked by product id, so that orders never deadlock."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import and_, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db import batch, event_log
from db.tables import Hold, HoldState, Stock, StockMovement
from domain.errors import OutOfStock, ResourceNotFound, StockBelowHeld
from domain.events import Cause, Event, EventType


async def hold(session: AsyncSession, order_id: str, wanted: Mapping[str, int], until: datetime, cause: Cause) -> None:
    """Promise pieces of products to an order, and log of which there are few from now on.

    Raises OutOfStock for the first product (by id) of which not enough can be sold. `wanted` is the sum per product:
    two lines of one product count together. Flushes, and should be the last thing that a transaction does.
    """
    session.add_all(
        Hold(order_id=order_id, product_id=product_id, quantity=quantity, state=HoldState.HELD, expires_at=until)
        for product_id, quantity in wanted.items()
    )
    # Everything else is written before: the rows that buyers of one product queue for are locked the shortest.
    await batch.flush(session)
    for product_id, quantity in sorted(wanted.items()):
        parameters = {"product": product_id, "quantity": quantity, **event_log.event_parameters(product_id, cause)}
        left = await session.scalar(_HOLD, parameters)
        if left is None:
            raise OutOfStock(product_id=product_id, requested=quantity, available=await _available(session, product_id))


# Built once, at import: decision 6.
_QUANTITY = bindparam("quantity", type_=Stock.held.type)
_HELD = (
    update(Stock)
    .where(Stock.product_id == bindparam("product"), Stock.on_hand - Stock.held >= _QUANTITY)
    .values(held=Stock.held + _QUANTITY)
    .returning((Stock.on_hand - Stock.held).label("stock"), Stock.low_at.label("low_at"))
    .cte("held")
)
_HOLD = select(_HELD.c.stock).add_cte(
    event_log.appended_when(
        and_(_HELD.c.stock <= _HELD.c.low_at, _HELD.c.stock + _QUANTITY > _HELD.c.low_at),
        EventType.STOCK_LOW,
        func.jsonb_build_object("stock", _HELD.c.stock, "threshold", _HELD.c.low_at),
    ).cte("low")
)


async def _available(session: AsyncSession, product_id: str) -> int:
    left = await session.scalar(select(Stock.on_hand - Stock.held).where(Stock.product_id == product_id))
    return left or 0


async def release(session: AsyncSession, order_id: str, *, products: set[str] | None = None) -> None:
    """Give an order's held pieces back to be sold, of all its products or of some; with none held nothing is done."""
    for held, level in await _held(session, order_id, products):
        level.held -= held.quantity
        held.state = HoldState.RELEASED


async def take(
    session: AsyncSession, order_id: str, reason: str, at: datetime, *, products: set[str] | None = None
) -> None:
    """Turn held pieces into pieces that left the shelf (shipped, or cancelled without restocking)."""
    for held, level in await _held(session, order_id, products):
        level.held -= held.quantity
        level.on_hand -= held.quantity
        held.state = HoldState.TAKEN
        session.add(_movement(held.product_id, -held.quantity, reason, ("order", order_id), at))


async def adjust(
    session: AsyncSession, product_id: str, delta: int, *, reason: str, source: tuple[str, str], cause: Cause
) -> Stock | None:
    """Change what lies on the shelf, and log when there is little from now on; None when the source's change stands.

    Raises StockBelowHeld when less would be left than orders were promised.
    """
    level = await session.get(Stock, product_id, with_for_update=True)
    if level is None:
        raise ResourceNotFound(resource="product", id=product_id)
    if await _adjusted(session, source):
        return None
    if level.on_hand + delta < level.held:
        raise StockBelowHeld(product_id=product_id, held=level.held, on_hand=level.on_hand + delta)
    level.on_hand += delta
    session.add(_movement(product_id, delta, reason, source, cause.at))
    left = level.on_hand - level.held
    if level.low_at is not None and left <= level.low_at < left - delta:
        event_log.append(session, _low(product_id, left, level.low_at, cause))
    return level


async def watch(session: AsyncSession, product_id: str, low_at: int | None) -> bool:
    """Say at which level there is little of a product; None when it is never said. False when that is so already.

    What lies on the shelf now has not fallen: it is logged when it does.
    """
    level = await session.get_one(Stock, product_id, with_for_update=True)
    changed = level.low_at != low_at
    level.low_at = low_at
    return changed


async def _adjusted(session: AsyncSession, source: tuple[str, str]) -> bool:
    """Looked at under the lock, or a repeat at the same time would see nothing yet."""
    kind, identity = source
    found = await session.scalar(
        select(StockMovement.id).where(StockMovement.source_kind == kind, StockMovement.source_id == identity)
    )
    return found is not None


def open_stock(
    session: AsyncSession, product_id: str, on_hand: int, at: datetime, *, low_at: int | None = None
) -> None:
    """The first level of a new product."""
    session.add(Stock(product_id=product_id, on_hand=on_hand, held=0, low_at=low_at))
    if on_hand:
        session.add(_movement(product_id, on_hand, "opening", ("product", product_id), at))


def _low(product_id: str, left: int, threshold: int, cause: Cause) -> Event:
    return Event(
        type=EventType.STOCK_LOW,
        time=cause.at,
        subject=product_id,
        data={"stock": left, "threshold": threshold},
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
    )


def _movement(product_id: str, delta: int, reason: str, source: tuple[str, str], at: datetime) -> StockMovement:
    kind, identity = source
    return StockMovement(
        product_id=product_id, delta=delta, reason=reason, source_kind=kind, source_id=identity, created=at
    )


async def _held(session: AsyncSession, order_id: str, products: set[str] | None) -> list[tuple[Hold, Stock]]:
    query = (
        select(Hold, Stock)
        .join(Stock, Stock.product_id == Hold.product_id)
        .where(Hold.order_id == order_id, Hold.state == HoldState.HELD)
        .order_by(Hold.product_id)
        .with_for_update()
    )
    rows = await session.execute(query if products is None else query.where(Hold.product_id.in_(products)))
    return [(held, level) for held, level in rows]
