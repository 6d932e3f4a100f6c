"""When little of a product is left its seller is told, once, in the transaction that made it so."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from db.ids import new_id
from db.tables import EventRow, Request, StockMovement
from domain.orders import Role
from tests.support.arena import Arena, same
from tests.support.catalogue import event_data, send


async def low(arena: Arena, product: str) -> list[tuple[int, int]]:
    """The levels and thresholds that were told of."""
    return [(each["stock"], each["threshold"]) for each in await event_data(arena, product, "stock.low")]


async def adjust(arena: Arena, product: str, delta: int, reason: str = "counted", **more: Any) -> int:
    body = {"delta": delta, "reason": reason, **more}
    return (await send(arena, "POST", f"/v1/products/{product}/stock", Role.SELLER, body)).status_code


async def test_an_order_that_leaves_little_is_told_of_once(arena: Arena) -> None:
    product = await arena.product(on_hand=6, low_at=3)

    await arena.place(product, 2)
    assert await low(arena, product) == []
    order = (await arena.place(product, 1)).json()
    assert await low(arena, product) == [(3, 3)]
    await arena.place(product, 1)

    assert await low(arena, product) == [(3, 3)]
    async with arena.database.transaction() as session:
        told = await session.scalar(select(EventRow).where(EventRow.type == "stock.low"))
        placed = await session.scalar(
            select(EventRow).where(EventRow.subject == order["id"], EventRow.type == "order.placed")
        )
    assert told is not None
    assert placed is not None
    assert (told.source, told.version, told.time) == (placed.source, placed.version, placed.time)
    assert (told.correlation_id, told.causation_id) == (placed.correlation_id, placed.causation_id)
    assert told.transaction_id == placed.transaction_id


async def test_it_is_told_again_after_the_level_rose(arena: Arena) -> None:
    product = await arena.product(on_hand=4, low_at=3)
    order = (await arena.place(product, 1, capture="manual")).json()
    assert await low(arena, product) == [(3, 3)]

    await arena.insist(order["id"], "cancel")
    assert await low(arena, product) == [(3, 3)]
    await arena.place(product, 3)

    assert await low(arena, product) == [(3, 3), (1, 3)]


@pytest.mark.idle
async def test_a_level_that_rises_to_the_threshold_has_not_risen_above_it(arena: Arena) -> None:
    product = await arena.product(on_hand=5, low_at=3)

    for delta in (-3, 1, -1, 2, -1):
        assert await adjust(arena, product, delta) == 200

    assert await low(arena, product) == [(2, 3), (3, 3)]


async def test_many_orders_at_once_are_told_of_once(arena: Arena) -> None:
    product = await arena.product(on_hand=12, low_at=5)

    placed = await asyncio.gather(*(arena.place(product) for _ in range(12)))

    assert {each.status_code for each in placed} <= {201, 202}
    for each in placed:
        await arena.until(each.json()["id"], status="confirmed")
    assert await low(arena, product) == [(5, 5)]


async def test_an_order_that_is_refused_tells_of_nothing(arena: Arena) -> None:
    scarce, plenty = await arena.product(on_hand=3, low_at=2), await arena.product(on_hand=9, low_at=8)
    items = [{"product_id": plenty, "quantity": 5}, {"product_id": scarce, "quantity": 4}]

    refused = await arena.place(plenty, items=items)

    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    assert (await low(arena, scarce), await low(arena, plenty)) == ([], [])


async def test_without_a_threshold_nothing_is_told(arena: Arena) -> None:
    product = await arena.product(on_hand=3)

    await arena.place(product, 2)
    await adjust(arena, product, -1)

    assert await low(arena, product) == []


async def test_the_last_piece_is_told_of_at_a_threshold_of_none(arena: Arena) -> None:
    product = await arena.product(on_hand=2, low_at=0)

    await arena.place(product, 1)
    assert await low(arena, product) == []
    await arena.place(product, 1)

    assert await low(arena, product) == [(0, 0)]


@pytest.mark.idle
async def test_a_threshold_above_the_level_waits_for_the_level_to_fall(arena: Arena) -> None:
    product = await arena.product(on_hand=5)
    path, threshold = f"/v1/products/{product}", {"low_stock_threshold": 8}

    assert (await send(arena, "PATCH", path, Role.SELLER, threshold, match="*")).status_code == 200
    await adjust(arena, product, -1)
    assert await low(arena, product) == []
    await adjust(arena, product, 10)
    await adjust(arena, product, -7)

    assert await low(arena, product) == [(7, 8)]


async def test_a_change_has_a_reason_an_actor_and_a_note_that_stays_with_the_request(arena: Arena) -> None:
    product = await arena.product(on_hand=5)
    await arena.place(product, 1)

    assert await adjust(arena, product, -2, "damaged", note="Fell off Ada's table") == 200

    assert await event_data(arena, product, "stock.adjusted") == [
        {"actor_id": arena.people[Role.SELLER], "delta": -2, "reason": "damaged", "on_hand": 3, "held": 1}
    ]
    async with arena.database.transaction() as session:
        moved = await session.scalars(
            select(StockMovement.reason).where(StockMovement.product_id == product).order_by(StockMovement.id)
        )
        assert list(moved) == ["opening", "damaged"]
        kept = await session.scalar(select(Request.body).where(Request.route == f"POST /v1/products/{product}/stock"))
        assert kept is not None
        assert kept["note"] == "Fell off Ada's table"
        told = await session.scalars(select(EventRow.data))
        assert "table" not in str(list(told))


@pytest.mark.idle
@pytest.mark.parametrize("reason", ["received", "counted", "damaged", "lost", "returned", "correction", "other"])
async def test_every_reason_is_taken(arena: Arena, reason: str) -> None:
    assert await adjust(arena, await arena.product(), -1, reason) == 200


@pytest.mark.idle
async def test_a_change_that_is_repeated_is_made_and_told_of_once(arena: Arena) -> None:
    product, key = await arena.product(on_hand=5, low_at=3), new_id("key")
    path, body = f"/v1/products/{product}/stock", {"delta": -2, "reason": "lost"}

    answers = await asyncio.gather(*(send(arena, "POST", path, Role.SELLER, body, key=key) for _ in range(5)))

    assert all(same(each, answers[0]) for each in answers)
    assert (answers[0].status_code, answers[0].json()["stock"]) == (200, 3)
    assert await low(arena, product) == [(3, 3)]
    assert len(await event_data(arena, product, "stock.adjusted")) == 1


async def test_what_orders_hold_is_not_counted_away(arena: Arena) -> None:
    product = await arena.product(on_hand=3, low_at=2)
    await arena.place(product, 2)

    assert await adjust(arena, product, -2) == 409

    assert await low(arena, product) == [(1, 2)]
    assert (await send(arena, "GET", f"/v1/products/{product}")).json()["stock"] == 1


async def test_a_seller_lists_what_little_is_left_of(arena: Arena) -> None:
    ben = await arena.new_account(Role.SELLER)
    little = await arena.product(on_hand=4, low_at=3)
    await arena.product(on_hand=4)
    await arena.product(on_hand=9, low_at=3)
    await arena.product(on_hand=1, low_at=3, active=False)
    his = await arena.product(on_hand=0, low_at=0, seller=ben)

    async def listed(query: str, who: Role) -> list[str]:
        return [each["id"] for each in (await arena.get(f"/v1/products?low_stock=true{query}", who))["data"]]

    assert await listed("", Role.SELLER) == []
    await arena.place(little, 1)
    assert await listed("", Role.SELLER) == [little]
    assert await listed(f"&seller={ben}", Role.ADMIN) == [his]


@pytest.mark.idle
@pytest.mark.parametrize(
    ("who", "query", "status"),
    [
        (Role.BUYER, "", 403),
        (None, "", 401),
        (Role.ADMIN, "", 403),
        (Role.SELLER, "&q=rope", 422),
        (Role.SELLER, "&active=false", 422),
    ],
)
async def test_others_do_not_list_it(arena: Arena, who: Role | None, query: str, status: int) -> None:
    headers = {} if who is None else await arena.headers(who)

    refused = await arena.http.get(f"/v1/products?low_stock=true{query}", headers=headers)

    assert refused.status_code == status
