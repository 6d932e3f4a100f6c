"""The ledger's rows: each fact posts once, entries balance and stand for ever, guarded balances move with them."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from db import ledger
from db.ids import new_id
from db.session import Database
from db.tables import Account as Person
from db.tables import LedgerAccount, LedgerEntry, LedgerPosting
from domain.ledger import Account, Entry, EntryKind, Posting, capture_entry, refund_entry
from domain.orders import Role
from tests.support.trade import Trade, captured

AT = datetime(2026, 3, 1, tzinfo=UTC)
A = Account


@pytest_asyncio.fixture
async def sellers(database: Database) -> list[str]:
    people = [new_id("acc") for _ in range(3)]
    async with database.transaction() as session:
        session.add_all(
            Person(id=each, email=f"{each}@example.com", name="", role=Role.SELLER, password_hash="", created=AT)
            for each in people
        )
    return people


def sale(source: str, *earned: tuple[str, int], asset: str = "USD") -> Entry:
    whole = Posting(account=A.CUSTOMER_FUNDS_HELD, asset=asset, amount=sum(amount for _, amount in earned))
    parts = [Posting(account=A.SELLER_PAYABLE, owner=who, asset=asset, amount=-amount) for who, amount in earned]
    return Entry(kind=EntryKind.SALE, source_kind="order", source_id=source, postings=(whole, *parts))


async def post(database: Database, entry: Entry) -> bool:
    async with database.transaction() as session:
        return await ledger.post(session, entry, AT)


async def balances(database: Database) -> dict[tuple[str, str | None, str], int | None]:
    """Stored balances; platform accounts have none."""
    async with database.transaction() as session:
        rows = await session.scalars(select(LedgerAccount))
        return {
            (row.account, row.owner_id, row.asset): None if row.balance is None else int(row.balance) for row in rows
        }


async def sums(database: Database) -> dict[tuple[str, str | None, str], int]:
    """What the postings of each account make; debit positive."""
    async with database.transaction() as session:
        rows = await session.execute(
            select(LedgerAccount.account, LedgerAccount.owner_id, LedgerAccount.asset, func.sum(LedgerPosting.amount))
            .join(LedgerPosting, LedgerPosting.account_id == LedgerAccount.id)
            .group_by(LedgerAccount.account, LedgerAccount.owner_id, LedgerAccount.asset)
        )
        return {(account, owner, asset): int(amount) for account, owner, asset, amount in rows}


async def count(database: Database, table: Any) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_a_fact_is_posted_with_all_its_postings(database: Database) -> None:
    assert await post(database, capture_entry("stripe", "op-1", "USD", 2644))

    assert await sums(database) == {
        (A.CLEARING_STRIPE, None, "USD"): 2644,
        (A.CUSTOMER_FUNDS_HELD, None, "USD"): -2644,
    }
    assert set((await balances(database)).values()) == {None}


async def test_a_fact_is_posted_once(database: Database, sellers: list[str]) -> None:
    assert await post(database, sale("ord-1", (sellers[0], 700)))

    assert not await post(database, sale("ord-1", (sellers[0], 700)))
    assert not await post(database, sale("ord-1", (sellers[0], 900)))

    assert (await balances(database))[A.SELLER_PAYABLE, sellers[0], "USD"] == 700
    assert (await count(database, LedgerEntry), await count(database, LedgerPosting)) == (1, 2)


async def test_the_same_source_may_post_one_entry_of_each_kind(database: Database) -> None:
    assert await post(database, capture_entry("stripe", "op-1", "USD", 500))
    assert await post(database, refund_entry("stripe", "op-1", "USD", 500))

    assert set((await sums(database)).values()) == {0}


async def test_ten_at_once_post_one_fact_once(database: Database, sellers: list[str]) -> None:
    posted = await asyncio.gather(*(post(database, sale("ord-1", (sellers[0], 700))) for _ in range(10)))

    assert sorted(posted) == [False] * 9 + [True]
    assert (await balances(database))[A.SELLER_PAYABLE, sellers[0], "USD"] == 700
    assert await count(database, LedgerEntry) == 1


async def test_sales_at_once_lose_nothing_of_a_seller_s_balance(database: Database, sellers: list[str]) -> None:
    first, second, third = sellers

    await asyncio.gather(
        *(
            post(database, sale(f"ord-{number}", *((first, 7), (second, 11), (third, 13))[:: -1 if number % 2 else 1]))
            for number in range(40)
        )
    )

    stored = await balances(database)
    assert [stored[A.SELLER_PAYABLE, each, "USD"] for each in sellers] == [280, 440, 520]
    totals = await sums(database)
    assert [totals[A.SELLER_PAYABLE, each, "USD"] for each in sellers] == [-280, -440, -520]
    assert totals[A.CUSTOMER_FUNDS_HELD, None, "USD"] == 1240


async def test_facts_that_open_the_same_accounts_at_once_never_wait_for_each_other_for_ever(
    database: Database,
) -> None:
    for currency in ("EUR", "GBP", "JPY", "KWD", "CHF"):
        await asyncio.gather(
            *(
                post(database, kind("stripe", f"op-{currency}-{number}", currency, 5))
                for number in range(8)
                for kind in (capture_entry, refund_entry)
            )
        )

    assert set((await sums(database)).values()) == {0}
    assert await count(database, LedgerEntry) == 80


async def test_owners_and_assets_are_accounts_of_their_own(database: Database, sellers: list[str]) -> None:
    await post(database, sale("ord-1", (sellers[0], 5), (sellers[1], 6)))
    await post(database, sale("ord-2", (sellers[0], 7), asset="EUR"))

    stored = await balances(database)
    assert {key: value for key, value in stored.items() if value is not None} == {
        (A.SELLER_PAYABLE, sellers[0], "USD"): 5,
        (A.SELLER_PAYABLE, sellers[1], "USD"): 6,
        (A.SELLER_PAYABLE, sellers[0], "EUR"): 7,
    }


async def test_token_amounts_of_seventy_digits_are_kept_exactly(database: Database, sellers: list[str]) -> None:
    huge = 10**70 + 1

    await post(database, sale("ord-1", (sellers[0], huge), asset="eip155:1/erc20:0x0"))

    assert (await balances(database))[A.SELLER_PAYABLE, sellers[0], "eip155:1/erc20:0x0"] == huge


async def test_a_seller_can_owe_and_a_wallet_can_not(database: Database, sellers: list[str]) -> None:
    def taken(account: Account) -> Entry:
        postings = (
            Posting(account=account, owner=sellers[0], asset="USD", amount=100),
            Posting(account=A.CUSTOMER_FUNDS_HELD, asset="USD", amount=-100),
        )
        return Entry(kind=EntryKind.REFUND, source_kind="refund", source_id=account, postings=postings)

    await post(database, taken(A.SELLER_PAYABLE))
    with pytest.raises(IntegrityError, match="wallet_not_overdrawn"):
        await post(database, taken(A.BUYER_WALLET))

    stored = await balances(database)
    assert stored[A.SELLER_PAYABLE, sellers[0], "USD"] == -100
    assert (A.BUYER_WALLET, sellers[0], "USD") not in stored
    assert await count(database, LedgerEntry) == 1


async def test_an_entry_goes_with_the_transaction_of_its_fact(database: Database) -> None:
    with pytest.raises(LookupError):
        await _post_and_fail(database)

    assert await count(database, LedgerEntry) == 0
    assert await post(database, capture_entry("stripe", "op-1", "USD", 2644))


async def _post_and_fail(database: Database) -> None:
    async with database.transaction() as session:
        await ledger.post(session, capture_entry("stripe", "op-1", "USD", 2644), AT)
        raise LookupError


async def _write(database: Database, entry: int | None, *amounts: int, asset: str = "USD") -> None:
    """Postings past the domain's own checks, to an entry that stands or to a new one."""
    async with database.transaction() as session:
        account = await session.scalar(select(func.min(LedgerAccount.id)))
        if entry is None:
            new = LedgerEntry(kind=EntryKind.SALE, source_kind="order", source_id="ord-1", time=AT)
            session.add(new)
            await session.flush()
            entry = new.id
        session.add_all(
            LedgerPosting(entry_id=entry, position=9 + at, account_id=account, asset=asset, amount=Decimal(amount))
            for at, amount in enumerate(amounts)
        )


@pytest.mark.parametrize("amounts", [[], [5], [5, -4], [2644, -2644, 1]])
async def test_the_database_itself_refuses_an_entry_that_does_not_balance(
    database: Database, amounts: list[int]
) -> None:
    await post(database, capture_entry("stripe", "op-1", "USD", 1))

    with pytest.raises(IntegrityError, match="does not balance"):
        await _write(database, None, *amounts)

    assert (await count(database, LedgerEntry), await count(database, LedgerPosting)) == (1, 2)


@pytest.mark.parametrize(
    ("amount", "asset", "refusal"),
    [(1, "USD", "does not balance"), (0, "USD", "amount_not_zero"), (1, "EUR", "fk_postings_account_id_asset")],
)
async def test_nothing_is_added_to_an_entry_that_stands(
    database: Database, amount: int, asset: str, refusal: str
) -> None:
    await post(database, capture_entry("stripe", "op-1", "USD", 1))
    async with database.transaction() as session:
        entry = await session.scalar(select(LedgerEntry.id))

    with pytest.raises(IntegrityError, match=refusal):
        await _write(database, entry, amount, asset=asset)

    assert await count(database, LedgerPosting) == 2


@pytest.mark.parametrize("table", ["ledger_entries", "postings", "events", "stock_movements"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_nobody_changes_what_was_written(
    database: Database, owner_dsn: str, database_name: str, postgres: Any, table: str, change: str
) -> None:
    trade = Trade(database)
    await trade.open()
    await trade.pay("paid", captured, authorized=True, captured=True)
    column = {"ledger_entries": "time", "postings": "asset", "events": "type", "stock_movements": "reason"}[table]
    statement = change.format(table, column, column)
    before = await _rows(owner_dsn, table)
    assert before

    for dsn in (owner_dsn, postgres.app_dsn_of(database_name)):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)):
            await _execute(dsn, statement)

    assert await _rows(owner_dsn, table) == before


async def _execute(dsn: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(statement.encode())


async def _rows(dsn: str, table: str) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        return await (await connection.execute(f"TABLE {table} ORDER BY 1, 2".encode())).fetchall()


async def test_a_completed_order_leaves_nothing_held_for_the_buyer(database: Database) -> None:
    trade = Trade(database)
    await trade.open()
    await trade.pay("order", captured, authorized=True, captured=True)
    assert (await sums(database))[A.CUSTOMER_FUNDS_HELD, None, "USD"] == -4788

    await trade.deliver("order")

    seller = trade.people[Role.SELLER]
    assert await sums(database) == {
        (A.CLEARING_STRIPE, None, "USD"): 4788,
        (A.CUSTOMER_FUNDS_HELD, None, "USD"): 0,
        (A.SELLER_PAYABLE, seller, "USD"): -3998,
        (A.SHIPPING_INCOME, None, "USD"): -500,
        (A.TAX_PAYABLE, None, "USD"): -290,
    }
    assert (await balances(database))[A.SELLER_PAYABLE, seller, "USD"] == 3998
