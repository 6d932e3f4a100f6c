"""Products are changed by who owns them, under the version that was read; what is not for sale nobody orders."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, update

from db.ids import new_id
from db.tables import OrderLine, Product
from domain.orders import Role
from tests.support.arena import Arena, order_body
from tests.support.catalogue import another, category, event_data, listed, new_product, send
from tests.support.locks import until_waiting

pytestmark = pytest.mark.idle


async def test_a_product_has_what_was_sent_of_it(arena: Arena) -> None:
    await category(arena, "lights")
    sent = {
        "name": "Deck light",
        "description": "Of brass.",
        "price": {"amount": 4550, "currency": "EUR"},
        "category": "lights",
        "image_url": "https://a.example/light.png",
        "tax_code": "reduced",
        "low_stock_threshold": 2,
    }

    made = await send(arena, "POST", "/v1/products", Role.SELLER, {**sent, "stock": 7})

    product = made.json()
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert made.headers["Location"] == f"/v1/products/{product['id']}"
    assert product.items() >= {**sent, "stock": 7, "active": True, "version": 1}.items()
    assert product["seller_id"] == arena.people[Role.SELLER]
    assert await event_data(arena, product["id"], "product.created") == [
        {
            "actor_id": arena.people[Role.SELLER],
            "seller_id": arena.people[Role.SELLER],
            "price": 4550,
            "currency": "EUR",
            "active": True,
        }
    ]


async def test_a_change_leaves_alone_what_is_not_sent(arena: Arena) -> None:
    await category(arena, "lights")
    before = await new_product(arena, category="lights", description="Of brass.")
    path = f"/v1/products/{before['id']}"

    after = await send(arena, "PATCH", path, Role.SELLER, {"price": {"amount": 5000, "currency": "USD"}}, match='"1"')

    assert (after.status_code, after.headers["ETag"]) == (200, '"2"')
    changed = {"price": {"amount": 5000, "currency": "USD"}, "version": 2, "updated": after.json()["updated"]}
    assert after.json() == {**before, **changed}
    read = await send(arena, "GET", path)
    assert (read.json()["price"]["amount"], read.headers["ETag"]) == (5000, '"2"')
    assert [each["changed"] for each in await event_data(arena, before["id"], "product.updated")] == [["price"]]


async def test_null_takes_category_image_and_threshold_away(arena: Arena) -> None:
    await category(arena, "lights")
    before = await new_product(arena, category="lights", image_url="https://a.example/b", low_stock_threshold=3)
    nothing = {"category": None, "image_url": None, "low_stock_threshold": None}

    after = await send(arena, "PATCH", f"/v1/products/{before['id']}", Role.SELLER, nothing, match='"1"')

    assert after.json().items() >= {**nothing, "version": 2}.items()
    told = (await event_data(arena, before["id"], "product.updated"))[0]["changed"]
    assert told == ["category_id", "image_url", "low_stock_threshold"]


async def test_a_change_to_what_it_is_already_is_none(arena: Arena) -> None:
    product = await new_product(arena, low_stock_threshold=2)
    same = {"name": product["name"], "price": product["price"], "low_stock_threshold": 2}

    answer = await send(arena, "PATCH", f"/v1/products/{product['id']}", Role.SELLER, same, match='"1"')

    assert (answer.json(), answer.headers["ETag"]) == (product, '"1"')
    assert await event_data(arena, product["id"], "product.updated") == []


@pytest.mark.parametrize(
    ("match", "status", "code"), [(None, 428, "if_match_required"), ('"9"', 412, "version_changed")]
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_without_the_right_version_nothing_is_changed(
    arena: Arena, method: str, match: str | None, status: int, code: str
) -> None:
    product = await new_product(arena)
    body = {"name": "Lamp"} if method == "PATCH" else None

    refused = await send(arena, method, f"/v1/products/{product['id']}", Role.SELLER, body, match=match)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await send(arena, "GET", f"/v1/products/{product['id']}", Role.SELLER)).json() == product


async def test_of_changes_at_once_to_one_version_one_is_made(arena: Arena) -> None:
    product = await new_product(arena)
    path = f"/v1/products/{product['id']}"

    answers = await asyncio.gather(
        *(send(arena, "PATCH", path, Role.SELLER, {"name": f"Lamp {number}"}, match='"1"') for number in range(8))
    )

    assert sorted(each.status_code for each in answers) == [200, *[412] * 7]
    won = next(each.json()["name"] for each in answers if each.status_code == 200)
    seen = (await send(arena, "GET", path)).json()
    assert (seen["name"], seen["version"]) == (won, 2)
    assert len(await event_data(arena, product["id"], "product.updated")) == 1


async def test_a_change_waits_for_another_of_the_same_product(arena: Arena, owner_dsn: str) -> None:
    product = await new_product(arena)

    async with arena.database.transaction() as session:
        first = update(Product).where(Product.id == product["id"])
        await session.execute(first.values(name="First", version=Product.version + 1))
        second = asyncio.create_task(
            send(arena, "PATCH", f"/v1/products/{product['id']}", Role.SELLER, {"name": "Second"}, match='"1"')
        )
        await until_waiting(owner_dsn)

    assert (await second).status_code == 412


async def test_another_seller_finds_no_such_product_to_change(arena: Arena) -> None:
    product, stranger = await new_product(arena), await another(arena, Role.SELLER)
    path = f"/v1/products/{product['id']}"

    answers = [
        await send(arena, "PATCH", path, stranger, {"name": "Mine"}, match="*"),
        await send(arena, "DELETE", path, stranger, match="*"),
        await send(arena, "POST", f"{path}/stock", stranger, {"delta": 1, "reason": "received"}),
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(404, "not_found")}
    assert (await send(arena, "GET", path, Role.SELLER)).json() == product


async def test_buyers_change_no_product(arena: Arena) -> None:
    path = f"/v1/products/{(await new_product(arena))['id']}"

    answers = [
        await send(arena, "POST", "/v1/products", Role.BUYER, {"name": "x", "price": {"amount": 1, "currency": "USD"}}),
        await send(arena, "PATCH", path, Role.BUYER, {"name": "Mine"}, match="*"),
        await send(arena, "DELETE", path, Role.BUYER, match="*"),
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "role_not_allowed")}


async def test_staff_change_everybody_s_products(arena: Arena) -> None:
    product = await new_product(arena)
    path = f"/v1/products/{product['id']}"

    changed = await send(arena, "PATCH", path, Role.ADMIN, {"name": "Lamp"}, match='"1"')
    deleted = await send(arena, "DELETE", path, Role.ADMIN, match='"2"')

    assert (changed.json()["name"], changed.json()["seller_id"]) == ("Lamp", product["seller_id"])
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [each["actor_id"] for each in await event_data(arena, product["id"], "product.deleted")] == [
        arena.people[Role.ADMIN]
    ]


async def test_what_is_set_aside_is_seen_by_its_seller_and_staff_only(arena: Arena) -> None:
    product = await new_product(arena, active=False)
    path, stranger = f"/v1/products/{product['id']}", await another(arena, Role.SELLER)

    seen = {
        who: (await send(arena, "GET", path, who)).status_code
        for who in (None, Role.BUYER, stranger, Role.SELLER, Role.ADMIN)
    }

    assert seen == {None: 404, Role.BUYER: 404, stranger: 404, Role.SELLER: 200, Role.ADMIN: 200}
    for who in (None, Role.BUYER, Role.SELLER, Role.ADMIN):
        assert await listed(arena, who=who) == []
        assert await listed(arena, "q=light", who) == []
        assert await listed(arena, f"seller={product['seller_id']}", who) == []


async def test_what_is_set_aside_is_listed_for_its_seller_and_for_staff_who_name_him(arena: Arena) -> None:
    aside, _ = await new_product(arena, active=False), await new_product(arena)
    seller, stranger = aside["seller_id"], await another(arena, Role.SELLER)

    assert await listed(arena, "active=false", Role.SELLER) == [aside["id"]]
    assert await listed(arena, f"active=false&seller={seller}", Role.ADMIN) == [aside["id"]]
    assert await listed(arena, "active=false", stranger) == []
    refused: list[tuple[Any, str, int]] = [
        (None, "active=false", 401),
        (Role.BUYER, "active=false", 403),
        (stranger, f"active=false&seller={seller}", 403),
        (Role.ADMIN, "active=false", 403),
        (Role.SELLER, "active=false&q=light", 422),
    ]
    for who, query, status in refused:
        assert (await send(arena, "GET", f"/v1/products?{query}", who)).status_code == status, query


async def test_the_threshold_is_its_seller_s_affair(arena: Arena) -> None:
    product = await new_product(arena, low_stock_threshold=2)
    path = f"/v1/products/{product['id']}"

    assert (await send(arena, "GET", path, Role.SELLER)).json()["low_stock_threshold"] == 2
    assert (await send(arena, "GET", path, Role.BUYER)).json()["low_stock_threshold"] is None
    assert (await send(arena, "GET", "/v1/products", Role.SELLER)).json()["data"][0]["low_stock_threshold"] is None


@pytest.mark.parametrize("how", ["set aside", "deleted"])
async def test_what_is_not_for_sale_is_not_ordered(arena: Arena, how: str) -> None:
    product = (await new_product(arena))["id"]
    path = f"/v1/products/{product}"
    if how == "deleted":
        await send(arena, "DELETE", path, Role.SELLER, match="*")
    else:
        await send(arena, "PATCH", path, Role.SELLER, {"active": False}, match="*")

    refused = await arena.place(product)

    assert (refused.status_code, refused.json()["code"]) == (422, "product_unavailable")
    assert (await arena.get("/v1/orders", Role.ADMIN))["data"] == []
    assert arena.stripe.requests() == []


@pytest.mark.idle(False)
async def test_an_order_goes_on_when_its_product_is_deleted(arena: Arena) -> None:
    product = await new_product(arena, stock=3)
    order = (await arena.place(product["id"], 2, capture="manual")).json()

    deleted = await send(arena, "DELETE", f"/v1/products/{product['id']}", Role.SELLER, match="*")

    assert deleted.status_code == 204
    assert [line["name"] for line in (await arena.order(order["id"]))["lines"]] == ["Deck light"]
    await arena.insist(order["id"], "ship", Role.SELLER)
    await arena.insist(order["id"], "deliver")
    await arena.until(order["id"], status="completed")
    _, findings = await arena.audit()
    assert findings == ()


async def test_a_deleted_product_is_there_for_nobody(arena: Arena) -> None:
    product = await new_product(arena)
    path = f"/v1/products/{product['id']}"
    await send(arena, "DELETE", path, Role.SELLER, match="*")

    answers = [
        *[await send(arena, "GET", path, who) for who in (None, Role.SELLER, Role.ADMIN)],
        await send(arena, "PATCH", path, Role.SELLER, {"active": True}, match="*"),
        await send(arena, "DELETE", path, Role.ADMIN, match="*"),
        await send(arena, "POST", f"{path}/stock", Role.SELLER, {"delta": 1, "reason": "received"}),
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(404, "not_found")}
    assert await listed(arena, "active=false", Role.SELLER) == []
    assert len(await event_data(arena, product["id"], "product.deleted")) == 1


@pytest.mark.idle(False)
async def test_orders_and_a_deletion_at_once_end_in_orders_or_refusals(arena: Arena) -> None:
    product = (await new_product(arena, stock=20))["id"]

    deleted, *placed = await asyncio.gather(
        send(arena, "DELETE", f"/v1/products/{product}", Role.SELLER, match="*"),
        *(arena.post("/v1/orders", order_body(product)) for _ in range(10)),
    )

    assert deleted.status_code == 204
    assert {(each.status_code, each.json().get("code")) for each in placed} <= {
        (201, None),
        (202, None),
        (422, "product_unavailable"),
    }
    ordered = {each.json()["id"] for each in placed if each.status_code in {201, 202}}
    for order in ordered:
        seen = await arena.order(order)
        assert seen["status"] in {"confirmed", "pending", "failed"}
    async with arena.database.transaction() as session:
        lines = await session.scalar(select(func.count()).select_from(OrderLine))
    assert lines is not None
    assert lines <= len(ordered)


async def test_a_product_that_never_was_is_not_found(arena: Arena) -> None:
    path = f"/v1/products/{new_id('prd')}"

    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert (await send(arena, method, path, Role.ADMIN, body, match="*")).status_code == 404


async def test_a_category_that_is_none_is_refused(arena: Arena) -> None:
    product = await new_product(arena)
    body = {"name": "x", "price": {"amount": 1, "currency": "USD"}, "category": "nowhere"}

    made = await send(arena, "POST", "/v1/products", Role.SELLER, body)
    moved = await send(arena, "PATCH", f"/v1/products/{product['id']}", Role.SELLER, {"category": "nowhere"}, match="*")

    assert {(each.status_code, each.json()["code"]) for each in (made, moved)} == {(422, "category_unknown")}
    assert await listed(arena) == [product["id"]]
