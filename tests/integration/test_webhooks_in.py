"""Webhooks in (P9): believed only when signed, stored once, and acted on by reading the provider itself."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from temporalio.api.enums.v1 import EventType

from db.ids import new_id
from db.tables import InboundWebhook, WebhookState
from domain.orders import Role
from tests.support.arena import Arena, eventually
from tests.support.behind import sweep
from tests.support.stripe_events import event_body, signed
from workflows.names import order_workflow_id

TOTAL = 2644
PAID = {"authorized": TOTAL, "captured": TOTAL, "captures": 1, "intents": 1}


async def deliver(arena: Arena, body: bytes, signature: str | bytes | None = None) -> httpx2.Response:
    sent = signed(body) if signature is None else signature
    headers = {b"Stripe-Signature": sent if isinstance(sent, bytes) else sent.encode()}
    return await arena.http.post("/v1/webhooks/stripe", content=body, headers=headers)


async def stored(arena: Arena, **wanted: str) -> list[InboundWebhook]:
    async with arena.database.transaction() as session:
        rows = await session.scalars(select(InboundWebhook).filter_by(**wanted).order_by(InboundWebhook.received))
        return list(rows)


async def signals(arena: Arena, order_id: str) -> int:
    history = await arena.temporal.get_workflow_handle(order_workflow_id(order_id)).fetch_history()
    return sum(each.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for each in history.events)


async def challenged(arena: Arena, **script: Any) -> tuple[Any, str]:
    """An order that waits for its buyer at the bank, and the intent's id."""
    if script:
        await asyncio.to_thread(lambda: arena.stripe.script(**script))
    order = (await arena.place(await arena.product(on_hand=3), card="pm_card_authenticationRequired")).json()
    assert (order["status"], order["payment_status"]) == ("pending", "requires_action")
    assert order["next_action"]["type"] == "three_ds"
    return order, order["next_action"]["client_secret"].partition("_secret_")[0]


async def decide(arena: Arena, intent: str, outcome: str) -> None:
    (await asyncio.to_thread(arena.stripe.challenge, intent, outcome)).raise_for_status()


async def test_a_passed_challenge_confirms_the_order(arena: Arena) -> None:
    order, intent = await challenged(arena)

    await decide(arena, intent, "succeed")

    paid = await arena.until(order["id"], status="confirmed", payment_status="completed")
    assert paid["next_action"] is None
    assert (await arena.truth(order["id"])).items() >= PAID.items()

    async def told() -> bool:
        rows = await stored(arena, order_id=order["id"], type="payment_intent.succeeded")
        return [each.state for each in rows] == [WebhookState.SIGNALLED]

    await eventually(told)


async def test_a_passed_challenge_of_a_manual_capture_holds_the_money_and_knows_until_when(arena: Arena) -> None:
    product = await arena.product()
    order = (await arena.place(product, card="pm_card_authenticationRequired", capture="manual")).json()
    intent = order["next_action"]["client_secret"].partition("_secret_")[0]

    await decide(arena, intent, "succeed")

    held = await arena.until(order["id"], status="confirmed", payment_status="authorized")
    assert held["payments"][0]["capture_before"] is not None
    assert (await arena.truth(order["id"]))["captured"] == 0


async def test_after_a_failed_challenge_the_buyer_may_choose_another_method(arena: Arena) -> None:
    order, intent = await challenged(arena)

    await decide(arena, intent, "fail")

    failed = await arena.until(order["id"], status="pending", payment_status="failed")
    assert failed["next_action"]["type"] == "choose_method"
    assert (await arena.truth(order["id"]))["captured"] == 0
    paid = await arena.insist(order, "pay", payment={"method": "card", "payment_method_id": "pm_card_visa"})
    assert (paid.status_code, paid.json()["status"]) == (200, "confirmed"), paid.text
    assert (await arena.truth(order["id"])).items() >= PAID.items()


async def test_webhooks_that_come_thrice_late_and_in_disorder_confirm_the_order_once(arena: Arena) -> None:
    chaos = {"duplicate": 3, "reorder": True, "delay_ms": 100}
    order, intent = await challenged(arena, webhooks=chaos)

    await decide(arena, intent, "succeed")

    await arena.until(order["id"], status="confirmed", payment_status="completed")
    assert (await arena.truth(order["id"])).items() >= PAID.items()
    told = await stored(arena, order_id=order["id"])
    assert len({each.event_id for each in told}) == len(told)


async def test_a_signed_word_is_not_enough_the_provider_itself_is_asked(arena: Arena) -> None:
    order, intent = await challenged(arena)
    lie = event_body(metadata={"order_id": order["id"]}, id=intent, amount=TOTAL, currency="usd")

    assert (await deliver(arena, lie)).status_code == 204

    def read() -> bool:
        return any((each["method"], each["path"]) == ("GET", f"/v1/payment_intents/{intent}")
                   for each in arena.stripe.requests())  # fmt: skip

    await eventually(lambda: asyncio.to_thread(read))
    unpaid = await arena.order(order["id"])
    assert (unpaid["status"], unpaid["payment_status"]) == ("pending", "requires_action")
    await decide(arena, intent, "succeed")
    await arena.until(order["id"], status="confirmed")


@pytest.mark.idle
@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "nonsense", b"t=1,v1=\xe9\xff"])
async def test_a_forged_webhook_is_refused_and_not_stored(arena: Arena, signature: str | bytes) -> None:
    forged = event_body(metadata={"order_id": new_id("ord")})

    refused = await deliver(arena, forged, signature)

    assert (refused.status_code, refused.json()["code"]) == (400, "signature_invalid")
    assert await stored(arena) == []


@pytest.mark.idle
async def test_a_webhook_without_a_signature_or_with_another_body_is_refused(arena: Arena) -> None:
    body = event_body(metadata={"order_id": new_id("ord")})

    bare = await arena.http.post("/v1/webhooks/stripe", content=body)
    changed = await deliver(arena, body + b" ", signed(body))
    other = await deliver(arena, body, signed(body, "whsec_of_somebody_else"))

    assert {each.status_code for each in (bare, changed, other)} == {400}
    assert await stored(arena) == []


async def test_a_webhook_is_stored_once_however_often_it_comes(arena: Arena) -> None:
    body = event_body(metadata={"order_id": new_id("ord")})

    first = await deliver(arena, body)
    again = await asyncio.gather(*(deliver(arena, body) for _ in range(5)))

    assert {each.status_code for each in (first, *again)} == {204}
    assert [each.event_id for each in await stored(arena)] == ["evt_1"]


async def test_what_the_order_knows_already_is_stored_and_not_signalled(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()
    await eventually(lambda: stored(arena, order_id=order["id"], type="payment_intent.succeeded"))

    await deliver(arena, event_body(identity="evt_again", metadata={"order_id": order["id"]}))

    told = await stored(arena, order_id=order["id"])
    assert {"evt_again"} < {each.event_id for each in told}
    assert {each.state for each in told} == {WebhookState.SUPERSEDED}
    assert await signals(arena, order["id"]) == 0


@pytest.mark.parametrize(
    "metadata", [{"order_id": new_id("ord")}, {"order_id": "4711"}, {"order_id": new_id("pay")}, {}, None]
)
async def test_a_webhook_of_somebody_else_s_order_is_taken_and_ignored(arena: Arena, metadata: Any) -> None:
    answer = await deliver(arena, event_body(metadata=metadata))

    assert answer.status_code == 204
    assert [each.state for each in await stored(arena)] == [WebhookState.IGNORED]
    await sweep(arena)
    assert await arena.incidents() == []


async def test_a_webhook_of_an_order_that_has_ended_is_taken_and_changes_nothing(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()
    await arena.command(order, "cancel")

    answer = await deliver(arena, event_body(identity="evt_late", metadata={"order_id": order["id"]}))

    assert answer.status_code == 204
    (late,) = await stored(arena, event_id="evt_late")
    assert late.state is not WebhookState.RECEIVED
    assert (await arena.order(order["id"]))["payment_status"] == "cancelled"


@pytest.mark.idle
async def test_webhooks_of_a_provider_that_nobody_knows_are_not_found(arena: Arena) -> None:
    body = event_body()

    refused = await arena.http.post("/v1/webhooks/acme", content=body, headers={"Stripe-Signature": signed(body)})

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert await stored(arena) == []


async def test_a_refund_s_webhooks_name_the_refund_and_end_up_told(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()
    await arena.command(order, "cancel")
    await arena.until(order["id"], payment_status="refunded")

    (told,) = await eventually(lambda: stored(arena, order_id=order["id"], type="refund.created"))

    assert told.state is WebhookState.SUPERSEDED
    assert (await arena.get("/v1/orders", Role.ADMIN))["data"][0]["payment_status"] == "refunded"


async def incidents(arena: Arena) -> list[tuple[str, str, str]]:
    listed = (await arena.get("/v1/incidents?open=true", Role.ADMIN))["data"]
    return [(each["kind"], each["subject"], each["details"]) for each in listed]


async def paid(arena: Arena) -> tuple[str, str]:
    """A paid order, and its payment's id at the provider."""
    order = (await arena.place(await arena.product())).json()["id"]
    intents = await asyncio.to_thread(arena.stripe.client().v1.payment_intents.list)
    return order, intents.data[0].id


async def test_a_refund_made_in_the_providers_dashboard_is_reported(arena: Arena) -> None:
    order, intent = await paid(arena)
    refunds = arena.stripe.client().v1.refunds

    refund = await asyncio.to_thread(refunds.create, {"payment_intent": intent, "amount": 500})

    [reported] = await eventually(lambda: incidents(arena))
    told = f"refund.created, 500 usd in Stripe's units, of {order}"
    assert reported == ("money_moved_outside", refund.id, told)
    (kept,) = await stored(arena, type="refund.created")
    assert (kept.order_id, kept.state, kept.settled is not None) == (order, WebhookState.IGNORED, True)
    assert await signals(arena, order) == 0


async def test_a_refund_of_our_own_is_nothing_to_report(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await arena.command(order, "cancel")
    await arena.until(order, payment_status="refunded")
    await eventually(lambda: stored(arena, order_id=order, type="refund.created"))

    assert await incidents(arena) == []


async def test_each_movement_outside_is_reported_once(arena: Arena) -> None:
    _, intent = await paid(arena)

    def dispute(number: int, of: str) -> bytes:
        told = {"id": f"dp_{number}", "payment_intent": of, "amount": 500, "currency": "usd"}
        return event_body("charge.dispute.created", identity=f"evt_{number}", **told)

    bodies = [dispute(1, intent), dispute(2, intent), dispute(3, "pi_of_another_shop"), dispute(1, intent)]
    answers = [await deliver(arena, body) for body in bodies]
    assert {subject for _, subject, _ in await incidents(arena)} == {"dp_1", "dp_2"}
    for each in (await arena.get("/v1/incidents?open=true", Role.ADMIN))["data"]:
        await arena.post(f"/v1/incidents/{each['id']}/close", {"note": "answered the bank"}, Role.ADMIN)
    answers.append(await deliver(arena, bodies[0]))

    assert {each.status_code for each in answers} == {204}
    assert await incidents(arena) == []
