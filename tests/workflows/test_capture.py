"""Held money is captured when goods ship: what can't be captured whole ships nothing, and nothing is taken twice."""

import asyncio
from typing import Any

from domain.gateway import Declined, MoveRequest, PaymentOutcome, Pending
from domain.orders import Role
from providers.stripe.gateway import StripeGateway
from tests.support.arena import Arena, eventually
from tests.support.provider_side import intent_of, served_by
from tests.support.stripe_sandbox import DEAF
from tests.support.workflow_side import needs_attention, needs_nobody, told_of_news

TOTAL = 2644


class Refusing(StripeGateway):
    """A gateway whose provider declines to capture, until it is mended."""

    mended = False

    def capture(self, request: MoveRequest) -> PaymentOutcome:
        if self.mended:
            return super().capture(request)
        return Declined(reference=request.reference, code="card_declined", soft=True, message="Not now.")


class Working(StripeGateway):
    """A gateway whose provider takes the money some time after it was asked to."""

    def capture(self, request: MoveRequest) -> PaymentOutcome:
        super().capture(request)
        return Pending(reference=request.reference)


async def test_goods_are_not_shipped_when_the_hold_is_gone(arena: Arena) -> None:
    # Nobody tells that the hold is gone: it is noticed when it is needed.
    arena.stripe.script(webhooks=DEAF)
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, capture="manual")).json()["id"]
    assert not await needs_attention(arena, order)
    arena.stripe.client().v1.payment_intents.cancel(intent_of(arena, order).id)

    refused = await arena.command(order, "ship", Role.SELLER, key="ship it")

    assert (refused.status_code, refused.json()["code"]) == (409, "capture_failed")
    assert await needs_attention(arena, order)
    assert (await arena.order(order))["status"] == "confirmed"
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2
    assert (await arena.truth(order))["captured"] == 0
    again = await arena.command(order, "ship", Role.SELLER, key="ship it")
    assert again.json()["code"] == "capture_failed"


async def captured_in_part(arena: Arena, **script: Any) -> str:
    """An order of whose held money somebody captured a part in the provider's dashboard; the rest is released."""
    arena.stripe.script(**script)
    order: str = (await arena.place(await arena.product(on_hand=3), capture="manual")).json()["id"]
    intents = arena.stripe.client().v1.payment_intents
    await asyncio.to_thread(intents.capture, intent_of(arena, order).id, {"amount_to_capture": 1000})
    return order


async def test_goods_are_not_shipped_for_a_part_of_their_money(arena: Arena) -> None:
    order = await captured_in_part(arena, webhooks=DEAF)

    refused = await arena.command(order, "ship", Role.SELLER)
    again = await arena.command(order, "ship", Role.SELLER)

    assert (refused.status_code, refused.json()["code"]) == (409, "capture_failed")
    assert "captured_in_part" in refused.json()["detail"]
    assert (again.status_code, again.json()["code"]) == (409, "money_given_back")
    assert await arena.incidents() == [("money_moved_outside", order)]
    assert await needs_attention(arena, order)
    assert (await arena.audit())[1] == ()
    await arena.command(order, "cancel")
    await arena.until(order, status="cancelled", payment_status="refunded")
    truth = await arena.truth(order)
    assert (truth["captured"], truth["refunded"], truth["voided"]) == (1000, 1000, TOTAL - 1000)
    assert (await arena.audit())[1] == ()


async def test_a_part_that_was_captured_elsewhere_is_booked_when_it_is_told(arena: Arena) -> None:
    order = await captured_in_part(arena)

    paid = await arena.until(order, payment_status="completed")

    assert paid["payments"][0]["captured"]["amount"] == 1000
    assert (await arena.insist(order, "ship", Role.SELLER)).json()["code"] == "money_given_back"
    assert await arena.incidents() == [("money_moved_outside", order)]
    assert (await arena.insist(order, "cancel")).status_code == 200
    await arena.until(order, status="cancelled", payment_status="refunded")
    assert (await arena.audit())[1] == ()


async def test_a_part_that_was_captured_elsewhere_goes_back_with_its_order(arena: Arena) -> None:
    order = await captured_in_part(arena, webhooks=DEAF)

    assert (await arena.command(order, "cancel")).status_code == 200

    await arena.until(order, status="cancelled", payment_status="refunded")
    truth = await arena.truth(order)
    assert (truth["captured"], truth["refunded"], truth["voided"]) == (1000, 1000, TOTAL - 1000)
    assert (await arena.audit())[1] == ()


async def test_a_declined_capture_ships_nothing_and_can_be_asked_for_again(arena: Arena) -> None:
    gateway = await served_by(arena, Refusing)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]

    refused = await arena.insist(order, "ship", Role.SELLER)

    assert (refused.status_code, refused.json()["code"]) == (409, "capture_failed")
    assert "declined" in refused.json()["detail"]
    assert (await arena.order(order))["payment_status"] == "authorized"
    assert await needs_attention(arena, order)
    gateway.mended = True
    assert (await arena.command(order, "ship", Role.SELLER)).json()["status"] == "shipped"
    assert not await needs_attention(arena, order)
    assert (await arena.truth(order))["captures"] == 1
    assert (await arena.audit())[1] == ()


async def test_an_order_cancelled_after_a_declined_capture_asks_for_nobody(arena: Arena) -> None:
    await served_by(arena, Refusing)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]
    assert (await arena.insist(order, "ship", Role.SELLER)).json()["code"] == "capture_failed"
    assert await needs_attention(arena, order)

    assert (await arena.insist(order, "cancel")).json()["status"] == "cancelled"

    await eventually(lambda: needs_nobody(arena, order))


async def test_a_capture_that_the_provider_works_on_ships_once_it_is_made(arena: Arena) -> None:
    await served_by(arena, Working)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]
    arena.answer_within(1)
    assert (await arena.command(order, "ship", Role.SELLER)).status_code == 202

    async def captured() -> bool:
        return bool((await arena.truth(order))["captures"])

    await eventually(captured)
    # What a provider tells while it is asked is superseded by its answer, and told again by the sweep.
    await told_of_news(arena, order)

    await arena.until(order, status="shipped", payment_status="completed")
    assert (await arena.truth(order))["captures"] == 1
    assert (await arena.audit())[1] == ()
