"""Carts: what is in one, what it would cost, and what stands in the way of ordering it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from db import carts
from db.ids import new_id
from db.tables import CartItem
from domain.carts import MAX_ITEMS, MAX_OPEN
from domain.orders import Role
from tests.support.arena import Arena
from tests.support.carts import THERE, check_out, in_it, new_cart, put, seen
from tests.support.catalogue import another, send
from tests.support.locks import until_waiting

pytestmark = pytest.mark.idle


async def problems(arena: Arena, cart: dict[str, Any], where: str = "") -> list[str]:
    answer = await send(arena, "GET", f"/v1/carts/{cart['id']}/checkout/validate?{where}", Role.BUYER)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["valid"] is (told["problems"] == [])
    return [each["code"] for each in told["problems"]]


async def change(arena: Arena, product: str, **fields: Any) -> None:
    answer = await send(arena, "PATCH", f"/v1/products/{product}", Role.SELLER, fields, match="*")
    assert answer.status_code == 200, answer.text


async def test_a_new_cart_has_nothing_in_it(arena: Arena) -> None:
    made = await send(arena, "POST", "/v1/carts", Role.BUYER)

    cart = made.json()
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert made.headers["Location"] == f"/v1/carts/{cart['id']}"
    assert (cart["object"], cart["status"], cart["order_id"], cart["items"]) == ("cart", "open", None, [])
    assert await seen(arena, cart) == cart


@pytest.mark.idle(False)
async def test_a_buyer_has_so_many_open_carts_and_two_calls_at_once_do_not_make_more(arena: Arena) -> None:
    last = [await new_cart(arena) for _ in range(MAX_OPEN - 1)][-1]

    at_once = await asyncio.gather(*(send(arena, "POST", "/v1/carts", Role.BUYER) for _ in range(6)))

    assert sorted(each.status_code for each in at_once) == [201, *[409] * 5]
    assert {each.json()["code"] for each in at_once if each.status_code == 409} == {"carts_exhausted"}
    assert (await send(arena, "POST", "/v1/carts", await another(arena, Role.BUYER))).status_code == 201
    # What is checked out is open no more.
    await put(arena, last, await arena.product())
    assert (await check_out(arena, last)).status_code == 201
    assert (await send(arena, "POST", "/v1/carts", Role.BUYER)).status_code == 201
    assert (await send(arena, "POST", "/v1/carts", Role.BUYER)).status_code == 409


async def test_a_call_waits_for_another_that_takes_the_last_place(arena: Arena, owner_dsn: str) -> None:
    for _ in range(MAX_OPEN - 1):
        await new_cart(arena)

    async with arena.database.transaction() as session:
        await carts.begin(session, arena.people[Role.BUYER], datetime.now(UTC))
        second = asyncio.create_task(send(arena, "POST", "/v1/carts", Role.BUYER))
        await until_waiting(owner_dsn)

    assert (await second).status_code == 409


async def test_pieces_are_put_in_changed_and_taken_out(arena: Arena) -> None:
    shackle, lamp = await arena.product(price=1999), await arena.product(price=4550, name="Lamp")
    cart = await new_cart(arena, (shackle, 2), (lamp, 1))
    assert in_it(await seen(arena, cart)) == [(shackle, 2), (lamp, 1)]

    more = await put(arena, cart, shackle, 3)

    assert (more.status_code, in_it(more.json()), more.headers["ETag"]) == (200, [(shackle, 5), (lamp, 1)], '"4"')
    path = f"/v1/carts/{cart['id']}/items"
    first, second = (each["id"] for each in more.json()["items"])
    fewer = await send(arena, "PATCH", f"{path}/{first}", Role.BUYER, {"quantity": 1}, match='"4"')
    assert (in_it(fewer.json()), fewer.headers["ETag"]) == ([(shackle, 1), (lamp, 1)], '"5"')
    without = await send(arena, "DELETE", f"{path}/{first}", Role.BUYER, match='"5"')
    assert (without.status_code, in_it(without.json()), without.headers["ETag"]) == (200, [(lamp, 1)], '"6"')
    again = await send(arena, "DELETE", f"{path}/{first}", Role.BUYER, match="*")
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    assert [each["id"] for each in (await seen(arena, cart))["items"]] == [second]


@pytest.mark.parametrize(("match", "status"), [(None, 428), ('"1"', 412)])
async def test_a_cart_that_another_tab_changed_is_not_overwritten(arena: Arena, match: str | None, status: int) -> None:
    cart = await new_cart(arena, (await arena.product(), 2))
    path = f"/v1/carts/{cart['id']}/items/{cart['items'][0]['id']}"

    answers = [
        await send(arena, "PATCH", path, Role.BUYER, {"quantity": 9}, match=match),
        await send(arena, "DELETE", path, Role.BUYER, match=match),
    ]

    assert {each.status_code for each in answers} == {status}
    assert await seen(arena, cart) == cart


async def test_a_repeat_with_the_version_puts_in_once(arena: Arena) -> None:
    product, cart = await arena.product(), await new_cart(arena)

    answers = await asyncio.gather(*(put(arena, cart, product, 2, match='"1"') for _ in range(5)))

    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412, 412]
    assert in_it(await seen(arena, cart)) == [(product, 2)]


async def test_pieces_that_are_put_in_at_once_all_count(arena: Arena) -> None:
    product, cart = await arena.product(), await new_cart(arena)

    await asyncio.gather(*(put(arena, cart, product) for _ in range(6)))

    assert in_it(await seen(arena, cart)) == [(product, 6)]


async def test_another_s_cart_does_not_exist(arena: Arena) -> None:
    product = await arena.product()
    cart, stranger = await new_cart(arena, (product, 1)), await another(arena, Role.BUYER)
    path, item = f"/v1/carts/{cart['id']}", cart["items"][0]["id"]

    answers = [
        await send(arena, "GET", path, stranger),
        await put(arena, cart, product, 1, stranger),
        await send(arena, "PATCH", f"{path}/items/{item}", stranger, {"quantity": 2}, match="*"),
        await send(arena, "DELETE", f"{path}/items/{item}", stranger, match="*"),
        await send(arena, "GET", f"{path}/checkout/summary?{THERE}", stranger),
        await send(arena, "GET", f"{path}/checkout/validate", stranger),
        await check_out(arena, cart, who=stranger),
        await send(arena, "GET", f"/v1/carts/{new_id('crt')}", Role.BUYER),
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(404, "not_found")}
    assert (await send(arena, "GET", path, Role.SELLER)).status_code == 403
    assert (await send(arena, "GET", path)).status_code == 401
    assert (await seen(arena, cart), (await arena.get("/v1/orders", Role.ADMIN))["data"]) == (cart, [])


async def test_an_item_of_another_cart_is_not_changed_through_one_s_own(arena: Arena) -> None:
    product = await arena.product()
    mine, other = await new_cart(arena, (product, 1)), await new_cart(arena, (product, 1))
    path = f"/v1/carts/{mine['id']}/items/{other['items'][0]['id']}"

    changed = await send(arena, "PATCH", path, Role.BUYER, {"quantity": 9}, match="*")
    removed = await send(arena, "DELETE", path, Role.BUYER, match="*")

    assert (changed.status_code, removed.status_code) == (404, 404)
    assert await seen(arena, other) == other


async def test_what_is_not_for_sale_is_not_put_in(arena: Arena) -> None:
    cart, gone = await new_cart(arena), await arena.product()
    await change(arena, gone, active=False)

    answers = [await put(arena, cart, gone), await put(arena, cart, new_id("prd"))]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(422, "product_unavailable")}
    assert (await seen(arena, cart))["version"] == 1


async def test_a_cart_takes_as_much_as_an_order(arena: Arena) -> None:
    goods = [await arena.product() for _ in range(MAX_ITEMS + 1)]
    cart = await new_cart(arena, (goods[0], 99_999))
    async with arena.database.transaction() as session:
        session.add_all(
            CartItem(
                id=new_id("cit"),
                cart_id=cart["id"],
                product_id=each,
                quantity=1,
                unit_price=1999,
                currency="USD",
                created=datetime.now(UTC),
            )
            for each in goods[1:-1]
        )

    one_more, pieces = await put(arena, cart, goods[-1]), await put(arena, cart, goods[0], 2)

    assert (one_more.status_code, one_more.json()["code"]) == (422, "cart_full")
    assert (pieces.status_code, pieces.json()["code"]) == (422, "cart_full")
    assert (await put(arena, cart, goods[0], 1)).status_code == 200
    assert len((await seen(arena, cart))["items"]) == MAX_ITEMS


@pytest.mark.idle(False)
async def test_the_summary_is_what_the_order_costs(arena: Arena) -> None:
    shackle, lamp = await arena.product(price=1999), await arena.product(price=4550, name="Lamp")
    cart = await new_cart(arena, (shackle, 3), (lamp, 1))

    summary = (await send(arena, "GET", f"/v1/carts/{cart['id']}/checkout/summary?{THERE}", Role.BUYER)).json()
    placed = await check_out(arena, cart, expected_total=summary["totals"]["total"]["amount"])

    order = placed.json()
    assert (placed.status_code, order["totals"]) == (201, summary["totals"])
    assert summary["totals"]["subtotal"] == {"amount": 3 * 1999 + 4550, "currency": "USD"}
    amounts = ("product_id", "name", "quantity", "unit_price", "subtotal", "discount", "tax", "total")
    assert [{name: line[name] for name in amounts} for line in order["lines"]] == [
        {name: line[name] for name in amounts} for line in summary["lines"]
    ]
    assert [line["item_id"] for line in summary["lines"]] == [each["id"] for each in cart["items"]]


@pytest.mark.parametrize("region", ["CA", "ca", "%20Ca%20"])
async def test_a_region_is_taxed_however_it_is_written(arena: Arena, region: str) -> None:
    cart = await new_cart(arena, (await arena.product(price=2000), 1))
    where = f"country=US&region={region}&postal_code=94601"

    summary = (await send(arena, "GET", f"/v1/carts/{cart['id']}/checkout/summary?{where}", Role.BUYER)).json()

    assert summary["totals"]["tax"]["amount"] == 145


async def test_a_summary_is_refused_as_the_order_would_be(arena: Arena) -> None:
    dollars, euros = await arena.product(), await arena.product(currency="EUR")
    empty, mixed, one = (
        await new_cart(arena),
        await new_cart(arena, (dollars, 1), (euros, 1)),
        await new_cart(arena, (dollars, 1)),
    )

    async def refusal(cart: dict[str, Any], where: str = THERE) -> tuple[int, str]:
        answer = await send(arena, "GET", f"/v1/carts/{cart['id']}/checkout/summary?{where}", Role.BUYER)
        return answer.status_code, answer.json()["code"]

    assert await refusal(empty) == (422, "cart_empty")
    assert await refusal(mixed) == (422, "mixed_currencies")
    assert await refusal(one, f"{THERE}&shipping_method=pigeon") == (422, "shipping_unavailable")
    assert await refusal(one, "region=CA") == (422, "body_invalid")
    await change(arena, dollars, active=False)
    assert await refusal(one) == (422, "product_unavailable")


@pytest.mark.idle(False)
async def test_all_that_stands_in_the_way_is_told(arena: Arena) -> None:
    shackle, lamp, chart = [await arena.product(on_hand=5) for _ in range(3)]
    cart = await new_cart(arena, (shackle, 3), (lamp, 1), (chart, 1))
    assert await problems(arena, cart) == []

    await change(arena, shackle, price={"amount": 2500, "currency": "USD"})
    await arena.place(shackle, 3)
    await change(arena, lamp, active=False)
    await change(arena, chart, price={"amount": 1999, "currency": "EUR"})

    assert await problems(arena, cart) == [
        "out_of_stock", "price_changed", "product_unavailable", "price_changed", "mixed_currencies",
    ]  # fmt: skip


async def test_a_price_that_was_seen_again_is_no_problem(arena: Arena) -> None:
    shackle = await arena.product(price=1000)
    cart = await new_cart(arena, (shackle, 1))
    await change(arena, shackle, price={"amount": 1200, "currency": "USD"})
    assert await problems(arena, cart) == ["price_changed"]
    item = (await seen(arena, cart))["items"][0]
    assert (item["unit_price"]["amount"], item["price"]["amount"]) == (1000, 1200)

    path = f"/v1/carts/{cart['id']}/items/{item['id']}"
    await send(arena, "PATCH", path, Role.BUYER, {"quantity": 1}, match="*")

    assert await problems(arena, cart) == []


async def test_with_a_country_it_is_looked_whether_anything_goes_there(arena: Arena) -> None:
    cart = await new_cart(arena, (await arena.product(currency="CHF"), 1))

    assert await problems(arena, cart) == []
    assert await problems(arena, cart, THERE) == ["shipping_unavailable"]
    assert await problems(arena, await new_cart(arena), THERE) == ["cart_empty"]
