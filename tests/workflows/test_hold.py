"""Operators hold an order and let it go again: nothing moves meanwhile, and who did it is on record."""

import threading
from typing import Any

from domain.gateway import MoveRequest, PaymentOutcome
from domain.orders import Role
from providers.stripe.gateway import StripeGateway
from tests.support.arena import SOON, Arena, eventually
from tests.support.provider_side import served_by

HOLD = {"reason": "fraud_review", "note": "the bank called"}


class Slow(StripeGateway):
    """A gateway whose captures wait for a sign."""

    asked = threading.Event()
    sign = threading.Event()

    def capture(self, request: MoveRequest) -> PaymentOutcome:
        self.asked.set()
        assert self.sign.wait(20)
        return super().capture(request)


async def operator(arena: Arena, order: str, verb: str, **body: Any) -> tuple[int, Any]:
    answer = await arena.command(order, verb, Role.ADMIN, **body)
    return answer.status_code, answer.json()


async def test_a_held_order_ships_only_after_its_release(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]

    held = await operator(arena, order, "hold", **HOLD)

    assert (held[0], held[1]["held"], held[1]["status"]) == (200, True, "confirmed")
    refused = await arena.command(order, "ship", Role.SELLER, key="ship it")
    assert (refused.status_code, refused.json()["code"]) == (409, "order_held")
    assert "Retry-After" in refused.headers
    released = await operator(arena, order, "release", note="it was her")
    assert (released[0], released[1]["held"]) == (200, False)
    shipped = await arena.command(order, "ship", Role.SELLER, key="ship it")
    assert (shipped.status_code, shipped.json()["status"]) == (200, "shipped")


async def test_who_held_and_released_an_order_and_why_is_on_record_once(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]

    first = await arena.command(order, "hold", Role.ADMIN, key="stop", **HOLD)
    again = await arena.command(order, "hold", Role.ADMIN, key="stop", **HOLD)
    await operator(arena, order, "release")

    assert (again.status_code, again.content) == (200, first.content)
    admin = arena.people[Role.ADMIN]
    assert await arena.logged(order, "order.held") == [{"actor_id": admin, "reason": "fraud_review"}]
    assert await arena.logged(order, "order.released") == [{"actor_id": admin, "reason": None}]


async def test_a_hold_gets_through_to_a_busy_order_which_ends_its_step_and_stops(arena: Arena) -> None:
    slow = await served_by(arena, Slow)
    arena.answer_within(1)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]
    await arena.until(order, payment_status="authorized")
    assert (await arena.command(order, "ship", Role.SELLER)).status_code == 202
    await eventually(slow.asked.is_set)
    arena.answer_within(10)

    held = await operator(arena, order, "hold", **HOLD)
    slow.sign.set()

    assert (held[0], held[1]["held"], held[1]["status"]) == (200, True, "confirmed")
    await arena.until(order, status="shipped", payment_status="completed")
    assert (await arena.insist(order, "deliver")).status_code == 200
    # It would complete at once: the buyer's word is final.
    assert (await operator(arena, order, "hold", reason="other"))[1]["status"] == "delivered"
    await operator(arena, order, "release")
    await arena.until(order, status="completed")


async def test_staff_may_cancel_a_held_order_and_its_buyer_may_not(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product)).json()["id"]
    await operator(arena, order, "hold", **HOLD)

    assert (await arena.command(order, "cancel")).json()["code"] == "order_held"

    cancelled = await operator(arena, order, "cancel")
    assert (cancelled[0], cancelled[1]["status"]) == (200, "cancelled")
    await arena.until(order, payment_status="refunded")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def test_a_held_order_does_not_expire_until_it_is_released(arena: Arena) -> None:
    arena.rule(payment_deadline=SOON)
    product = await arena.product(on_hand=3)
    unpaid = (await arena.place(product, card="pm_card_chargeDeclined")).json()["id"]
    await operator(arena, unpaid, "hold", **HOLD)
    other = (await arena.place(product, card="pm_card_chargeDeclined")).json()["id"]

    await arena.until(other, status="cancelled", cancel_reason="expired")

    assert (await arena.order(unpaid))["status"] == "pending"
    await operator(arena, unpaid, "release")
    await arena.until(unpaid, status="cancelled", cancel_reason="expired")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def test_a_held_order_is_not_completed_until_it_is_released(arena: Arena) -> None:
    arena.rule(inspection_window=SOON)
    held, other = [(await arena.place(await arena.product())).json()["id"] for _ in range(2)]
    for order in (held, other):
        await arena.command(order, "ship", Role.SELLER)
        await arena.insist(order, "deliver", Role.SELLER)
        if order == held:
            await operator(arena, held, "hold", **HOLD)

    await arena.until(other, status="completed")

    assert (await arena.order(held))["status"] == "delivered"
    await operator(arena, held, "release")
    await arena.until(held, status="completed")
    assert (await arena.audit())[1] == ()


async def test_what_can_not_be_held_or_released_says_why(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]

    assert (await operator(arena, order, "release"))[1]["code"] == "order_not_held"
    assert (await operator(arena, order, "hold", reason="because"))[0] == 422
    for who in (Role.BUYER, Role.SELLER):
        assert (await arena.command(order, "hold", who, **HOLD)).status_code == 403
    await operator(arena, order, "cancel")
    assert (await operator(arena, order, "hold", **HOLD))[1]["code"] == "order_closed"
