"""Consumers of the event log read each event once: while transactions run, and after the log came from elsewhere."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db import cursors, event_log
from db.ids import new_id
from db.session import Database
from db.tables import EventCursor, EventRow
from domain.events import Event, EventType
from tests.support.arena import eventually

READER = "a reader"
# Far beyond what a cluster of a test has come to.
ELSEWHERE = 9_000_000_000_000


async def begun(database: Database) -> None:
    async with database.transaction() as session:
        await cursors.begin(session, READER)


async def told(session: AsyncSession, subject: str) -> str:
    event = Event(
        type=EventType.STOCK_ADJUSTED, time=datetime.now(UTC), subject=subject, data={}, correlation_id="a test"
    )
    event_log.append(session, event)
    await session.flush()
    return subject


async def happened(database: Database, subject: str, transaction: int | None = None) -> str:
    """An event, perhaps of a transaction of another cluster."""
    async with database.transaction() as session:
        if transaction is None:
            return await told(session, subject)
        given = {"type": EventType.STOCK_ADJUSTED, "version": 1, "source": "holdfast", "correlation_id": "a test"}
        row = EventRow(id=new_id("evt"), subject=subject, time=datetime.now(UTC), data={}, **given)
        row.transaction_id = str(transaction)
        session.add(row)
        return subject


async def read(database: Database, limit: int = 100) -> Sequence[str]:
    async with database.transaction() as session:
        return [event.subject for event in await cursors.unread(session, READER, limit)]


async def read_all(database: Database, count: int) -> list[str]:
    """So many, as soon as no other test's transaction runs on this cluster any more."""
    found: list[str] = []

    async def enough() -> bool:
        found.extend(await read(database))
        return len(found) >= count

    await eventually(enough)
    return found


async def test_each_event_is_read_once_in_batches_from_the_beginning_on(database: Database) -> None:
    await happened(database, "before")
    await begun(database)
    for number in range(5):
        await happened(database, f"{number}")
    await begun(database)

    async def all_there() -> bool:
        async with database.transaction() as session:
            seen = await cursors.unread(session, READER, 10)
            # Not read for good.
            await session.rollback()
        return len(seen) == 5

    await eventually(all_there)

    assert [await read(database, 2) for _ in range(4)] == [["0", "1"], ["2", "3"], ["4"], []]


async def test_an_event_of_a_transaction_that_still_runs_is_not_passed(database: Database) -> None:
    await begun(database)
    async with database.transaction() as slow:
        await told(slow, "slow")
        await happened(database, "quick")
        while_it_runs = await read(database)

    assert while_it_runs == []
    assert await read_all(database, 2) == ["slow", "quick"]
    assert await read(database) == []


async def test_a_transaction_that_is_rolled_back_holds_nothing_back(database: Database) -> None:
    await begun(database)
    async with database.transaction() as session:
        await told(session, "never")
        await session.rollback()
    await happened(database, "quick")

    assert await read_all(database, 1) == ["quick"]


async def test_what_is_read_in_a_transaction_that_fails_is_read_again(database: Database) -> None:
    await begun(database)
    await happened(database, "one")

    async def seen_in_vain() -> bool:
        async with database.transaction() as session:
            seen = await cursors.unread(session, READER, 10)
            await session.rollback()
        return len(seen) == 1

    await eventually(seen_in_vain)

    assert await read(database) == ["one"]


async def test_a_log_that_was_restored_from_another_cluster_is_read_on_and_past(database: Database) -> None:
    await begun(database)
    await happened(database, "read there", ELSEWHERE)
    await happened(database, "left unread there", ELSEWHERE + 1)
    async with database.transaction() as session:
        read_there = select(func.min(EventRow.sequence)).scalar_subquery()
        await session.execute(update(EventCursor).values(transaction_id=str(ELSEWHERE), sequence=read_there))
    await happened(database, "new here")

    assert await read(database) == ["left unread there"]
    assert await read_all(database, 1) == ["new here"]
    await happened(database, "newer")
    assert await read_all(database, 1) == ["newer"]


async def test_who_begins_on_a_restored_log_reads_what_is_new(database: Database) -> None:
    await happened(database, "old", ELSEWHERE)
    await begun(database)
    await happened(database, "new")

    assert await read_all(database, 1) == ["new"]
