"""Carts: what is in one and what it would cost, and that it becomes one order at most."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from db.ids import new_id
from db.tables import CartItem
from domain.carts import MAX_ITEMS
from domain.orders import Role
from tests.support.arena import Arena, same
from tests.support.carts import THERE, check_out, checkout, in_it, new_cart, put, seen
from tests.support.catalogue import another, send


async def problems(arena: Arena, cart: dict[str, Any], where: str = "") -> list[str]:
    answer = await send(arena, "GET", f"/v1/carts/{cart['id']}/checkout/validate?{where}", Role.BUYER)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["valid"] is (told["problems"] == [])
    return [each["code"] for each in told["problems"]]


async def change(arena: Arena, product: str, **fields: Any) -> None:
    answer = await send(arena, "PATCH", f"/v1/products/{product}", Role.SELLER, fields, match="*")
    assert answer.status_code == 200, answer.text


async def orders(arena: Arena) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await arena.get("/v1/orders", Role.ADMIN))["data"]
    return listed


async def test_a_new_cart_has_nothing_in_it(arena: Arena) -> None:
    made = await send(arena, "POST", "/v1/carts", Role.BUYER)

    cart = made.json()
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert made.headers["Location"] == f"/v1/carts/{cart['id']}"
    assert (cart["object"], cart["status"], cart["order_id"], cart["items"]) == ("cart", "open", None, [])
    assert await seen(arena, cart) == cart


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
    assert (await seen(arena, cart), await orders(arena)) == (cart, [])


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


async def test_an_order_has_what_was_in_the_cart_and_closes_it(arena: Arena) -> None:
    shackle, lamp = await arena.product(on_hand=9), await arena.product(on_hand=9)
    cart = await new_cart(arena, (shackle, 2), (lamp, 3))

    placed = await check_out(arena, cart, notes="At the gate, please.")

    order = placed.json()
    assert (placed.status_code, order["status"], order["payment_status"]) == (201, "confirmed", "completed")
    assert (in_it(order), order["notes"]) == ([(shackle, 2), (lamp, 3)], "At the gate, please.")
    closed = await seen(arena, cart)
    assert (closed["status"], closed["order_id"], in_it(closed)) == ("checked_out", order["id"], in_it(cart))
    path = f"/v1/carts/{cart['id']}"
    answers = [
        await put(arena, cart, shackle),
        await send(arena, "PATCH", f"{path}/items/{cart['items'][0]['id']}", Role.BUYER, {"quantity": 1}, match="*"),
        await send(arena, "DELETE", f"{path}/items/{cart['items'][0]['id']}", Role.BUYER, match="*"),
        await send(arena, "GET", f"{path}/checkout/summary?{THERE}", Role.BUYER),
        await send(arena, "GET", f"{path}/checkout/validate", Role.BUYER),
        await check_out(arena, cart),
    ]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(409, "cart_checked_out")}
    assert (await seen(arena, cart), len(await orders(arena))) == (closed, 1)


async def test_checkouts_at_once_with_different_keys_make_one_order(arena: Arena) -> None:
    product = await arena.product(on_hand=50)
    cart = await new_cart(arena, (product, 2))

    answers = await asyncio.gather(*(check_out(arena, cart, f"key {number}") for number in range(8)))

    assert sorted(each.status_code for each in answers) == [201, *[409] * 7]
    assert {each.json().get("code") for each in answers} == {None, "cart_checked_out"}
    (order,) = await orders(arena)
    assert (await seen(arena, cart))["order_id"] == order["id"]
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 48
    assert (await arena.truth(order["id"])).items() >= {"intents": 1, "captures": 1}.items()
    assert len([each for each in arena.stripe.requests() if each["path"] == "/v1/payment_intents"]) == 1


async def test_checkouts_at_once_with_one_key_get_one_answer(arena: Arena) -> None:
    cart = await new_cart(arena, (await arena.product(), 2))

    answers = await asyncio.gather(*(check_out(arena, cart, "once") for _ in range(8)))

    assert {each.status_code for each in answers} == {201}
    assert all(same(each, answers[0]) for each in answers)
    assert len(await orders(arena)) == 1


async def test_a_checkout_whose_answer_was_lost_is_answered_again(arena: Arena, owner_dsn: str) -> None:
    cart = await new_cart(arena, (await arena.product(), 2))
    first = await check_out(arena, cart, "again")
    replayed = await check_out(arena, cart, "again")
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        await connection.execute("UPDATE requests SET status = NULL, response = NULL")

    recalled = await check_out(arena, cart, "again")

    assert first.status_code == 201
    assert same(replayed, first)
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert same(recalled, first)
    assert len(await orders(arena)) == 1


async def test_a_refused_order_leaves_the_cart_open(arena: Arena) -> None:
    product = await arena.product(on_hand=1)
    cart = await new_cart(arena, (product, 2))

    refused = await check_out(arena, cart, "first")

    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    assert await seen(arena, cart) == cart
    assert same(await check_out(arena, cart, "first"), refused)
    body = {"delta": 5, "reason": "received"}
    await send(arena, "POST", f"/v1/products/{product}/stock", Role.SELLER, body)
    placed = await check_out(arena, cart, "second")
    assert placed.status_code == 201
    assert (await seen(arena, cart))["order_id"] == placed.json()["id"]


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"expected_total": 1}, 409, "price_changed"),
        ({"shipping_method": "pigeon"}, 422, "shipping_unavailable"),
        ({"items": []}, 422, "body_invalid"),
        ({"total": 1}, 422, "body_invalid"),
    ],
)
async def test_a_checkout_that_is_refused_changes_nothing(
    arena: Arena, more: dict[str, Any], status: int, code: str
) -> None:
    cart = await new_cart(arena, (await arena.product(), 1))

    refused = await check_out(arena, cart, **more)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await seen(arena, cart), await orders(arena), arena.stripe.requests()) == (cart, [], [])


async def test_an_empty_cart_is_not_checked_out(arena: Arena) -> None:
    cart = await new_cart(arena)

    refused = await check_out(arena, cart)

    assert (refused.status_code, refused.json()["code"]) == (422, "cart_empty")


async def test_a_checkout_needs_a_key(arena: Arena) -> None:
    cart = await new_cart(arena, (await arena.product(), 1))
    headers = await arena.headers(Role.BUYER)
    del headers["Idempotency-Key"]

    refused = await arena.http.post(f"/v1/carts/{cart['id']}/checkout", json=checkout(), headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_required")


async def test_a_cart_that_is_changed_while_it_is_checked_out_stays_open(arena: Arena) -> None:
    product = await arena.product(on_hand=9)
    cart = await new_cart(arena, (product, 1))
    await arena.stop_workers()
    arena.answer_within(1)
    accepted = await check_out(arena, cart, "early")
    assert (accepted.status_code, accepted.json()["status"]) == (202, "pending")
    assert (await arena.get(accepted.headers["Location"]))["status"] == "pending"

    changed = await put(arena, cart, product, 4)
    await arena.start_workers()
    arena.answer_within(10)

    refused = await arena.until(accepted.json()["id"], status="failed")
    assert refused["refusal"] == "cart_changed"
    assert (await seen(arena, cart), await orders(arena)) == (changed.json(), [])
    reused = await check_out(arena, cart, "early")
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency_key_reused")
    placed = await check_out(arena, cart, "late")
    assert (placed.status_code, in_it(placed.json())) == (201, [(product, 5)])


async def test_a_cart_that_is_changed_and_checked_out_at_once_is_ordered_as_it_was_or_not_at_all(arena: Arena) -> None:
    product = await arena.product(on_hand=900)
    for number in range(8):
        cart = await new_cart(arena, (product, 1))

        placed, changed = await asyncio.gather(check_out(arena, cart, f"key {number}"), put(arena, cart, product, 2))

        outcome = (placed.status_code, placed.json().get("code"), changed.status_code)
        assert outcome in {(201, None, 409), (201, None, 200), (409, "cart_changed", 200)}, (placed.text, changed.text)
        after = await seen(arena, cart)
        if placed.status_code == 201:
            assert (after["order_id"], in_it(after)) == (placed.json()["id"], in_it(placed.json()))
        else:
            assert (after["status"], in_it(after)) == ("open", [(product, 3)])


async def test_a_declined_order_is_the_cart_s_order_all_the_same(arena: Arena) -> None:
    cart = await new_cart(arena, (await arena.product(), 1))

    declined = await check_out(arena, cart, card="pm_card_chargeDeclined")

    assert (declined.status_code, declined.json()["status"]) == (201, "pending")
    assert declined.json()["next_action"]["type"] == "choose_method"
    assert (await seen(arena, cart))["order_id"] == declined.json()["id"]


async def test_the_same_key_checks_out_one_cart_only(arena: Arena) -> None:
    product = await arena.product()
    first, second = await new_cart(arena, (product, 1)), await new_cart(arena, (product, 1))
    await check_out(arena, first, "mine")

    refused = await check_out(arena, second, "mine")

    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")
    assert (await seen(arena, second))["status"] == "open"
    assert (await arena.place(product, key="mine")).status_code == 201
