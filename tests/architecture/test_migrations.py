"""Migrations lead to the tables that the code has, down and up again, and guard what rows alone can't."""

import psycopg
import pytest
from alembic import command

from db.migrate import configuration, upgrade
from sandbox.postgres import Postgres


@pytest.fixture
def empty_dsn(postgres: Postgres, database_name: str) -> str:
    dsn = postgres.owner_dsn_of(database_name)
    command.downgrade(configuration(dsn), "base")
    return dsn


def test_the_schema_is_what_the_tables_say(owner_dsn: str) -> None:
    command.check(configuration(owner_dsn))


def test_every_migration_goes_down_and_up(empty_dsn: str) -> None:
    upgrade(empty_dsn)
    command.check(configuration(empty_dsn))


@pytest.mark.parametrize("table", ["events", "ledger_entries", "postings", "stock_movements"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET time = now()", "TRUNCATE {} CASCADE"])
async def test_a_log_is_only_appended_to_even_by_its_owner(owner_dsn: str, table: str, statement: str) -> None:
    if statement.startswith("UPDATE") and table in {"postings", "stock_movements"}:
        statement = "UPDATE {} SET amount = 1" if table == "postings" else "UPDATE {} SET delta = 1"
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            await connection.execute(statement.format(table))


async def test_an_unbalanced_entry_does_not_commit(owner_dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        await connection.execute("INSERT INTO ledger_accounts (account, asset) VALUES ('gas', 'USD')")
        with pytest.raises(psycopg.errors.CheckViolation, match="does not balance"):
            async with connection.transaction():
                await connection.execute(
                    "WITH entry AS (INSERT INTO ledger_entries (kind, source_kind, source_id, time)"
                    " VALUES ('sale', 'order', 'x', now()) RETURNING id)"
                    " INSERT INTO postings (entry_id, position, account_id, asset, amount)"
                    " SELECT entry.id, 0, account.id, 'USD', 5 FROM entry, ledger_accounts account"
                )


async def test_the_application_may_not_change_a_log_or_the_schema(postgres: Postgres, database_name: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.app_dsn_of(database_name), autocommit=True) as connection:
        for statement in (
            "DELETE FROM events",
            "DELETE FROM orders",
            "UPDATE postings SET amount = 1",
            "DROP TABLE holds",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement)
