"""Checkout: a cart becomes one order at most, of what is in it, and stays open when the order is refused."""

import asyncio
from typing import Any

import psycopg
import pytest

from db import carts
from domain.orders import Role
from tests.support.arena import Arena, same
from tests.support.carts import THERE, check_out, checkout, in_it, new_cart, put, seen
from tests.support.catalogue import send
from tests.support.locks import until_waiting


async def orders(arena: Arena) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await arena.get("/v1/orders", Role.ADMIN))["data"]
    return listed


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
    assert len({each["key"] for each in arena.stripe.changes() if each["path"] == "/v1/payment_intents"}) == 1


async def test_an_order_waits_for_another_that_takes_its_cart(arena: Arena, owner_dsn: str) -> None:
    product = await arena.product()
    cart = await new_cart(arena, (product, 2))
    other = (await arena.place(product)).json()["id"]

    async with arena.database.transaction() as session:
        await carts.check_out(session, cart["id"], cart["version"], other)
        await session.flush()
        second = asyncio.create_task(check_out(arena, cart, "second"))
        await until_waiting(owner_dsn)

    assert ((await second).status_code, (await second).json()["code"]) == (409, "cart_checked_out")


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


@pytest.mark.idle
async def test_an_empty_cart_is_not_checked_out(arena: Arena) -> None:
    cart = await new_cart(arena)

    refused = await check_out(arena, cart)

    assert (refused.status_code, refused.json()["code"]) == (422, "cart_empty")


@pytest.mark.idle
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
