"""Reading the event log as it grows, without missing an event or seeing one twice.

Sequence numbers don't commit in order: an event may appear below one that was read before. So readers go by the
transactions that wrote the events, and stop below the oldest one that still runs: nothing can appear below that.
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ARRAY, String, any_, bindparam, case, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from db.cursors import FOREIGN, OLDEST_RUNNING
from db.tables import EventRow
from db.tables.events import TransactionId
from domain.timeline import LoggedEvent

# Events that came here from another cluster were all there before this one's.
_HERE = case((FOREIGN, 0), else_=1)
_ENDED = or_(EventRow.transaction_id < OLDEST_RUNNING, FOREIGN)


class Position(NamedTuple):
    """Up to where somebody has read; `here` is 0 for events that came from another cluster."""

    here: int
    transaction_id: str
    sequence: int


class Tailed(NamedTuple):
    position: Position
    event: LoggedEvent


async def of_subject(session: AsyncSession, subject: str, after: Position | None, limit: int) -> list[Tailed]:
    """The next events about a subject whose transactions, and all before them, have ended."""
    query = select(EventRow, _HERE).where(EventRow.subject == subject, _ENDED)
    if after is not None:
        read = tuple_(literal(after.here), literal(after.transaction_id, TransactionId()), literal(after.sequence))
        query = query.where(tuple_(_HERE, EventRow.transaction_id, EventRow.sequence) > read)
    rows = await session.execute(query.order_by(_HERE, EventRow.transaction_id, EventRow.sequence).limit(limit))
    return [
        Tailed(Position(here, row.transaction_id, row.sequence), LoggedEvent.model_validate(row)) for row, here in rows
    ]


async def all_of_subject(session: AsyncSession, subject: str, limit: int) -> list[LoggedEvent]:
    """What is logged of a subject by now, oldest first."""
    rows = await session.scalars(
        select(EventRow).where(EventRow.subject == subject).order_by(EventRow.sequence).limit(limit)
    )
    return [LoggedEvent.model_validate(row) for row in rows]


async def position_of(session: AsyncSession, subject: str, event_id: str) -> Position | None:
    """Where an event about the subject stands; None when there is no such event."""
    query = select(_HERE, EventRow.transaction_id, EventRow.sequence)
    found = (await session.execute(query.where(EventRow.id == event_id, EventRow.subject == subject))).one_or_none()
    return None if found is None else Position(*found)


async def oldest_running(session: AsyncSession) -> str:
    """The oldest transaction that still runs: what is written from now on is not below it."""
    return str(await session.scalar(select(OLDEST_RUNNING)))


async def changed(session: AsyncSession, subjects: Collection[str], since: str) -> tuple[str, set[str]]:
    """Which of the subjects have events of transactions that ended since, and from where to look the next time.

    Subjects may join while it looks: those that did before the look are looked for.
    """
    now = await oldest_running(session)
    rows = await session.scalars(_CHANGED, {"subjects": list(subjects), "since": since, "until": now})
    return now, set(rows)


# Built once, at import: decision 6.
_CHANGED = (
    select(EventRow.subject)
    .distinct()
    .where(EventRow.transaction_id >= bindparam("since", type_=TransactionId()))
    .where(EventRow.transaction_id < bindparam("until", type_=TransactionId()))
    .where(EventRow.subject == any_(bindparam("subjects", type_=ARRAY(String()))))
)
