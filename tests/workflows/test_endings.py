"""Ends that nobody asks for: deadlines, Temporal's own cancel, and steps that can't succeed."""

import asyncio

from temporalio.client import WorkflowExecutionStatus

from domain.books import Invariant
from domain.orders import Role
from tests.support.arena import SOON, Arena, eventually
from tests.support.workflow_side import workflow_of

TOTAL = 2644


async def test_an_unpaid_order_expires_and_gives_everything_back(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    product = await arena.product(on_hand=3)

    order = (await arena.place(product, card="pm_card_chargeDeclined")).json()

    expired = await arena.until(order["id"], status="cancelled")
    assert (expired["payment_status"], expired["cancel_reason"]) == ("cancelled", "expired")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    late = await arena.command(order, "pay", payment={"method": "card", "payment_method_id": "pm_card_visa"})
    assert (late.status_code, late.json()["code"]) == (409, "order_closed")
    assert (await arena.truth(order["id"]))["captured"] == 0


async def test_a_three_d_secure_order_that_is_never_confirmed_expires_without_anything_open(arena: Arena) -> None:
    arena.rule(payment_deadline=SOON)

    order = (await arena.place(await arena.product(), card="pm_card_authenticationRequired")).json()

    assert order["next_action"]["type"] == "three_ds"
    expired = await arena.until(order["id"], status="cancelled")
    assert (expired["payment_status"], expired["cancel_reason"]) == ("cancelled", "expired")
    assert [each["status"] for each in expired["payments"][0]["attempts"]] == ["cancelled"]
    # The bank's page is still open: what it shows must be dead.
    intent = order["next_action"]["client_secret"].partition("_secret_")[0]
    assert arena.stripe.client().v1.payment_intents.retrieve(intent).status == "canceled"
    assert (await asyncio.to_thread(arena.stripe.challenge, intent, "succeed")).status_code == 409
    assert (await arena.audit())[1] == ()


async def test_the_sellers_word_on_delivery_counts_after_the_inspection_window(arena: Arena) -> None:
    arena.rule(inspection_window=SOON)
    order = (await arena.place(await arena.product())).json()
    await arena.command(order, "ship", Role.SELLER)

    delivered = await arena.command(order, "deliver", Role.SELLER)

    assert delivered.json()["status"] == "delivered"
    assert (await arena.order(order["id"]))["status"] == "delivered"
    await arena.until(order["id"], status="completed")


async def test_the_buyers_word_ends_the_inspection_window(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()
    await arena.command(order, "ship", Role.SELLER)
    await arena.command(order, "deliver", Role.SELLER)

    accepted = await arena.command(order, "deliver")

    assert accepted.status_code == 200, accepted.text
    await arena.until(order["id"], status="completed")


async def test_a_cancel_from_temporals_own_ui_is_the_business_cancel(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product)).json()
    handle = workflow_of(arena, order["id"])

    await handle.cancel()

    cancelled = await arena.until(order["id"], status="cancelled", payment_status="refunded")
    assert cancelled["cancel_reason"] == "operator"
    assert (await arena.truth(order["id"]))["refunded"] == TOTAL
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_a_cancel_from_temporals_own_ui_is_refused_after_shipment(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()
    await arena.command(order, "ship", Role.SELLER)
    handle = workflow_of(arena, order["id"])

    await handle.cancel()

    async def noted() -> bool:
        return "refused" in str(await handle.query("__temporal_workflow_metadata"))

    await eventually(noted)
    assert (await arena.order(order["id"]))["status"] == "shipped"
    delivered = await arena.command(order, "deliver")
    assert delivered.status_code == 200
    await arena.until(order["id"], status="completed")
    assert (await arena.truth(order["id"]))["refunded"] == 0


async def test_an_order_is_busy_while_its_payment_is_under_way(arena: Arena) -> None:
    arena.stripe.script(faults=[{"method": "POST", "path": "/v1/payment_intents", "do": "error_500"}])
    arena.answer_within(1)

    accepted = await arena.place(await arena.product())

    assert accepted.status_code == 202
    order = accepted.json()["id"]
    arena.answer_within(10)
    busy = await arena.command(order, "cancel", key="cancel it")
    assert (busy.status_code, busy.json()["code"]) == (409, "order_busy")
    assert "Retry-After" in busy.headers
    arena.stripe.script()
    await arena.until(order, status="confirmed")
    again = await arena.command(order, "cancel", key="cancel it")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


async def test_a_refund_that_fails_after_it_was_paid_is_booked_back_and_a_person_s_matter(arena: Arena) -> None:
    arena.stripe.script(refund_turns_ms=1000 * SOON)
    order = (await arena.place(await arena.product(), card="pm_card_refundFail")).json()["id"]
    await arena.command(order, "cancel")
    await arena.until(order, status="cancelled", payment_status="refunded")

    after = await arena.until(order, payment_status="completed")

    [refund] = after["refunds"]
    assert (refund["status"], refund["amount"]["amount"], refund["failed_after_success"]) == ("failed", TOTAL, True)
    assert refund["failure_reason"]
    truth = await arena.truth(order)
    assert (truth["captured"], truth["refunded"], truth["refunds"]) == (TOTAL, 0, 1)
    [incident] = (await arena.get("/v1/incidents?open=true", Role.ADMIN))["data"]
    assert (incident["kind"], incident["subject"]) == ("refund_failed", refund["id"])
    # The one thing that is off: the buyer's money is still with us.
    assert [each.invariant for each in (await arena.audit())[1]] == [Invariant.NOTHING_HELD_AFTER_END]


async def test_a_refund_that_is_cancelled_at_the_provider_is_reversed_and_a_person_s_matter(arena: Arena) -> None:
    cancelled = {"method": "POST", "path": "/v1/refunds", "do": "refund_canceled_later"}
    arena.stripe.script(refund_turns_ms=1000 * SOON, faults=[cancelled])
    order = (await arena.place(await arena.product())).json()["id"]
    await arena.command(order, "cancel")
    await arena.until(order, status="cancelled", payment_status="refunded")

    after = await arena.until(order, payment_status="completed")

    [refund] = after["refunds"]
    assert (refund["status"], refund["failure_reason"]) == ("reversed", "merchant_request")
    assert not refund["failed_after_success"]
    [incident] = (await arena.get("/v1/incidents?open=true", Role.ADMIN))["data"]
    assert (incident["kind"], incident["subject"], incident["details"]) == (
        "refund_failed", refund["id"], "merchant_request"
    )  # fmt: skip
    assert [each.invariant for each in (await arena.audit())[1]] == [Invariant.NOTHING_HELD_AFTER_END]
