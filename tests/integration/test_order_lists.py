"""Orders are found by who bought and sold them, how and when they were paid, and by what people call them."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from db.ids import new_id
from domain.orders import Role
from tests.support.arena import Arena
from tests.support.parts import buy


async def found(arena: Arena, who: Role | str = Role.ADMIN, **asked: Any) -> list[str]:
    page = await arena.get(f"/v1/orders?{urlencode(asked)}", who)
    return [each["id"] for each in page["data"]]


async def test_staff_find_the_orders_of_one_buyer_or_seller(arena: Arena) -> None:
    other = await arena.new_account(Role.SELLER)
    stranger = await arena.new_account(Role.BUYER)
    mine = (await arena.placed(await arena.product())).json()["id"]
    theirs = (await arena.placed(await arena.product(seller=other), who=stranger)).json()["id"]

    assert await found(arena, buyer=stranger) == [theirs]
    assert await found(arena, seller=arena.people[Role.SELLER]) == [mine]
    assert await found(arena, seller=other, buyer=stranger) == [theirs]
    assert await found(arena, seller=other, buyer=arena.people[Role.BUYER]) == []
    assert await found(arena, buyer=new_id("acc")) == []


async def test_nobody_finds_another_s_orders_by_asking_for_them(arena: Arena) -> None:
    stranger = await arena.new_account(Role.BUYER)
    order = (await arena.placed(await arena.product(), who=stranger)).json()

    assert await found(arena, Role.BUYER, buyer=stranger) == []
    assert await found(arena, Role.BUYER, q=order["number"]) == []
    assert await found(arena, stranger, q=order["number"], buyer=stranger) == [order["id"]]


async def test_a_seller_learns_nothing_of_others_and_of_the_payment(arena: Arena) -> None:
    bought = await buy(arena)
    order = await arena.order(bought.id)
    [other] = [each["seller_id"] for each in order["fulfilments"] if each["id"] == bought.parts[1]]
    await bought.ship(1, tracking_number="TRACK-OF-BEN")
    await bought.call_off(0, Role.SELLER)
    await arena.until(bought.id, payment_status="partially_refunded")
    seen = (await arena.get("/v1/orders", Role.SELLER))["data"]

    assert [(each["id"], each["payment_status"]) for each in seen] == [(bought.id, "completed")]
    assert await found(arena, Role.SELLER, payment_status="completed") == [bought.id]
    assert await found(arena, Role.SELLER, payment_status="partially_refunded") == []
    assert await found(arena, Role.SELLER, seller=other) == []
    assert await found(arena, Role.SELLER, q="TRACK-OF-BEN") == []
    assert await found(arena, Role.SELLER, q=order["payments"][0]["number"]) == []
    assert await found(arena, Role.SELLER, q=order["number"]) == [bought.id]
    headers = await arena.headers(Role.SELLER)
    refused = await arena.http.get("/v1/orders?method=card", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_not_allowed")
    assert await found(arena, payment_status="partially_refunded", q="TRACK-OF-BEN") == [bought.id]


async def test_orders_are_found_by_all_that_people_call_them(arena: Arena) -> None:
    product = await arena.product()
    first, second = [(await arena.placed(product)).json() for _ in range(2)]
    await arena.insist(first["id"], "ship", Role.SELLER, tracking_number="JD0140")
    await arena.insist(second["id"], "cancel")
    refunded = await arena.until(second["id"], payment_status="refunded")
    payment, refund = refunded["payments"][0], refunded["refunds"][0]

    for named in (first["number"], first["number"].lower(), first["number"][2:], first["id"], "JD0140", " JD0140 "):
        assert await found(arena, q=named) == [first["id"]], named
    for named in (payment["number"], payment["id"], refund["number"], refund["id"]):
        assert await found(arena, Role.BUYER, q=named) == [second["id"]], named
    for named in ("O-1", "P-0", "X-100001", "O-" + "9" * 30, "²", "100%", "JD0", new_id("ord"), "ord_nonsense"):
        assert await found(arena, q=named) == [], named


async def test_orders_are_found_by_when_they_were_placed_and_how_they_are_paid(arena: Arena) -> None:
    product = await arena.product()
    first, second = [(await arena.placed(product)).json() for _ in range(2)]

    assert await found(arena, created_gte=second["created"]) == [second["id"]]
    assert await found(arena, created_lte=first["created"]) == [first["id"]]
    assert await found(arena, created_gte=first["created"], created_lte=second["created"]) == [
        second["id"],
        first["id"],
    ]
    assert await found(arena, created_gte=datetime(2100, 1, 1, tzinfo=UTC).isoformat()) == []
    for before_all in ("0001-01-01T00:00:00+14:00", "1970-01-01t00:00:00.5z", "0001-01-01T00:00:00Z"):
        assert await found(arena, created_gte=before_all) == [second["id"], first["id"]]
    assert await found(arena, created_gte="9999-12-31T23:59:59-14:00") == []
    assert await found(arena, method="card") == [second["id"], first["id"]]
    assert await found(arena, method="card", limit=1, starting_after=second["id"]) == [first["id"]]


@pytest.mark.idle
@pytest.mark.parametrize(
    "asked",
    [
        "created_gte=yesterday",
        "created_gte=2026-11-22T10:00:00",
        "created_gte=2026-11-22",
        "created_lte=0.5",
        "created_lte=1763892000",
        "buyer=me",
        "method=gold",
        "q=",
        "q=%00",
        "q=" + "x" * 101,
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(arena: Arena, asked: str) -> None:
    refused = await arena.http.get(f"/v1/orders?{asked}", headers=await arena.headers(Role.ADMIN))

    assert (refused.status_code, refused.json()["code"]) == (422, "body_invalid")


@pytest.mark.idle
@pytest.mark.parametrize("path", ["/v1/orders", "/v1/payments", "/v1/products", "/v1/incidents", "/v1/discounts"])
async def test_a_filter_that_is_not_known_is_refused_and_not_left_out(arena: Arena, path: str) -> None:
    refused = await arena.http.get(f"{path}?limit=1&stauts=pending", headers=await arena.headers(Role.ADMIN))

    assert (refused.status_code, refused.json()["code"]) == (422, "body_invalid")
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/query/stauts"]
