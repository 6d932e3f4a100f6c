"""Bad input: every body that is not what a call takes is a 4xx problem, and nothing begins because of it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.api.enums.v1 import EventType

from db import incidents
from db.commands import CHECKOUT_ROUTE
from db.ids import new_id
from db.tables import Request
from domain.errors import BY_CODE
from domain.incidents import IncidentKind
from domain.orders import Role
from tests.support.arena import Arena, eventually, order_body
from tests.support.carts import new_cart, seen
from tests.support.wrong_bodies import (
    CARD,
    HALF_A_PAIR,
    HUGE,
    INVALID,
    NO_TEXT,
    NUL,
    OTHER_TYPES,
    PRODUCT,
    WRONG_ORDER,
    WRONG_PRODUCT,
    WRONG_SHIPMENT,
    Wrong,
    every_wrong_body,
)
from workflows.names import order_workflow_id


async def refusal(arena: Arena, path: str, content: bytes, who: Role, kind: str | None = "application/json") -> str:
    """Status and code of the problem that the API answers with, or what is wrong with the answer."""
    headers = {**await arena.headers(who), **({} if kind is None else {"Content-Type": kind})}
    answer = await arena.http.post(path, content=content, headers=headers)
    if answer.headers["Content-Type"] != "application/problem+json":
        return f"{answer.status_code} {answer.text[:200]}"
    problem = answer.json()
    assert BY_CODE[problem["code"]].status == answer.status_code == problem["status"], problem
    return f"{answer.status_code} {problem['code']}"


async def all_refused(arena: Arena, path: str, body: Mapping[str, Any], wrong: Wrong, who: Role) -> None:
    wanted, seen = {}, {}
    for name, (content, how) in every_wrong_body(body, wrong).items():
        wanted[name], seen[name] = how, await refusal(arena, path, content, who)
    for kind in OTHER_TYPES:
        name = f"as {kind}"
        wanted[name], seen[name] = INVALID, await refusal(arena, path, json.dumps(body).encode(), who, kind)

    assert {name: how for name, how in seen.items() if how != wanted[name]} == {}


async def claims(arena: Arena, route: str) -> int:
    async with arena.database.transaction() as session:
        return len(list(await session.scalars(select(Request.id).where(Request.route == route))))


async def started(arena: Arena) -> set[str]:
    """The ids of all workflows that Temporal has."""
    return {each.id async for each in arena.temporal.list_workflows()}


async def heard(arena: Arena, order_id: str) -> int:
    """How many commands the order's workflow was sent."""
    kind = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    handle = arena.temporal.get_workflow_handle(order_workflow_id(order_id))
    return len([event async for event in handle.fetch_history_events() if event.event_type == kind])


async def ready_for(arena: Arena, verb: str) -> dict[str, Any]:
    """An order that would take the command."""
    card = "pm_card_chargeDeclined" if verb == "pay" else "pm_card_visa"
    placed = (await arena.place(await arena.product(), card=card, capture="manual")).json()
    if verb == "deliver":
        await arena.command(placed, "ship", Role.SELLER)
    if verb == "release":
        await arena.command(placed, "hold", Role.ADMIN, reason="other")
    order: dict[str, Any] = await arena.order(placed["id"])
    return order


async def test_a_bad_order_starts_nothing_and_claims_nothing(arena: Arena) -> None:
    product = await arena.product()

    await all_refused(arena, "/v1/orders", order_body(product), WRONG_ORDER, Role.BUYER)

    assert await claims(arena, "POST /v1/orders") == 0
    assert arena.stripe.requests() == []
    # What Temporal lists comes late; what was started before this order is listed with it.
    order = (await arena.place(product)).json()["id"]
    await eventually(lambda: _lists(arena, order))
    assert await started(arena) == {order_workflow_id(order)}
    assert await claims(arena, "POST /v1/orders") == 1
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 99


async def _lists(arena: Arena, order: str) -> bool:
    return order_workflow_id(order) in await started(arena)


@pytest.mark.parametrize(
    ("verb", "who", "body", "wrong"),
    [
        ("pay", Role.BUYER, {"payment": CARD}, {"payment": (None, [], "card"), "payment/payment_method_id": (1, NUL)}),
        ("ship", Role.SELLER, {"carrier": "DHL", "tracking_number": "1"}, WRONG_SHIPMENT),
        ("deliver", Role.BUYER, {}, {"fulfilment_id": (1, "ful_1", NUL, new_id("ord"), [])}),
        ("cancel", Role.BUYER, {}, {"reason": (*NO_TEXT, "r" * 501, None), "restock": ("no", 0, None)}),
        ("hold", Role.ADMIN, {"reason": "other"}, {"reason": (*NO_TEXT, ""), "note": (*NO_TEXT, "n" * 2001, None)}),
        ("release", Role.ADMIN, {}, {"note": (*NO_TEXT, "n" * 2001, None)}),
    ],
)
async def test_a_bad_command_never_reaches_the_order(
    arena: Arena, verb: str, who: Role, body: Mapping[str, Any], wrong: Wrong
) -> None:
    order = await ready_for(arena, verb)
    path, before = f"/v1/orders/{order['id']}/{verb}", await heard(arena, order["id"])

    await all_refused(arena, path, body, wrong, who)

    assert await claims(arena, f"POST {path}") == 0
    assert await heard(arena, order["id"]) == before
    assert await arena.order(order["id"]) == order
    # The same call with the right body does reach it.
    await arena.command(order, verb, who, **body)
    assert await heard(arena, order["id"]) == before + 1


@pytest.mark.idle
async def test_a_bad_product_is_not_put_up_for_sale(arena: Arena) -> None:
    await all_refused(arena, "/v1/products", PRODUCT, WRONG_PRODUCT, Role.SELLER)

    assert (await arena.get("/v1/products"))["data"] == []
    assert (await arena.post("/v1/products", PRODUCT, Role.SELLER)).status_code == 201


@pytest.mark.idle
async def test_a_bad_stock_change_moves_no_piece(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    path = f"/v1/products/{product}/stock"
    wrong = {
        "delta": (1.5, "1", True, None, HUGE, -HUGE, 10**9 + 1),
        "reason": (*NO_TEXT, "", "delivery", "Received", None),
        "note": (*NO_TEXT, None, "n" * 501),
    }

    await all_refused(arena, path, {"delta": 1, "reason": "received"}, wrong, Role.SELLER)

    assert await claims(arena, f"POST {path}") == 0
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


@pytest.mark.idle
async def test_a_bad_category_does_not_grow_the_tree(arena: Arena) -> None:
    wrong = {
        "slug": (*NO_TEXT, "", " deck", "Deck", None),
        "name": (*NO_TEXT, "", " ", None, "n" * 101),
        "parent": (*NO_TEXT, "", "Deck"),
    }

    await all_refused(arena, "/v1/categories", {"slug": "deck", "name": "Deck"}, wrong, Role.ADMIN)

    assert (await arena.get("/v1/categories"))["data"] == []


@pytest.mark.idle
async def test_a_bad_item_is_not_put_into_a_cart(arena: Arena) -> None:
    product = await arena.product()
    cart = await new_cart(arena)
    wrong = {
        "product_id": (1, None, NUL, HALF_A_PAIR, "prd_" + "z" * 26, new_id("ord")),
        "quantity": (0, -1, 1.5, "1", True, None, 100_001, HUGE),
    }

    await all_refused(arena, f"/v1/carts/{cart['id']}/items", {"product_id": product, "quantity": 1}, wrong, Role.BUYER)

    assert await seen(arena, cart) == cart


@pytest.mark.idle
async def test_a_bad_checkout_claims_nothing_and_leaves_the_cart(arena: Arena) -> None:
    cart = await new_cart(arena, (await arena.product(), 1))
    wrong = {pointer: values for pointer, values in WRONG_ORDER.items() if not pointer.startswith("items")}
    whole = {name: value for name, value in order_body("").items() if name != "items"}

    await all_refused(arena, f"/v1/carts/{cart['id']}/checkout", whole, wrong, Role.BUYER)

    assert await claims(arena, CHECKOUT_ROUTE) == 0
    assert await seen(arena, cart) == cart


@pytest.mark.idle
async def test_an_incident_stays_open_after_bad_words(arena: Arena) -> None:
    async with arena.database.transaction() as session:
        await incidents.report(session, IncidentKind.PAYMENT_UNKNOWN, new_id("ord"), datetime.now(UTC))
    incident = (await arena.get("/v1/incidents", Role.ADMIN))["data"][0]

    await all_refused(arena, f"/v1/incidents/{incident['id']}/close", {"note": "done"}, {"note": NO_TEXT}, Role.ADMIN)

    assert (await arena.get("/v1/incidents", Role.ADMIN))["data"] == [incident]


@pytest.mark.idle
async def test_bad_credentials_are_refused(arena: Arena) -> None:
    body = {"email": "ada@example.com", "password": "secret"}
    wrong = {"email": (*NO_TEXT, "", "e" * 255), "password": (HALF_A_PAIR, 7, "", "p" * 201)}

    await all_refused(arena, "/v1/auth/login", body, wrong, Role.BUYER)


WRONG_NAME = (*NO_TEXT, "", " ", "n" * 201)


@pytest.mark.idle
async def test_nobody_registers_with_a_bad_body(arena: Arena) -> None:
    body = {"email": "ada@example.com", "password": "correct horse battery staple", "name": "Ada"}
    wrong: Wrong = {
        "email": (*NO_TEXT, "", "ada", "ada@", "@example.com", "a b@example.com", "a@b", "e" * 3_000, None),
        "password": (HALF_A_PAIR, 7, "", "fourteen chars", "p" * 201, None),
        "name": (*WRONG_NAME, None),
    }

    await all_refused(arena, "/v1/auth/register", body, wrong, Role.BUYER)

    assert (await arena.get("/v1/accounts?q=ada%40example.com", Role.ADMIN))["data"] == []


@pytest.mark.idle
async def test_a_bad_refresh_token_is_refused(arena: Arena) -> None:
    for call in ("refresh", "logout"):
        wrong: Wrong = {"refresh_token": (HALF_A_PAIR, 7, "", "t" * 201, None, [])}
        await all_refused(arena, f"/v1/auth/{call}", {"refresh_token": "hfr_"}, wrong, Role.BUYER)


QUERIES = [
    "limit=1000000000000000000000000000000", "limit=-1", "limit=1.5", "limit=NaN", "limit=", "limit=%00",
    "starting_after=%00", "starting_after=%ff", "ending_before=" + "x" * 65, "starting_after=ord_" + "z" * 26,
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/orders", ("status=%00", "payment_status=paid")),
        ("/v1/payments", ("status=%ff",)),
        (
            "/v1/products",
            (
                *(
                    "seller=%00",
                    "seller=me",
                    "q=%00",
                    "q=" + "x" * 201,
                    "category=Deck",
                    "category=%00",
                    "currency=usd",
                ),
                *("min_price=1", "min_price=x&currency=USD", "sort=price", "sort=age", "in_stock=perhaps"),
            ),
        ),
        ("/v1/incidents", ("open=perhaps", "kind=%00", "subject=%00", "subject=" + "x" * 65)),
        ("/v1/accounts", ("role=owner", "status=%00", "q=", "q=%00", "q=" + "x" * 101)),
    ],
)
async def test_a_bad_query_is_refused(quiet_arena: Arena, path: str, more: tuple[str, ...]) -> None:
    headers = await quiet_arena.headers(Role.ADMIN)

    answers = {query: await quiet_arena.http.get(f"{path}?{query}", headers=headers) for query in (*QUERIES, *more)}

    told = {query: (each.status_code, each.headers["Content-Type"]) for query, each in answers.items()}
    wanted = {(400, "application/problem+json"), (422, "application/problem+json")}
    assert {query: how for query, how in told.items() if how not in wanted} == {}


SCRIPTS = {
    "right to left": "\u0634\u0627\u0631\u0639 \u05e8\u05d7\u05d5\u05d1 12 \u202eabc\u202c",
    "combining": "e\u0301 \u00e9 Z\u0351\u036b\u0343a\u0300\u0301\u0302",
    "emoji": "\U0001f469\u200d\U0001f680 \U0001f1fa\U0001f1f8 \u2764\ufe0f \U0001f980",
    "beyond the basic plane": "\U00020000 \U0001d518",
    "unseen": "a\u200bb\u00adc\ufeffd\u2028e\u0001f",
    "markup": "<b>'; DROP TABLE orders; -- {{7*7}} %s \\u0000",
}


@pytest.mark.parametrize("script", SCRIPTS)
async def test_every_script_comes_back_as_it_was_written(arena: Arena, script: str) -> None:
    text = SCRIPTS[script]
    address = dict.fromkeys(("name", "line1", "line2", "city", "region"), text)
    body = order_body(await arena.product(), notes=text)
    body["shipping_address"] = {**body["shipping_address"], **address, "postal_code": text[:20].strip()}
    made = {**PRODUCT, "name": text, "description": text}

    product = (await arena.post("/v1/products", made, Role.SELLER)).json()
    placed = await arena.post("/v1/orders", body)
    shipped = await arena.command(placed.json(), "ship", Role.SELLER, carrier=text, tracking_number=text)

    seen = await arena.get(f"/v1/products/{product['id']}")
    assert (seen["name"], seen["description"]) == (text, text)
    assert (await arena.http.get("/v1/products", params={"q": text})).status_code == 200
    assert (placed.status_code, shipped.status_code) == (201, 200), placed.text + shipped.text
    order = await arena.get(f"/v1/orders/{placed.json()['id']}")
    assert order["notes"] == text
    assert order["shipping_address"] == {**body["shipping_address"], "country": "US"}
    assert [(each["carrier"], each["tracking_number"]) for each in order["fulfilments"]] == [(text, text)]


# What each call about an order or a payment takes; a new one is added here.
TAKES: dict[str, dict[str, Any]] = {
    "pay": {"payment": CARD},
    "ship": {"carrier": "DHL", "tracking_number": "1"},
    "hold": {"reason": "other"},
    "resolve": {"outcome": "paid", "evidence": "The bank's statement."},
}


@pytest.mark.parametrize("who", [Role.BUYER, Role.SELLER])
async def test_whatever_is_asked_about_another_s_order_it_is_not_there(arena: Arena, who: Role) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()
    known = {"order_id": order["id"], "payment_id": order["payments"][0]["id"]}
    never = {"order_id": new_id("ord"), "payment_id": new_id("pay")}
    stranger = await arena.new_account(who)
    token = {"Authorization": f"Bearer {arena.tokens.issue(stranger, who)}"}

    async def told(method: str, path: str) -> tuple[int, str]:
        body = None if method == "get" else TAKES.get(path.rpartition("/")[2], {})
        headers = {**token, "Idempotency-Key": new_id("key")}
        answer = await arena.http.request(method, path, headers=headers, json=body)
        return answer.status_code, answer.json()["code"]

    answers = {
        (method, path): (await told(method, path.format(**known)), await told(method, path.format(**never)))
        for path, operations in arena.app.openapi()["paths"].items()
        for method in operations
        if "{order_id}" in path or "{payment_id}" in path
    }

    hidden = ((404, "not_found"),) * 2, ((403, "role_not_allowed"),) * 2
    assert {call: how for call, how in answers.items() if how not in hidden} == {}
    assert hidden[0] in answers.values()
    assert await heard(arena, order["id"]) == 1
    assert (await arena.order(order["id"]))["status"] == "confirmed"
