"""Stock under concurrency: never oversold, given back or taken exactly once, and every change has its movement."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from db import stock
from db.ids import new_id
from db.session import Database
from db.tables import Hold, HoldState, Product, Stock, StockMovement
from domain.errors import OutOfStock, ResourceNotFound, StockBelowHeld
from domain.events import Cause
from domain.orders import Role
from tests.support.arena import Arena, order_body
from tests.support.trade import Trade


@pytest_asyncio.fixture
async def shop(database: Database) -> Trade:
    trade = Trade(database)
    await trade.open()
    return trade


async def product(shop: Trade, on_hand: int) -> str:
    identity = new_id("prd")
    async with shop.database.transaction() as session:
        session.add(
            Product(
                id=identity,
                seller_id=shop.people[Role.SELLER],
                own_sale=False,
                name="Shackle",
                price=100,
                currency="USD",
                created=shop.at,
                updated=shop.at,
            )
        )
        await session.flush()
        stock.open_stock(session, identity, on_hand, shop.at)
    return identity


async def orders(shop: Trade, count: int) -> list[str]:
    """Orders to hold pieces for; what they hold of the shop's own product is their own affair."""
    for number in range(count):
        await shop.place(f"order {number}")
    return list(shop.orders.values())


def cause(shop: Trade) -> Cause:
    return Cause(at=shop.at, correlation_id="test")


async def held(shop: Trade, order: str, wanted: dict[str, int]) -> bool:
    """Whether the order got what it wanted."""
    try:
        async with shop.database.transaction() as session:
            await stock.hold(session, order, wanted, shop.at + timedelta(hours=1), cause(shop))
    except OutOfStock:
        return False
    return True


async def level(shop: Trade, identity: str) -> tuple[int, int]:
    """On hand and held."""
    async with shop.database.transaction() as session:
        row = await session.get_one(Stock, identity)
        return row.on_hand, row.held


async def held_in(shop: Trade, identity: str, state: HoldState) -> int:
    async with shop.database.transaction() as session:
        pieces = select(func.sum(Hold.quantity)).where(Hold.product_id == identity, Hold.state == state)
        return int(await session.scalar(pieces) or 0)


async def moved(shop: Trade, identity: str) -> list[int]:
    async with shop.database.transaction() as session:
        rows = select(StockMovement.delta).where(StockMovement.product_id == identity).order_by(StockMovement.id)
        return list(await session.scalars(rows))


async def release(shop: Trade, order: str) -> None:
    async with shop.database.transaction() as session:
        await stock.release(session, order)


async def take(shop: Trade, order: str, *products: str) -> None:
    async with shop.database.transaction() as session:
        await stock.take(session, order, "shipped", shop.at, products=set(products) or None)


async def adjust(shop: Trade, identity: str, delta: int, source: str = "") -> None:
    request = ("request", source or new_id("req"))
    async with shop.database.transaction() as session:
        await stock.adjust(session, identity, delta, reason="counted", source=request, cause=cause(shop))


async def test_what_is_held_stays_on_the_shelf_and_can_not_be_sold_again(shop: Trade) -> None:
    shackle, (first, second) = await product(shop, 5), await orders(shop, 2)

    assert await held(shop, first, {shackle: 3})
    assert not await held(shop, second, {shackle: 3})

    assert await level(shop, shackle) == (5, 3)
    assert await moved(shop, shackle) == [5]


async def test_a_refusal_says_what_is_missing_and_holds_nothing_of_the_order(shop: Trade) -> None:
    plenty, scarce, (order,) = await product(shop, 9), await product(shop, 2), await orders(shop, 1)

    with pytest.raises(OutOfStock) as refused:
        async with shop.database.transaction() as session:
            await stock.hold(session, order, {plenty: 1, scarce: 3}, shop.at, cause(shop))

    assert refused.value.values == {"product_id": scarce, "requested": 3, "available": 2}
    assert (await level(shop, plenty), await level(shop, scarce)) == ((9, 0), (2, 0))


async def test_what_was_never_stocked_is_out_of_stock(shop: Trade) -> None:
    shackle, (order,) = await product(shop, 0), await orders(shop, 1)

    assert not await held(shop, order, {shackle: 1})
    assert (await level(shop, shackle), await moved(shop, shackle)) == ((0, 0), [])


async def test_forty_buyers_of_twenty_five_pieces_get_twenty_five(shop: Trade) -> None:
    shackle, buyers = await product(shop, 25), await orders(shop, 40)

    got = await asyncio.gather(*(held(shop, order, {shackle: 1}) for order in buyers))

    assert sum(got) == 25
    assert await level(shop, shackle) == (25, 25)


async def test_buyers_of_the_same_goods_in_opposite_order_never_wait_for_each_other_for_ever(shop: Trade) -> None:
    first, second, buyers = await product(shop, 30), await product(shop, 30), await orders(shop, 40)
    baskets = [{first: 1, second: 1}, {second: 1, first: 1}]

    got = await asyncio.gather(*(held(shop, order, baskets[n % 2]) for n, order in enumerate(buyers)))

    assert sum(got) == 30
    assert (await level(shop, first), await level(shop, second)) == ((30, 30), (30, 30))


async def test_a_level_that_was_read_before_is_read_again_under_the_lock(shop: Trade) -> None:
    shackle, (early, late) = await product(shop, 5), await orders(shop, 2)

    async with shop.database.transaction() as session:
        assert (await session.get_one(Stock, shackle)).held == 0
        assert await held(shop, early, {shackle: 4})
        with pytest.raises(OutOfStock):
            await stock.hold(session, late, {shackle: 2}, shop.at, cause(shop))

    assert await level(shop, shackle) == (5, 4)


async def test_a_release_gives_back_once(shop: Trade) -> None:
    shackle, (order, other) = await product(shop, 5), await orders(shop, 2)
    await held(shop, order, {shackle: 3})
    await held(shop, other, {shackle: 2})

    await asyncio.gather(*(release(shop, order) for _ in range(5)))

    assert await level(shop, shackle) == (5, 2)
    assert await moved(shop, shackle) == [5]


async def test_what_is_taken_leaves_the_shelf_once(shop: Trade) -> None:
    shackle, (order, other) = await product(shop, 5), await orders(shop, 2)
    await held(shop, order, {shackle: 3})
    await held(shop, other, {shackle: 2})

    await asyncio.gather(*(take(shop, order) for _ in range(5)))

    assert await level(shop, shackle) == (2, 2)
    assert await moved(shop, shackle) == [5, -3]


@pytest.mark.parametrize(
    ("first", "then", "left"), [(take, release, (2, 0)), (release, take, (5, 0))], ids=["taken", "released"]
)
async def test_of_taking_and_releasing_the_first_counts(
    shop: Trade,
    first: Callable[[Trade, str], Awaitable[None]],
    then: Callable[[Trade, str], Awaitable[None]],
    left: tuple[int, int],
) -> None:
    shackle, (order,) = await product(shop, 5), await orders(shop, 1)
    await held(shop, order, {shackle: 3})

    await first(shop, order)
    await then(shop, order)

    assert await level(shop, shackle) == left


async def test_taking_and_releasing_at_once_ends_in_exactly_one_of_them(shop: Trade) -> None:
    shackle, buyers = await product(shop, 60), await orders(shop, 20)
    for order in buyers:
        await held(shop, order, {shackle: 3})

    await asyncio.gather(*(step(shop, order) for order in buyers for step in (take, release, take, release)))

    taken = await held_in(shop, shackle, HoldState.TAKEN)
    assert await level(shop, shackle) == (60 - taken, 0)
    assert sum(await moved(shop, shackle)) == 60 - taken


async def test_one_seller_s_goods_are_taken_without_the_other_s(shop: Trade) -> None:
    first, second, (order,) = await product(shop, 5), await product(shop, 5), await orders(shop, 1)
    await held(shop, order, {first: 2, second: 2})

    await take(shop, order, first)

    assert (await level(shop, first), await level(shop, second)) == ((3, 0), (5, 2))


async def test_what_is_held_can_not_be_taken_off_the_shelf(shop: Trade) -> None:
    shackle, (order,) = await product(shop, 5), await orders(shop, 1)
    await held(shop, order, {shackle: 3})

    with pytest.raises(StockBelowHeld) as refused:
        await adjust(shop, shackle, -3)

    assert refused.value.values == {"product_id": shackle, "held": 3, "on_hand": 2}
    assert (await level(shop, shackle), await moved(shop, shackle)) == ((5, 3), [5])
    await adjust(shop, shackle, -2)
    assert (await level(shop, shackle), await moved(shop, shackle)) == ((3, 3), [5, -2])


async def test_counting_and_selling_at_once_never_oversells(shop: Trade) -> None:
    shackle, buyers = await product(shop, 20), await orders(shop, 20)

    async def less() -> bool:
        try:
            await adjust(shop, shackle, -1)
        except StockBelowHeld:
            return False
        return True

    sold = [held(shop, order, {shackle: 1}) for order in buyers]
    done = await asyncio.gather(*(each for pair in zip(sold, (less() for _ in buyers), strict=True) for each in pair))

    got, lost = sum(done[::2]), sum(done[1::2])
    assert got + lost == 20
    assert await level(shop, shackle) == (20 - lost, got)
    assert sum(await moved(shop, shackle)) == 20 - lost


async def test_a_change_of_one_source_is_made_once(shop: Trade) -> None:
    shackle, source = await product(shop, 5), new_id("req")

    await asyncio.gather(*(adjust(shop, shackle, 2, source) for _ in range(5)))
    await adjust(shop, shackle, 2, source)

    assert (await level(shop, shackle), await moved(shop, shackle)) == ((7, 0), [5, 2])
    await adjust(shop, shackle, 2)
    assert (await level(shop, shackle), await moved(shop, shackle)) == ((9, 0), [5, 2, 2])


async def test_a_product_that_does_not_exist_has_no_stock_to_change(shop: Trade) -> None:
    with pytest.raises(ResourceNotFound):
        await adjust(shop, new_id("prd"), 1)


@pytest.mark.parametrize("seed", range(3))
async def test_movements_sum_to_what_is_on_hand_and_holds_to_what_is_held(shop: Trade, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - replayable on purpose
    goods = [await product(shop, 10) for _ in range(3)]
    for order in await orders(shop, 25):
        wanted = {each: chance.randint(1, 4) for each in chance.sample(goods, chance.randint(1, 3))}
        await held(shop, order, wanted)
        await chance.choice([release, take, take, lambda *_: asyncio.sleep(0)])(shop, order)
        await adjust(shop, chance.choice(goods), chance.randint(0, 4))

    for each in goods:
        on_hand, promised = await level(shop, each)
        assert promised == await held_in(shop, each, HoldState.HELD)
        assert on_hand == sum(await moved(shop, each))
        assert 0 <= promised <= on_hand


async def test_two_lines_of_one_product_count_together(arena: Arena) -> None:
    shackle = await arena.product(on_hand=3)
    twice = {**order_body(shackle), "items": [{"product_id": shackle, "quantity": 2}] * 2}

    refused = await arena.post("/v1/orders", twice)

    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    assert refused.json()["detail"] == f"4 of {shackle} were asked for; 3 can be sold."
    assert (await arena.get(f"/v1/products/{shackle}"))["stock"] == 3
    assert arena.stripe.requests() == []
