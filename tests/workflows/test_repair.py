"""Operators repair by hand: hold, release, and the word on a payment of which nobody knows; each with its audit."""

import asyncio
import threading
from typing import Any

from sqlalchemy import select

from db.tables import EventRow
from domain.errors import ProviderMismatch, ProviderUnreachable
from domain.gateway import AuthorizeRequest, MoveRequest, PaymentOutcome
from domain.orders import Role
from providers.stripe import NAME as STRIPE
from providers.stripe.gateway import StripeGateway
from tests.support.arena import READ_TIMEOUT, Arena, eventually
from workflows.names import order_workflow_id

TOTAL = 2644
HOLD = {"reason": "fraud_review", "note": "the bank called"}


class Slow(StripeGateway):
    """A gateway whose captures wait for a sign."""

    asked = threading.Event()
    sign = threading.Event()

    def capture(self, request: MoveRequest) -> PaymentOutcome:
        self.asked.set()
        assert self.sign.wait(20)
        return super().capture(request)


class Clouded(StripeGateway):
    """A gateway whose provider takes the money and then shows somebody else's payment, until it is clear."""

    clear = False
    lost = False
    silent = False

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        outcome = super().authorize(request)
        if self.clear:
            return outcome
        raise ProviderMismatch(field="order", ours=request.order_id, theirs="another")

    def read(self, request: MoveRequest) -> PaymentOutcome:
        if self.silent:
            raise ProviderUnreachable(reason="nothing heard", retry_after=60)
        if self.lost:
            raise ProviderMismatch(field="order", ours=request.order_id, theirs="another")
        return super().read(request)


class Nowhere(StripeGateway):
    """A gateway whose provider never got the request and shows somebody else's payment, until it is clear."""

    clear = False

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        if self.clear:
            return super().authorize(request)
        raise ProviderMismatch(field="order", ours=request.order_id, theirs="another")


async def served_by(arena: Arena, kind: type[StripeGateway]) -> Any:
    gateway = kind("sk_test_arena", api_base=arena.stripe.url, timeout=(1.0, READ_TIMEOUT))
    await arena.stop_workers()
    arena.providers = {STRIPE: gateway}
    await arena.start_workers()
    return gateway


async def operator(arena: Arena, order: str, verb: str, **body: Any) -> tuple[int, Any]:
    answer = await arena.command(order, verb, Role.ADMIN, **body)
    return answer.status_code, answer.json()


async def resolve(arena: Arena, order: dict[str, Any], outcome: str, **body: str) -> tuple[int, Any]:
    """The answer to a resolution, repeated while the order is busy with the provider's news."""
    path = f"/v1/payments/{order['payments'][0]['id']}/resolve"

    async def settled() -> tuple[int, Any] | None:
        answer = await arena.post(path, {"outcome": outcome, "evidence": "dashboard", **body}, Role.ADMIN)
        return None if answer.json().get("code") == "order_busy" else (answer.status_code, answer.json())

    found: tuple[int, Any] = await eventually(settled)
    return found


async def audit(arena: Arena, order: str, kind: str) -> list[dict[str, Any]]:
    query = select(EventRow.data).where(EventRow.subject == order, EventRow.type == kind).order_by(EventRow.sequence)
    async with arena.database.transaction() as session:
        return list(await session.scalars(query))


async def unknown_order(arena: Arena, card: str = "pm_card_visa", capture: str = "automatic") -> dict[str, Any]:
    placed = (await arena.place(await arena.product(on_hand=3), card=card, capture=capture)).json()
    assert placed["payment_status"] == "unknown"
    return dict(placed)


def references_of(arena: Arena, order: str) -> list[str]:
    intents = arena.stripe.client().v1.payment_intents.list().data
    return [each.id for each in intents if each.metadata is not None and each.metadata["order_id"] == order]


def reference_of(arena: Arena, order: str) -> str:
    return references_of(arena, order)[0]


def late_payment(arena: Arena, order: dict[str, Any]) -> None:
    """The first request was under way for longer than anybody thought."""
    arena.stripe.client().v1.payment_intents.create(
        {
            "amount": TOTAL,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "confirm": True,
            "metadata": {"order_id": order["id"], "payment_id": order["payments"][0]["id"]},
        }
    )


async def gone(arena: Arena, order: str) -> None:
    """Wait until the order's workflow has closed."""
    await arena.temporal.get_workflow_handle(order_workflow_id(order)).result()


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
    assert await audit(arena, order, "order.held") == [{"actor_id": admin, "reason": "fraud_review"}]
    assert await audit(arena, order, "order.released") == [{"actor_id": admin, "reason": None}]


async def test_a_hold_gets_through_to_a_busy_order_which_ends_its_step_and_stops(arena: Arena) -> None:
    slow = await served_by(arena, Slow)
    arena.answer_within(0.3)
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
    arena.rule(payment_deadline=1)
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
    arena.rule(inspection_window=2)
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


async def test_an_unknown_payment_that_the_provider_knows_ends_as_the_provider_says(arena: Arena) -> None:
    await served_by(arena, Clouded)
    order = await unknown_order(arena)
    reference = reference_of(arena, order["id"])

    contradicted = await resolve(arena, order, "not_paid", reference=reference)
    resolved = await resolve(arena, order, "paid", reference=reference)

    assert (contradicted[0], contradicted[1]["code"]) == (409, "resolution_contradicted")
    assert (resolved[0], resolved[1]["status"], resolved[1]["payment_status"]) == (200, "confirmed", "completed")
    assert (await audit(arena, order["id"], "payment.resolved"))[0] == {
        "payment_id": order["payments"][0]["id"],
        "actor_id": arena.people[Role.ADMIN],
        "outcome": "captured",
        "reference": reference,
    }
    assert (await arena.audit())[1] == ()


async def test_a_held_payment_can_be_found_too(arena: Arena) -> None:
    await served_by(arena, Clouded)
    order = await unknown_order(arena, capture="manual")

    resolved = await resolve(arena, order, "paid", reference=reference_of(arena, order["id"]))

    assert (resolved[1]["status"], resolved[1]["payment_status"]) == ("confirmed", "authorized")
    assert (await arena.audit())[1] == ()


async def test_a_payment_that_was_not_made_lets_the_buyer_choose_again(arena: Arena) -> None:
    gateway = await served_by(arena, Nowhere)
    order = await unknown_order(arena, capture="manual")

    resolved = await resolve(arena, order, "not_paid")
    gateway.clear = True

    assert (resolved[0], resolved[1]["payment_status"]) == (200, "failed")
    assert resolved[1]["next_action"]["type"] == "choose_method"
    card = {"method": "card", "payment_method_id": "pm_card_visa"}
    paid = await arena.command(order, "pay", payment=card)
    assert (paid.status_code, paid.json()["status"], paid.json()["payment_status"]) == (200, "confirmed", "completed")


async def test_a_payment_that_is_not_ours_pays_nothing(arena: Arena) -> None:
    gateway = await served_by(arena, Clouded)
    order = await unknown_order(arena)
    gateway.lost = True

    paid = await resolve(arena, order, "paid", reference=reference_of(arena, order["id"]))

    assert (paid[0], paid[1]["code"]) == (409, "resolution_contradicted")
    assert (await arena.order(order["id"]))["payment_status"] == "unknown"


async def test_money_that_the_provider_took_is_found_before_a_person_says_that_it_was_not_paid(arena: Arena) -> None:
    await served_by(arena, Clouded)
    order = await unknown_order(arena)

    refused = await resolve(arena, order, "not_paid")
    mistyped = await resolve(arena, order, "not_paid", reference="pi_nobody_knows")

    assert (refused[0], refused[1]["code"]) == (409, "resolution_contradicted")
    assert (mistyped[0], mistyped[1]["code"]) == (409, "resolution_contradicted")


async def test_money_that_comes_after_a_person_said_that_it_was_not_paid_pays_the_order(arena: Arena) -> None:
    await served_by(arena, Nowhere)
    order = await unknown_order(arena)
    assert (await resolve(arena, order, "not_paid"))[0] == 200

    late_payment(arena, order)

    await arena.until(order["id"], status="confirmed", payment_status="completed")
    assert (await arena.audit())[1] == ()


async def test_a_payment_of_which_nobody_knew_is_asked_for_again_with_its_own_key(arena: Arena) -> None:
    gateway = await served_by(arena, Clouded)
    order = (await unknown_order(arena))["id"]
    gateway.clear = True

    await arena.temporal.get_workflow_handle(order_workflow_id(order)).signal("payment_changed")

    await arena.until(order, status="confirmed", payment_status="completed")
    assert (await arena.truth(order)).items() >= {"intents": 1, "captures": 1, "captured": TOTAL}.items()
    assert (await arena.audit())[1] == ()


async def test_a_resolution_without_ground_is_refused(arena: Arena) -> None:
    await served_by(arena, Clouded)
    order = await unknown_order(arena)

    assert (await resolve(arena, order, "paid"))[1]["code"] == "reference_missing"
    assert (await resolve(arena, order, "paid", reference="pi_nobody_knows"))[1]["code"] == "resolution_contradicted"
    assert (await resolve(arena, order, "perhaps"))[0] == 422
    assert (await arena.order(order["id"]))["payment_status"] == "unknown"
    buyer = await arena.post(
        f"/v1/payments/{order['payments'][0]['id']}/resolve", {"outcome": "paid", "evidence": "me"}
    )
    assert buyer.status_code == 403


async def test_only_an_unknown_payment_can_be_resolved(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), card="pm_card_authenticationRequired")).json()

    refused = await resolve(arena, order, "paid", reference="pi_1")

    assert (refused[0], refused[1]["code"]) == (409, "payment_not_unknown")


async def test_a_payment_is_not_paid_by_a_person_s_word_alone(arena: Arena) -> None:
    gateway = await served_by(arena, Clouded)
    order = await unknown_order(arena)
    gateway.silent = True

    refused = await resolve(arena, order, "paid", reference=reference_of(arena, order["id"]))

    assert (refused[0], refused[1]["code"]) == (503, "provider_unreachable")
    assert (await arena.order(order["id"]))["payment_status"] == "unknown"


async def test_an_order_of_which_the_provider_knows_nothing_expires_and_is_not_charged_late(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    gateway = await served_by(arena, Nowhere)
    product = await arena.product(on_hand=3)
    order = (await arena.place(product)).json()
    assert order["payment_status"] == "unknown"
    await asyncio.sleep(1)
    gateway.clear = True

    await arena.temporal.get_workflow_handle(order_workflow_id(order["id"])).signal("payment_changed")

    await arena.until(order["id"], status="cancelled", payment_status="cancelled", cancel_reason="expired")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    assert references_of(arena, order["id"]) == []


async def test_money_that_comes_after_its_order_has_ended_is_reported(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    await served_by(arena, Nowhere)
    order = await unknown_order(arena)
    assert (await resolve(arena, order, "not_paid"))[0] == 200
    await arena.until(order["id"], status="cancelled", cancel_reason="expired")
    await gone(arena, order["id"])

    late_payment(arena, order)

    async def reported() -> list[str]:
        listed = (await arena.get("/v1/incidents?open=true", Role.ADMIN))["data"]
        return [each["subject"] for each in listed if each["kind"] == "money_after_end"]

    assert await eventually(reported) == [order["id"]]
