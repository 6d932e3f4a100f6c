"""Reading the event log in order, each event once, although sequence numbers don't commit in order.

A transaction that still runs may add an event before one that is there already. So a reader goes by transactions, and
stays below the oldest that runs: what it has passed can't change any more.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, ScalarSelect, func, literal, literal_column, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import EventCursor, EventRow
from db.tables.events import TransactionId

_SNAPSHOT = func.pg_current_snapshot()
OLDEST_RUNNING: ColumnElement[str] = func.pg_snapshot_xmin(_SNAPSHOT, type_=TransactionId())
NEXT: ColumnElement[str] = func.pg_snapshot_xmax(_SNAPSHOT, type_=TransactionId())
# Of a transaction that this cluster has not come to: the log was restored here from another one.
FOREIGN = EventRow.transaction_id >= NEXT
_LAST_FOREIGN: ScalarSelect[int] = (
    select(func.coalesce(func.max(EventRow.sequence), 0)).where(FOREIGN).scalar_subquery()
)


async def begin(session: AsyncSession, consumer: str) -> None:
    """Let a new consumer read what happens from now on; one that has begun before goes on where it is."""
    start = select(literal(consumer), OLDEST_RUNNING, literal(0), _LAST_FOREIGN)
    await session.execute(
        insert(EventCursor)
        .from_select(["consumer", "transaction_id", "sequence", "floor"], start)
        .on_conflict_do_nothing()
    )


async def unread(session: AsyncSession, consumer: str, limit: int) -> Sequence[EventRow]:
    """The next events, which are read for good when the transaction commits; others of the consumer wait until then."""
    mine = EventCursor.consumer == consumer
    cursor = (await session.scalars(select(EventCursor).where(mine).with_for_update())).one()
    query = (
        select(EventRow)
        .join(EventCursor, mine)
        .where(
            EventRow.sequence > EventCursor.floor,
            tuple_(EventRow.transaction_id, EventRow.sequence)
            > tuple_(EventCursor.transaction_id, EventCursor.sequence),
            or_(EventRow.transaction_id < OLDEST_RUNNING, FOREIGN),
        )
        .order_by(EventRow.transaction_id, EventRow.sequence)
        .limit(limit)
    )
    events = (await session.scalars(query)).all()
    if events:
        cursor.transaction_id, cursor.sequence = events[-1].transaction_id, events[-1].sequence
    else:
        await _arrive(session, consumer)
    return events


async def _arrive(session: AsyncSession, consumer: str) -> None:
    """All that another cluster left behind is read: from here on transactions count as this one counts them."""
    await session.execute(
        update(EventCursor)
        .where(EventCursor.consumer == consumer, EventCursor.transaction_id >= NEXT)
        .values(floor=_LAST_FOREIGN, transaction_id=literal_column("'0'::xid8"), sequence=0)
        .execution_options(synchronize_session=False)
    )
