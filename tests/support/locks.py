"""Whether somebody waits for the lock of another: what a test of a lock has to see before it lets go of it."""

import psycopg

from tests.support.arena import eventually


async def until_waiting(dsn: str) -> None:
    """Until a transaction in the database waits for the lock of another."""
    await eventually(lambda: _waiting(dsn), why="nobody waited for a lock")


async def _waiting(dsn: str) -> bool:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        found = await connection.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return found.rowcount > 0
