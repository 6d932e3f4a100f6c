"""One statement for all that a session holds: whatever the order of rows, and as exact as SQLAlchemy's own flush."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from db import batch
from db.ids import new_id
from db.session import Database
from db.tables import Account, EventRow, Product, Stock, TaxRateRow
from db.tables.declarative import Table
from domain.orders import Role

AT = datetime(2026, 3, 1, 12, 30, 15, 250_000, UTC)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is sent while the block lasts."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def seller() -> Account:
    identity = new_id("acc")
    email = f"{identity}@example.com"
    return Account(id=identity, email=email, name="S", role=Role.SELLER, password_hash="-", created=AT)


def product(of: Account, price: int = 100) -> Product:
    return Product(
        id=new_id("prd"),
        seller_id=of.id,
        own_sale=False,
        name="Shackle",
        price=price,
        currency="USD",
        created=AT,
        updated=AT,
    )


def told(subject: str, note: str | None, cause: str | None) -> EventRow:
    return EventRow(
        id=new_id("evt"),
        type="order.placed",
        version=1,
        time=AT,
        source="test",
        subject=subject,
        data={"note": note, "deep": {"list": [1, None, "x"]}},
        correlation_id="c",
        causation_id=cause,
    )


async def write(database: Database, *rows: Table) -> None:
    async with database.transaction() as session:
        session.add_all(rows)
        await batch.flush(session)


async def test_rows_refer_to_rows_that_come_later_and_go_in_one_statement(database: Database) -> None:
    owner = seller()
    goods = [product(owner), product(owner, 250)]
    with statements(database) as sent:
        await write(database, *(Stock(product_id=each.id, on_hand=5, held=0) for each in goods), *goods, owner)
    assert len(sent) == 1
    async with database.transaction() as session:
        rows = await session.execute(
            select(Product, Stock).join(Stock, Stock.product_id == Product.id).where(Product.seller_id == owner.id)
        )
        found = {row.id: (row.price, row.image_url, level.on_hand) for row, level in rows}
    assert found == {goods[0].id: (100, None, 5), goods[1].id: (250, None, 5)}


@pytest.mark.parametrize("count", [1, 2, 150])
async def test_rows_of_a_kind_keep_their_order_and_their_values(database: Database, count: int) -> None:
    subject = new_id("ord")
    notes = [None if number == 1 else f"{{'\"\\ {number}, NULL éß" for number in range(count)]
    await write(database, *(told(subject, note, None) for note in notes))
    async with database.transaction() as session:
        rows = list(
            await session.scalars(select(EventRow).where(EventRow.subject == subject).order_by(EventRow.sequence))
        )
    assert [row.data["note"] for row in rows] == notes
    assert {(row.time, row.causation_id, str(row.data["deep"])) for row in rows} == {
        (AT, None, "{'list': [1, None, 'x']}")
    }


async def test_the_number_of_rows_makes_no_new_statement(database: Database) -> None:
    with statements(database) as sent:
        for count in (2, 7, 90):
            await write(database, *(told(new_id("ord"), "n", None) for _ in range(count)))
    assert len(sent) == 3
    assert len(set(sent)) == 1


@pytest.mark.parametrize("count", [1, 3])
async def test_only_what_changed_is_written(database: Database, count: int) -> None:
    owner = seller()
    goods = [product(owner) for _ in range(count)]
    await write(database, owner, *goods)
    async with database.transaction() as session:
        rows = list(await session.scalars(select(Product).where(Product.seller_id == owner.id)))
        for number, row in enumerate(rows):
            row.price, row.image_url = 1000 + number, None if number else "rope"
        async with database.transaction() as other:
            for row in await other.scalars(select(Product).where(Product.seller_id == owner.id)):
                row.name = "Renamed meanwhile"
        await batch.flush(session)
    async with database.transaction() as session:
        found = await session.scalars(select(Product).where(Product.seller_id == owner.id).order_by(Product.price))
        assert [(row.name, row.price, row.image_url) for row in found] == [
            ("Renamed meanwhile", 1000 + number, None if number else "rope") for number in range(count)
        ]


async def test_a_written_row_is_as_if_it_had_been_read(database: Database) -> None:
    owner, rate = seller(), TaxRateRow(country="US", tax_code="x", rate=Decimal("0.0725"), valid_from=AT.date())
    async with database.transaction() as session:
        session.add_all([owner, rate])
        await batch.flush(session)
        with statements(database) as sent:
            assert await session.get(Account, owner.id) is owner
            await batch.flush(session)
            await session.flush()
        assert sent == []
        owner.name = "Changed after it was written"
        await batch.flush(session)
    async with database.transaction() as session:
        row = await session.get_one(Account, owner.id)
    assert row.name == "Changed after it was written"


async def test_one_refused_row_refuses_all_and_shows_nobody_its_values(database: Database) -> None:
    owner = seller()
    stranger = product(seller())
    with pytest.raises(IntegrityError) as refused:
        await write(database, owner, stranger)
    assert str(owner.email) not in str(refused.value)
    async with database.transaction() as session:
        assert await session.get(Account, owner.id) is None
