"""Who may see and do what: another's order does not exist, a seller has own lines only, a buyer ships nothing."""

import asyncio
from typing import Any

import httpx2
import pytest

from db.ids import new_id
from domain.orders import Role
from tests.support.arena import ADDRESS, Arena

CARD = {"method": "card", "payment_method_id": "pm_card_visa"}
UNTOUCHED = {"status": "confirmed", "payment_status": "completed"}


async def call(arena: Arena, method: str, path: str, account: str, role: Role, **body: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {arena.tokens.issue(account, role)}", "Idempotency-Key": new_id("key")}
    return await arena.http.request(method, path, headers=headers, json=body or None)


async def two_sellers(arena: Arena) -> tuple[Any, str, str]:
    """An order with goods of two sellers, and their accounts."""
    first, second = await arena.new_account(Role.SELLER), await arena.new_account(Role.SELLER)
    mine, theirs = await arena.product(price=1000, seller=first), await arena.product(price=3000, seller=second)
    items = [{"product_id": each, "quantity": 1} for each in (mine, theirs)]
    order = (await arena.place(mine, items=items)).json()
    assert (order["status"], len(order["lines"])) == ("confirmed", 2)
    return order, first, second


async def test_a_seller_sees_own_lines_and_never_how_the_buyer_paid(arena: Arena) -> None:
    order, first, second = await two_sellers(arena)

    seen = (await call(arena, "GET", f"/v1/orders/{order['id']}", first, Role.SELLER)).json()

    assert [line["seller_id"] for line in seen["lines"]] == [first]
    assert [each["seller_id"] for each in seen["fulfilments"]] == [first]
    assert seen["totals"]["total"] == {"amount": 1073, "currency": "USD"}
    assert (seen["payments"], seen["refunds"], seen["next_action"]) == ([], [], None)
    assert seen["shipping_address"]["line1"] == ADDRESS["line1"]
    told = str(seen)
    for hidden in (second, order["payments"][0]["id"], order["payments"][0]["number"], "pm_card", "pi_"):
        assert hidden not in told


async def test_a_seller_s_list_has_own_lines_of_own_orders_only(arena: Arena) -> None:
    order, first, _ = await two_sellers(arena)
    await arena.place(await arena.product())

    listed = (await call(arena, "GET", "/v1/orders", first, Role.SELLER)).json()["data"]

    assert [each["id"] for each in listed] == [order["id"]]
    assert [[line["seller_id"] for line in each["lines"]] for each in listed] == [[first]]
    assert listed[0]["payments"] == []


async def test_a_seller_of_none_of_it_finds_no_such_order(arena: Arena) -> None:
    order, *_ = await two_sellers(arena)
    stranger = await arena.new_account(Role.SELLER)

    answers = [
        await call(arena, "GET", f"/v1/orders/{order['id']}", stranger, Role.SELLER),
        await call(
            arena, "POST", f"/v1/orders/{order['id']}/ship", stranger, Role.SELLER, carrier="A", tracking_number="B"
        ),
        await call(arena, "POST", f"/v1/orders/{order['id']}/deliver", stranger, Role.SELLER, fulfilment_id=None),
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(404, "not_found")}
    assert (await arena.order(order["id"])).items() >= UNTOUCHED.items()


async def test_a_seller_ships_own_goods_and_not_another_s(arena: Arena) -> None:
    order, first, second = await two_sellers(arena)
    of = {each["seller_id"]: each["id"] for each in order["fulfilments"]}
    parcel = {"carrier": "DHL", "tracking_number": "JD01"}
    path = f"/v1/orders/{order['id']}/ship"

    refused = await call(arena, "POST", path, first, Role.SELLER, **parcel, fulfilment_id=of[second])

    assert refused.status_code in {403, 404, 409, 422}, refused.text
    assert {each["status"] for each in (await arena.order(order["id"]))["fulfilments"]} == {"pending"}
    shipped = await call(arena, "POST", path, first, Role.SELLER, **parcel)
    assert shipped.status_code == 200, shipped.text
    after = {each["seller_id"]: each["status"] for each in (await arena.order(order["id"]))["fulfilments"]}
    assert after == {first: "shipped", second: "pending"}


async def test_another_buyer_finds_no_such_order_and_changes_nothing(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()
    stranger = await arena.new_account(Role.BUYER)
    payment = order["payments"][0]["id"]

    answers = [
        await call(arena, "GET", f"/v1/orders/{order['id']}", stranger, Role.BUYER),
        await call(arena, "GET", f"/v1/orders/{order['id']}/payments", stranger, Role.BUYER),
        await call(arena, "GET", f"/v1/payments/{payment}", stranger, Role.BUYER),
        await call(arena, "POST", f"/v1/orders/{order['id']}/cancel", stranger, Role.BUYER, reason="mine"),
        await call(arena, "POST", f"/v1/orders/{order['id']}/deliver", stranger, Role.BUYER, fulfilment_id=None),
        await call(arena, "POST", f"/v1/orders/{order['id']}/pay", stranger, Role.BUYER, payment=CARD),
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(404, "not_found")}
    assert (await arena.order(order["id"])).items() >= UNTOUCHED.items()
    for path in ("/v1/orders", "/v1/payments"):
        assert (await call(arena, "GET", path, stranger, Role.BUYER)).json()["data"] == []


async def test_an_order_of_another_and_one_that_never_was_are_not_told_apart(arena: Arena) -> None:
    order, never = (await arena.place(await arena.product())).json()["id"], new_id("ord")
    stranger = await arena.new_account(Role.BUYER)

    theirs, nobodys = [
        (await call(arena, "GET", f"/v1/orders/{each}", stranger, Role.BUYER)).json() for each in (order, never)
    ]

    assert theirs["detail"].replace(order, never) == nobodys["detail"]
    assert {**theirs, "detail": "", "request_id": ""} == {**nobodys, "detail": "", "request_id": ""}


@pytest.mark.parametrize(
    ("verb", "who"),
    [("ship", Role.BUYER), ("pay", Role.SELLER), ("pay", Role.ADMIN)],
)
async def test_a_role_that_may_not_do_it_is_told_so_and_nothing_happens(arena: Arena, verb: str, who: Role) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()
    body: dict[str, Any] = {"payment": CARD} if verb == "pay" else {}
    before = arena.stripe.changes()

    refused = await arena.command(order, verb, who, **body)

    assert (refused.status_code, refused.json()["code"]) == (403, "role_not_allowed")
    after = await arena.order(order["id"])
    assert (after["status"], after["payment_status"]) == ("confirmed", "authorized")
    assert await asyncio.to_thread(arena.stripe.changes) == before


async def test_staff_ship_and_deliver_for_a_seller_and_see_everything(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()

    shipped = await arena.command(order, "ship", Role.ADMIN)
    delivered = await arena.command(order, "deliver", Role.ADMIN)

    assert (shipped.json()["status"], delivered.json()["status"]) == ("shipped", "delivered")
    assert [each["id"] for each in (await arena.get("/v1/payments", Role.ADMIN))["data"]] == [
        order["payments"][0]["id"]
    ]


async def test_staff_cancel_for_a_buyer(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()

    cancelled = await arena.insist(order, "cancel", Role.ADMIN)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


@pytest.mark.parametrize("who", [Role.SELLER, Role.ADMIN])
async def test_only_buyers_place_orders(arena: Arena, who: Role) -> None:
    product = await arena.product(on_hand=2)

    refused = await arena.place(product, who=who)

    assert (refused.status_code, refused.json()["code"]) == (403, "role_not_allowed")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2
    assert await asyncio.to_thread(arena.stripe.requests) == []


async def test_stock_is_changed_by_its_seller_and_by_staff_only(arena: Arena) -> None:
    product = await arena.product(on_hand=2)
    stranger = await arena.new_account(Role.SELLER)
    path, change = f"/v1/products/{product}/stock", {"delta": 5, "reason": "received"}

    by_buyer = await arena.post(path, change, Role.BUYER)
    by_stranger = await call(arena, "POST", path, stranger, Role.SELLER, **change)

    assert (by_buyer.status_code, by_stranger.status_code) == (403, 404)
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2
    assert (await arena.post(path, change, Role.SELLER)).json()["stock"] == 7
    assert (await arena.post(path, change, Role.ADMIN)).json()["stock"] == 12


async def test_a_seller_reads_no_payments(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()
    seller = arena.people[Role.SELLER]

    answers = [
        await call(arena, "GET", path, seller, Role.SELLER)
        for path in ("/v1/payments", f"/v1/payments/{order['payments'][0]['id']}", f"/v1/orders/{order['id']}/payments")
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "role_not_allowed")}
