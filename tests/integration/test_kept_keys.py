"""A key is kept for thirty days, with what was sent and answered under it, and then it is free again."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from db import commands
from db.tables import Request
from domain.orders import Role
from domain.sweep import KEPT
from tests.support.arena import Arena, same
from tests.support.behind import sweep

LITTLE = timedelta(minutes=5)


async def age(arena: Arena, by: timedelta) -> None:
    async with arena.database.transaction() as session:
        await session.execute(update(Request).values(created=Request.created - by))


async def claims(arena: Arena) -> list[Request]:
    async with arena.database.transaction() as session:
        return list(await session.scalars(select(Request).order_by(Request.created)))


async def test_within_thirty_days_a_repeat_gets_the_first_answer(arena: Arena) -> None:
    product = await arena.product()
    first = await arena.place(product, key="monthly")
    await age(arena, KEPT - LITTLE)

    await sweep(arena)

    assert same(await arena.place(product, key="monthly"), first)


async def test_after_thirty_days_nothing_is_known_of_a_call_and_its_key_is_free(arena: Arena) -> None:
    product = await arena.product()
    first = (await arena.place(product, key="monthly")).json()
    await age(arena, KEPT + LITTLE)

    await sweep(arena)

    [claim] = await claims(arena)
    assert (claim.body, claim.response, claim.command, claim.fingerprint) == (None, None, None, b"")
    assert "monthly" not in claim.key
    # The order stands as it stood, and what was asked for a month ago can be asked for again.
    assert (await arena.order(first["id"]))["shipping_address"] == first["shipping_address"]
    assert (await arena.place(product, key="monthly", quantity=2)).json()["id"] != first["id"]
    assert (await arena.audit())[1] == ()


async def test_a_command_that_still_has_to_be_told_is_kept_for_as_long_as_that_takes(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()
    await arena.insist(order, "ship", Role.SELLER)
    async with arena.database.transaction() as session:
        await session.execute(update(Request).where(Request.verb == "ship").values(owed=True))
    await age(arena, 2 * KEPT)

    async with arena.database.transaction() as session:
        await commands.let_go(session, datetime.now(UTC) - KEPT)

    placing, shipping = await claims(arena)
    assert placing.body is None
    assert shipping.body is not None
    assert shipping.command is not None
