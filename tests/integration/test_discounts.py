"""Discount codes on orders: what they take off, how often they are used, and who bears them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from limits import parse
from sqlalchemy import select, update

from api.limits import Limits, Quota
from db.tables import Account, OrderLine
from domain.orders import Role
from tests.support.arena import Arena
from tests.support.ledger import sale_postings

TENTH: dict[str, Any] = {"code": "SPRING", "kind": "percentage", "percent": 10}
ALL_OF_IT: dict[str, Any] = {"code": "GIFT", "kind": "percentage", "percent": 100}


async def offer(arena: Arena, terms: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    created = await arena.post("/v1/discounts", {**(terms or TENTH), **more}, Role.ADMIN)
    assert created.status_code == 201, created.text
    return dict(created.json())


async def taken(arena: Arena, code: str = "SPRING") -> int:
    listed = (await arena.get("/v1/discounts", Role.ADMIN))["data"]
    return next(int(each["taken"]) for each in listed if each["code"] == code)


async def sold(arena: Arena, order: str) -> None:
    await arena.insist(order, "ship", Role.ADMIN)
    await arena.insist(order, "deliver")
    await arena.until(order, status="completed")


async def test_a_code_lowers_what_is_charged_and_taxed(arena: Arena) -> None:
    await offer(arena)

    placed = await arena.place(await arena.product(), discount_code=" spring ")

    order = placed.json()
    assert placed.status_code == 201, placed.text
    assert {name: each["amount"] for name, each in order["totals"].items()} == {
        "subtotal": 1999,
        "discount": 200,
        "tax": 130,
        "shipping": 500,
        "total": 2429,
    }
    assert (order["discount_code"], order["lines"][0]["discount"]["amount"]) == ("SPRING", 200)
    assert (await arena.truth(order["id"]))["captured"] == 2429


async def test_the_merchant_bears_the_discount_and_keeps_its_commission(arena: Arena) -> None:
    arena.rule(commission_rate="0.1")
    await offer(arena)
    order = (await arena.place(await arena.product(), discount_code="SPRING")).json()["id"]

    await sold(arena, order)

    assert await sale_postings(arena, order) == {
        "customer_funds_held": 2429,
        "discount_expense": 200,
        "seller_payable": -1799,
        "commission": -200,
        "shipping_income": -500,
        "tax_payable": -130,
    }
    assert (await arena.audit())[1] == ()


async def test_a_seller_s_own_rate_goes_before_the_usual_one_and_is_frozen_at_sale(arena: Arena) -> None:
    arena.rule(commission_rate="0.1")
    seller = arena.people[Role.SELLER]
    await _agree(arena, seller, "0.05")
    order = (await arena.place(await arena.product())).json()["id"]

    await _agree(arena, seller, "0.5")
    await sold(arena, order)

    assert (await sale_postings(arena, order))["commission"] == -100
    async with arena.database.transaction() as session:
        line = await session.scalar(select(OrderLine).where(OrderLine.order_id == order))
    assert line is not None
    assert (str(line.commission_rate), line.commission) == ("0.050000", 100)


async def _agree(arena: Arena, seller: str, rate: str) -> None:
    async with arena.database.transaction() as session:
        await session.execute(update(Account).where(Account.id == seller).values(commission_rate=rate))


async def test_an_order_that_costs_nothing_asks_no_provider(arena: Arena) -> None:
    await offer(arena, ALL_OF_IT)

    placed = await arena.place(await arena.product(), discount_code="GIFT", shipping_method="pickup")

    order = placed.json()
    assert (placed.status_code, order["status"], order["payment_status"]) == (201, "confirmed", "completed")
    assert order["totals"]["total"]["amount"] == 0
    await sold(arena, order["id"])
    assert [each for each in await asyncio.to_thread(arena.stripe.requests) if each["method"] == "POST"] == []
    assert await sale_postings(arena, order["id"]) == {"discount_expense": 1999, "seller_payable": -1999}
    assert (await arena.audit())[1] == ()


async def test_an_order_that_costs_nothing_is_cancelled_with_nothing_to_give_back(arena: Arena) -> None:
    await offer(arena, ALL_OF_IT)
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, discount_code="GIFT", shipping_method="pickup")).json()["id"]

    cancelled = await arena.insist(order, "cancel")

    assert (cancelled.json()["status"], cancelled.json()["payment_status"]) == ("cancelled", "cancelled")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    assert await taken(arena, "GIFT") == 0
    assert (await arena.audit())[1] == ()


async def test_a_repeated_free_order_is_one_order(arena: Arena) -> None:
    await offer(arena, ALL_OF_IT)
    product = await arena.product()
    wanted: dict[str, Any] = {"discount_code": "GIFT", "shipping_method": "pickup"}

    answers = await asyncio.gather(*(arena.place(product, key="the same", **wanted) for _ in range(4)))

    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["id"] for each in answers}) == 1
    assert await taken(arena, "GIFT") == 1


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"active": False}, "unknown"),
        ({"starts": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, "not_started"),
        ({"ends": (datetime.now(UTC) - timedelta(days=1)).isoformat()}, "ended"),
        ({"currency": "EUR"}, "other_currency"),
        ({"currency": "USD", "minimum": 2000}, "below_minimum"),
    ],
)
async def test_a_code_that_takes_nothing_off_places_no_order(arena: Arena, more: dict[str, Any], reason: str) -> None:
    await offer(arena, **more)
    product = await arena.product(on_hand=3)

    refused = await arena.place(product, discount_code="SPRING")

    assert (refused.status_code, refused.json()["code"]) == (422, "discount_not_applicable")
    assert f"({reason})" in refused.json()["detail"]
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    assert (await arena.get("/v1/orders"))["data"] == []
    assert await taken(arena) == 0
    assert await asyncio.to_thread(arena.stripe.requests) == []


async def test_a_code_that_nobody_made_places_no_order(arena: Arena) -> None:
    refused = await arena.place(await arena.product(), discount_code="NOBODYS")

    assert (refused.status_code, refused.json()["code"]) == (422, "discount_not_applicable")


async def test_buyers_at_once_never_use_a_code_more_often_than_it_may_be(arena: Arena) -> None:
    await offer(arena, uses=3)
    product = await arena.product()
    buyers = [await arena.new_account(Role.BUYER) for _ in range(8)]

    answers = await asyncio.gather(*(arena.place(product, who=buyer, discount_code="SPRING") for buyer in buyers))

    assert sorted(each.status_code for each in answers) == [201] * 3 + [409] * 5
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"discount_used_up"}
    assert await taken(arena) == 3
    assert (await arena.audit())[1] == ()


async def test_one_buyer_at_once_never_uses_a_code_more_often_than_a_buyer_may(arena: Arena) -> None:
    await offer(arena, uses_per_buyer=1)
    product = await arena.product()

    answers = await asyncio.gather(*(arena.place(product, discount_code="SPRING") for _ in range(4)))

    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]
    other = await arena.new_account(Role.BUYER)
    assert (await arena.place(product, who=other, discount_code="SPRING")).status_code == 201


async def test_a_use_comes_back_when_its_order_ends_without_a_sale(arena: Arena) -> None:
    await offer(arena, uses=1)
    product = await arena.product()
    first = (await arena.place(product, discount_code="SPRING")).json()["id"]
    assert (await arena.place(product, discount_code="SPRING")).status_code == 409

    await arena.insist(first, "cancel")

    assert await taken(arena) == 0
    assert (await arena.place(product, discount_code="SPRING")).status_code == 201
    assert (await arena.audit())[1] == ()


async def test_a_use_comes_back_when_its_order_expires(arena: Arena) -> None:
    await offer(arena, uses=1)
    arena.rule(payment_deadline=1)

    order = await arena.place(await arena.product(), card="pm_card_chargeDeclined", discount_code="SPRING")

    await arena.until(order.json()["id"], status="cancelled")
    assert await taken(arena) == 0


async def test_a_use_is_used_when_its_order_is_completed(arena: Arena) -> None:
    await offer(arena, uses=1)
    order = (await arena.place(await arena.product(), discount_code="SPRING")).json()["id"]

    await sold(arena, order)

    assert await taken(arena) == 1
    assert (await arena.audit())[1] == ()


async def test_out_of_stock_holds_no_use(arena: Arena) -> None:
    await offer(arena, uses=1)

    refused = await arena.place(await arena.product(on_hand=1), 2, discount_code="SPRING")

    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    assert await taken(arena) == 0


async def test_the_total_that_a_buyer_expects_has_the_discount_in_it(arena: Arena) -> None:
    await offer(arena)
    product = await arena.product()

    moved = await arena.place(product, discount_code="SPRING", expected_total=2644)
    agreed = await arena.place(product, discount_code="SPRING", expected_total=2429)

    assert (moved.status_code, moved.json()["code"]) == (409, "price_changed")
    assert agreed.status_code == 201
    assert await taken(arena) == 1


@pytest.mark.idle
async def test_guesses_at_codes_are_bounded_and_counted(arena: Arena) -> None:
    arena.app.state.limits = Limits({Quota.DISCOUNT_CODES: parse("2/hour")})
    items = [{"product_id": await arena.product(), "quantity": 1}]

    tried = [await arena.post("/v1/discounts/validate", {"code": f"GUESS{n}", "items": items}) for n in range(3)]

    assert [each.status_code for each in tried] == [200, 200, 429]
    registry = arena.app.state.metrics.registry
    assert registry.get_sample_value("holdfast_rate_limited_total", {"quota": "discount-codes"}) == 1


@pytest.mark.idle
async def test_a_repeated_order_is_one_guess(arena: Arena) -> None:
    arena.app.state.limits = Limits({Quota.DISCOUNT_CODES: parse("1/hour")})
    await offer(arena)
    product = await arena.product()

    # Temporal is away.
    again = [await arena.place(product, key="mine", discount_code="SPRING") for _ in range(3)]
    another = await arena.place(product, discount_code="SPRING")

    assert [each.status_code for each in (*again, another)] == [503, 503, 503, 429]


@pytest.mark.idle
async def test_buyers_try_a_code_and_see_those_that_are_listed(arena: Arena) -> None:
    await offer(arena, listed=True, uses=5)
    await offer(arena, {**TENTH, "code": "SECRET"})
    items = [{"product_id": await arena.product(), "quantity": 2}]

    tried = (await arena.post("/v1/discounts/validate", {"code": "secret", "items": items})).json()
    unknown = (await arena.post("/v1/discounts/validate", {"code": "NOBODYS", "items": items})).json()
    listed = (await arena.get("/v1/discounts"))["data"]

    assert (tried["valid"], tried["problem"]) == (True, None)
    assert (tried["subtotal"]["amount"], tried["discount"]["amount"]) == (3998, 400)
    assert (unknown["valid"], unknown["discount"]["amount"]) == (False, 0)
    assert [(each["code"], each["taken"], each["uses"]) for each in listed] == [("SPRING", None, None)]


async def test_only_staff_make_and_change_codes(arena: Arena) -> None:
    for who in (Role.BUYER, Role.SELLER):
        assert (await arena.post("/v1/discounts", TENTH, who)).status_code == 403
    discount = await offer(arena)
    path = f"/v1/discounts/{discount['id']}"

    refused = await arena.http.patch(path, json={"active": False}, headers=await arena.headers(Role.SELLER))
    changed = await arena.http.patch(path, json={"active": False, "uses": 7}, headers=await arena.headers(Role.ADMIN))

    assert refused.status_code == 403
    assert (changed.json()["active"], changed.json()["uses"]) == (False, 7)
    assert (await arena.place(await arena.product(), discount_code="SPRING")).status_code == 422


@pytest.mark.idle
@pytest.mark.parametrize(
    "change",
    [
        {"active": None},
        {"percent": 50},
        {"uses": 0},
        {"starts": "2026-01-02T00:00:00Z", "ends": "2026-01-01T00:00:00Z"},
        {"ends": "tomorrow"},
        {"ends": 1_799_000_000},
        {"ends": "1799000000"},
        # Of the year 10000, and before the year 1, in UTC: what PostgreSQL keeps and nobody can read back.
        {"ends": "9999-12-31T23:59:59-05:00"},
        {"starts": "0001-01-01T00:00:00+01:00"},
    ],
)
async def test_a_change_that_makes_no_sense_changes_nothing(arena: Arena, change: dict[str, Any]) -> None:
    discount = await offer(arena)
    path = f"/v1/discounts/{discount['id']}"

    refused = await arena.http.patch(path, json=change, headers=await arena.headers(Role.ADMIN))

    assert refused.status_code == 422, refused.text
    assert (await arena.get("/v1/discounts", Role.ADMIN))["data"] == [discount]


@pytest.mark.idle
async def test_a_code_is_there_once(arena: Arena) -> None:
    await offer(arena)

    again = await arena.post("/v1/discounts", {**TENTH, "code": "spring"}, Role.ADMIN)

    assert (again.status_code, again.json()["code"]) == (409, "discount_code_taken")
