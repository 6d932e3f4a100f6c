"""The main line of an order and its early ends, through HTTP, on real servers."""

from typing import Any

from sqlalchemy import select

from db.tables import EventRow
from domain.orders import Role
from tests.support.arena import Arena, eventually, order_body

PAID = {"authorized": 2644, "captured": 2644, "refunded": 0, "voided": 0}
# One shackle at 19.99, 7.25 % tax on it, 5.00 shipping.
TOTAL = 2644


async def test_an_order_is_paid_shipped_delivered_and_completed(arena: Arena) -> None:
    product = await arena.product(on_hand=10)

    placed = await arena.place(product)

    assert placed.status_code == 201, placed.text
    order = placed.json()
    assert (order["status"], order["payment_status"]) == ("confirmed", "completed")
    assert order["totals"]["total"] == {"amount": TOTAL, "currency": "USD"}
    assert placed.headers["Location"] == f"/v1/orders/{order['id']}"

    shipped = await arena.command(order, "ship", Role.SELLER)
    assert (shipped.status_code, shipped.json()["status"]) == (200, "shipped")
    delivered = await arena.command(order, "deliver")
    assert (delivered.status_code, delivered.json()["status"]) == (200, "delivered")

    done = await arena.until(order["id"], status="completed")
    assert done["fulfilments"][0]["tracking_number"] == "JD01"
    assert (await arena.truth(order["id"])).items() >= PAID.items()
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 9


async def test_the_caller_s_request_id_comes_back_and_goes_into_events(arena: Arena) -> None:
    headers = {**await arena.headers(Role.BUYER), "X-Request-Id": "checkout-7.of_today"}

    answer = await arena.http.post("/v1/orders", json=order_body(await arena.product()), headers=headers)

    assert answer.headers["X-Request-Id"] == "checkout-7.of_today"
    async with arena.database.transaction() as session:
        rows = await session.scalars(
            select(EventRow.correlation_id).where(EventRow.subject == answer.json()["id"]).distinct()
        )
        assert list(rows) == ["checkout-7.of_today"]


async def test_manual_capture_takes_the_money_at_shipping(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()
    assert (order["status"], order["payment_status"]) == ("confirmed", "authorized")
    assert (await arena.truth(order["id"]))["captured"] == 0

    shipped = (await arena.insist(order, "ship", Role.SELLER)).json()

    assert (shipped["status"], shipped["payment_status"]) == ("shipped", "completed")
    assert (await arena.truth(order["id"])).items() >= PAID.items()


async def test_cancelling_an_authorized_order_releases_the_money_and_the_stock(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, capture="manual")).json()
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2

    cancelled = (await arena.insist(order, "cancel", reason="no longer wanted")).json()

    assert (cancelled["status"], cancelled["payment_status"]) == ("cancelled", "cancelled")
    truth = await arena.truth(order["id"])
    assert (truth["captured"], truth["voided"]) == (0, TOTAL)
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def test_cancelling_a_paid_order_refunds_it_once(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product)).json()

    cancelled = (await arena.command(order, "cancel", reason="no longer wanted")).json()

    assert cancelled["status"] == "cancelled"
    refunded = await arena.until(order["id"], payment_status="refunded")
    assert [refund["status"] for refund in refunded["refunds"]] == ["completed"]
    truth = await arena.truth(order["id"])
    assert (truth["refunded"], truth["refunds"]) == (TOTAL, 1)
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def test_cancelling_without_restock_takes_the_goods_off_the_shelf(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product)).json()

    await arena.command(order, "cancel", Role.ADMIN, restock=False)

    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2


async def test_a_buyer_takes_no_goods_off_the_shelf(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, 3, card="pm_card_chargeDeclined")).json()

    refused = await arena.command(order, "cancel", restock=False)

    assert (refused.status_code, refused.json()["code"]) == (403, "role_not_allowed")
    assert (await arena.order(order["id"]))["status"] == "pending"
    await arena.insist(order, "cancel")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def test_a_declined_buyer_pays_with_another_card(arena: Arena) -> None:
    declined = (await arena.place(await arena.product(), card="pm_card_chargeDeclined")).json()
    assert (declined["status"], declined["payment_status"]) == ("pending", "failed")
    assert declined["next_action"]["type"] == "choose_method"

    paid = await arena.insist(declined, "pay", payment={"method": "card", "payment_method_id": "pm_card_visa"})

    assert paid.status_code == 200, paid.text
    assert (paid.json()["status"], paid.json()["payment_status"]) == ("confirmed", "completed")
    assert (await arena.truth(declined["id"])).items() >= {"intents": 1, "captures": 1, "captured": TOTAL}.items()


async def test_a_buyer_with_a_stolen_card_is_told_no_more_than_that_it_was_declined(arena: Arena) -> None:
    placed = (await arena.place(await arena.product(), card="pm_card_chargeDeclinedStolenCard")).json()
    payment = placed["payments"][0]["id"]

    shown = [
        placed["payments"][0],
        (await arena.get(f"/v1/orders/{placed['id']}"))["payments"][0],
        await arena.get(f"/v1/payments/{payment}"),
        (await arena.get("/v1/payments"))["data"][0],
        (await arena.get(f"/v1/orders/{placed['id']}/payments"))["data"][0],
    ]
    for_staff = await arena.get(f"/v1/payments/{payment}", Role.ADMIN)

    assert [each["attempts"][0]["decline_code"] for each in shown] == ["generic_decline"] * len(shown)
    assert {each["attempts"][0]["failure"] for each in shown} == {"Your card was declined."}
    assert for_staff["attempts"][0]["decline_code"] == "stolen_card"


async def test_a_declined_order_can_be_cancelled_and_its_intent_is_too(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    declined = (await arena.place(product, card="pm_card_chargeDeclined")).json()

    cancelled = (await arena.insist(declined, "cancel")).json()

    assert (cancelled["status"], cancelled["payment_status"]) == ("cancelled", "cancelled")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    asked = {each["key"]: each["path"].rsplit("/", 1)[-1] for each in arena.stripe.changes()}
    assert list(asked.values()) == ["payment_intents", "cancel"]


async def test_an_order_confirmed_with_the_bank_goes_on_to_its_end(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), card="pm_card_authenticationRequired")).json()
    assert (order["status"], order["payment_status"]) == ("pending", "requires_action")
    intent = order["next_action"]["client_secret"].split("_secret_")[0]

    arena.stripe.challenge(intent, "succeed")

    await arena.until(order["id"], status="confirmed", payment_status="completed")
    shipped = await eventually(lambda: _shipped(arena, order["id"]))
    assert shipped["status"] == "shipped"
    await arena.command(order, "deliver")
    await arena.until(order["id"], status="completed")
    assert (await arena.truth(order["id"])).items() >= PAID.items()


async def _shipped(arena: Arena, order: str) -> dict[str, Any] | None:
    """The row is confirmed a moment before the workflow's task ends: until then it is still busy."""
    answer = await arena.command(order, "ship", Role.SELLER)
    if answer.status_code == 409 and answer.json()["code"] == "order_busy":
        return None
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_shipped_order_is_not_cancelled(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()
    await arena.command(order, "ship", Role.SELLER)

    refused = await arena.command(order, "cancel")

    assert (refused.status_code, refused.json()["code"]) == (409, "order_not_cancellable")
    assert (await arena.order(order["id"]))["status"] == "shipped"
    assert (await arena.truth(order["id"]))["refunded"] == 0
    # Refused at once: nothing was begun that somebody would have to look at.
    assert await arena.incidents() == []


async def test_an_order_that_is_not_shipped_is_not_delivered(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()

    refused = await arena.command(order, "deliver")

    assert (refused.status_code, refused.json()["code"]) == (409, "order_not_deliverable")


async def test_more_than_there_is_can_not_be_sold(arena: Arena) -> None:
    product = await arena.product(on_hand=2)

    refused = await arena.place(product, 3)

    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2
    assert arena.stripe.requests() == []


async def test_a_moved_price_refuses_the_order_before_any_money_moves(arena: Arena) -> None:
    product = await arena.product(on_hand=2)

    refused = await arena.place(product, expected_total=TOTAL - 1)

    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    assert arena.stripe.requests() == []
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2
