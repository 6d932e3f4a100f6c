"""Lists as Stripe has them, orders that are accepted but not yet recorded, and input that must never be a 500."""

import asyncio
import json
from typing import Any

import pytest

from domain.orders import Role
from tests.support.arena import ADDRESS, Arena, eventually, order_body

TOTAL = 2644


async def ids(arena: Arena, path: str) -> tuple[list[str], bool]:
    page = await arena.get(path, Role.ADMIN)
    assert page["object"] == "list"
    return [each["id"] for each in page["data"]], page["has_more"]


async def test_a_list_is_newest_first_and_read_page_by_page(arena: Arena) -> None:
    made = [await arena.product() for _ in range(5)][::-1]

    assert await ids(arena, "/v1/products") == (made, False)
    assert await ids(arena, "/v1/products?limit=2") == (made[:2], True)
    assert await ids(arena, f"/v1/products?limit=2&starting_after={made[1]}") == (made[2:4], True)
    assert await ids(arena, f"/v1/products?limit=2&starting_after={made[3]}") == (made[4:], False)
    assert await ids(arena, f"/v1/products?limit=2&starting_after={made[4]}") == ([], False)


async def test_a_list_is_read_back_from_an_item_to_newer_ones(arena: Arena) -> None:
    made = [await arena.product() for _ in range(5)][::-1]

    assert await ids(arena, f"/v1/products?limit=2&ending_before={made[4]}") == (made[2:4], True)
    assert await ids(arena, f"/v1/products?limit=2&ending_before={made[2]}") == (made[:2], False)
    assert await ids(arena, f"/v1/products?ending_before={made[0]}") == ([], False)


async def test_a_page_that_is_exactly_full_has_no_more(arena: Arena) -> None:
    made = [await arena.product() for _ in range(3)][::-1]

    assert await ids(arena, "/v1/products?limit=3") == (made, False)


async def test_a_buyer_pages_through_own_orders_only(arena: Arena) -> None:
    product, stranger = await arena.product(), await arena.new_account(Role.BUYER)
    mine = []
    for _ in range(3):
        mine.append((await arena.place(product)).json()["id"])
        await arena.place(product, who=stranger)

    first = await arena.get("/v1/orders?limit=2")
    rest = await arena.get(f"/v1/orders?limit=2&starting_after={first['data'][-1]['id']}")

    assert [each["id"] for each in [*first["data"], *rest["data"]]] == mine[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)


async def test_orders_are_found_by_their_statuses(arena: Arena) -> None:
    product = await arena.product()
    held = (await arena.place(product, capture="manual")).json()["id"]
    declined = (await arena.place(product, card="pm_card_chargeDeclined")).json()["id"]

    assert await ids(arena, "/v1/orders?status=confirmed") == ([held], False)
    assert await ids(arena, "/v1/orders?payment_status=failed") == ([declined], False)
    assert await ids(arena, "/v1/orders?status=shipped") == ([], False)


@pytest.mark.idle
@pytest.mark.parametrize(
    "value", ["garbage", "", "ord_", "acc_00000000000000000000000000", "ord_zzzzzzzzzzzzzzzzzzzzzzzzzz", "%00"]
)
async def test_a_cursor_that_is_no_id_of_the_list_is_a_caller_s_fault(arena: Arena, value: str) -> None:
    headers = await arena.headers(Role.ADMIN)

    answers = {
        (path, cursor): (await arena.http.get(f"{path}?{cursor}={value}", headers=headers)).status_code
        for path in ("/v1/orders", "/v1/products", "/v1/payments")
        for cursor in ("starting_after", "ending_before")
    }

    assert {where: status for where, status in answers.items() if status not in {400, 404, 422}} == {}


@pytest.mark.parametrize(
    "text",
    ["nul \x00 inside", "half \ud83d of a pair", "\u202e reversed", "🦀" * 100],
    ids=["nul", "surrogate", "reversed", "crabs"],
)
async def test_no_text_in_a_body_is_a_fault_of_ours(arena: Arena, text: str) -> None:
    body = order_body(await arena.product())
    for change in ({"notes": text}, {"shipping_address": {**ADDRESS, "name": text}}, {"shipping_method": text}):
        answer = await arena.http.post(
            "/v1/orders", content=_json({**body, **change}), headers=await arena.headers(Role.BUYER)
        )
        assert answer.status_code < 500, (change, answer.text)


@pytest.mark.idle
@pytest.mark.parametrize("key", [b"", b"x" * 256, b"caf\xe9", b"tab\there"])
async def test_a_malformed_idempotency_key_is_refused(arena: Arena, key: bytes) -> None:
    token = (await arena.headers(Role.BUYER))["Authorization"].encode()
    headers = [(b"Authorization", token), (b"Idempotency-Key", key)]

    refused = await arena.http.post("/v1/orders", json=order_body(await arena.product()), headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_malformed")
    assert arena.stripe.requests() == []


async def test_an_order_is_pending_while_no_worker_runs_and_completes_when_one_comes(arena: Arena) -> None:
    product, stranger = await arena.product(on_hand=3), await arena.new_account(Role.BUYER)
    await arena.stop_workers()
    arena.answer_within(1)

    accepted = await arena.place(product, key="patience")

    order = accepted.json()
    assert (accepted.status_code, accepted.headers["Location"]) == (202, f"/v1/orders/{order['id']}")
    seen = await arena.get(accepted.headers["Location"])
    for shown in (order, seen):
        assert (shown["object"], shown["status"], shown["payment_status"]) == ("order", "pending", "pending")
        assert shown["next_action"] is None
        assert shown["created"] == order["created"]
    path = accepted.headers["Location"]
    assert (await arena.http.get(path, headers=await arena.headers(stranger))).status_code == 404
    repeat = await arena.place(product, key="patience")
    assert (repeat.status_code, repeat.json()["id"]) == (202, order["id"])
    assert await asyncio.to_thread(arena.stripe.requests) == []

    await arena.start_workers()
    arena.answer_within(10)

    async def confirmed() -> bool:
        return bool((await arena.get(path))["status"] == "confirmed")

    await eventually(confirmed)
    final = await arena.place(product, key="patience")
    assert (final.status_code, final.json()["id"]) == (201, order["id"])
    assert (await arena.truth(order["id"])).items() >= {"intents": 1, "captures": 1, "captured": TOTAL}.items()
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2


async def test_a_command_is_accepted_while_no_worker_runs_and_carried_out_when_one_comes(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()
    await arena.stop_workers()
    arena.answer_within(1)

    accepted = await arena.command(order, "ship", Role.SELLER, key="ship")

    assert (accepted.status_code, accepted.json()["status"]) == (202, "confirmed")
    assert accepted.headers["Location"] == f"/v1/orders/{order['id']}"
    assert (await arena.truth(order["id"]))["captured"] == 0
    await arena.start_workers()
    await arena.until(order["id"], status="shipped", payment_status="completed")
    assert (await arena.truth(order["id"]))["captures"] == 1


def _json(body: Any) -> bytes:
    """As a careless client writes it: escapes for everything, also for what is no text."""
    return json.dumps(body).encode()
