"""What the tables declare about amounts and statuses holds in the migrated database: autogenerate forgets columns."""

from typing import Any

import psycopg
import pytest
from sqlalchemy import CheckConstraint

from db.session import Database
from db.tables import Table
from tests.support.trade import Trade


def declared() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for table in Table.metadata.tables.values():
        every: list[Any] = [*table.constraints, *(each for column in table.columns for each in column.constraints)]
        found |= {(table.name, str(each.name)) for each in every if isinstance(each, CheckConstraint)}
    return found


async def test_every_declared_check_is_in_the_database(owner_dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        rows = await connection.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"
        )
        there = {(table, name) for table, name in await rows.fetchall()}

    assert declared() - there == set()
    assert ("postings", "ck_postings_amount_not_zero") in there


@pytest.mark.parametrize("change", ["held = on_hand + 1", "held = -1", "on_hand = -1"])
async def test_the_database_itself_refuses_what_is_oversold(owner_dsn: str, database: Database, change: str) -> None:
    await Trade(database).open()

    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation, match="never_oversold"):
            await connection.execute(f"UPDATE stock SET {change}".encode())  # noqa: S608 - words of this file
        rows = await connection.execute("SELECT on_hand, held FROM stock")
        assert await rows.fetchall() == [(100, 0)]
