"""Operators find out how a payment ended of which nobody knows: with evidence, never against the provider."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from db import orders
from db.tables import InboundWebhook, WebhookState
from domain.errors import ProviderMismatch, ProviderUnreachable
from domain.gateway import AuthorizeRequest, MoveRequest, PaymentOutcome
from domain.orders import Role
from providers.stripe.gateway import StripeGateway
from tests.support.arena import Arena, eventually
from tests.support.locks import until_waiting
from tests.support.provider_side import served_by
from tests.support.workflow_side import needs_attention, needs_nobody, told_of_news, workflow_of
from workflows.policies import TASK_TIMEOUT

TOTAL = 2644


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


class Silent(StripeGateway):
    """A gateway whose provider does not say what became of a request for money, and lists none."""

    looked = 0

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        raise ProviderUnreachable(reason=f"nothing heard of {request.key}", retry_after=60)

    def find(self, request: AuthorizeRequest) -> PaymentOutcome | None:
        said = super().find(request)
        self.looked += 1
        return said


async def resolve(arena: Arena, order: dict[str, Any], outcome: str, **body: str) -> tuple[int, Any]:
    """The answer to a resolution, repeated while the order is busy with the provider's news."""
    path = f"/v1/payments/{order['payments'][0]['id']}/resolve"

    async def settled() -> tuple[int, Any] | None:
        answer = await arena.post(path, {"outcome": outcome, "evidence": "dashboard", **body}, Role.ADMIN)
        return None if answer.json().get("code") == "order_busy" else (answer.status_code, answer.json())

    found: tuple[int, Any] = await eventually(settled)
    return found


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
    await workflow_of(arena, order).result()


async def test_an_unknown_payment_that_settles_itself_needs_no_person_any_more(arena: Arena) -> None:
    gateway = await served_by(arena, Nowhere)
    order = (await unknown_order(arena))["id"]
    await eventually(lambda: needs_attention(arena, order))
    gateway.clear = True

    await told_of_news(arena, order)

    await arena.until(order, status="confirmed", payment_status="completed")
    await eventually(lambda: needs_nobody(arena, order))


async def test_an_unknown_payment_that_the_provider_knows_ends_as_the_provider_says(arena: Arena) -> None:
    await served_by(arena, Clouded)
    order = await unknown_order(arena)
    reference = reference_of(arena, order["id"])

    contradicted = await resolve(arena, order, "not_paid", reference=reference)
    resolved = await resolve(arena, order, "paid", reference=reference)

    assert (contradicted[0], contradicted[1]["code"]) == (409, "resolution_contradicted")
    assert (resolved[0], resolved[1]["status"], resolved[1]["payment_status"]) == (200, "confirmed", "completed")
    assert (await arena.logged(order["id"], "payment.resolved"))[0] == {
        "payment_id": order["payments"][0]["id"],
        "actor_id": arena.people[Role.ADMIN],
        "outcome": "captured",
        "reference": reference,
    }
    [incident] = (await arena.get(f"/v1/incidents?subject={order['id']}", Role.ADMIN))["data"]
    assert (incident["kind"], incident["closed_by"]) == ("payment_unknown", arena.people[Role.ADMIN])
    assert incident["note"] == "resolved: captured; dashboard"
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

    await told_of_news(arena, order)

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

    await told_of_news(arena, order["id"])

    await arena.until(order["id"], status="cancelled", payment_status="cancelled", cancel_reason="expired")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    assert references_of(arena, order["id"]) == []


async def test_it_is_too_soon_to_say_that_nothing_came_of_what_was_asked_a_moment_ago(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    gateway = await served_by(arena, Silent)
    order = await unknown_order(arena)
    await asyncio.sleep(1)
    await told_of_news(arena, order["id"])
    await eventually(lambda: gateway.looked)

    late_payment(arena, order)

    await arena.until(order["id"], status="confirmed", payment_status="completed")
    assert (await arena.audit())[1] == ()


async def late(arena: Arena) -> list[str]:
    """The orders that money came for after their end."""
    return [subject for kind, subject in await arena.incidents() if kind == "money_after_end"]


async def test_money_that_comes_after_its_order_has_ended_is_reported(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    await served_by(arena, Nowhere)
    order = await unknown_order(arena)
    assert (await resolve(arena, order, "not_paid"))[0] == 200
    await arena.until(order["id"], status="cancelled", cancel_reason="expired")
    await gone(arena, order["id"])

    late_payment(arena, order)

    assert await eventually(lambda: late(arena)) == [order["id"]]


async def heard(arena: Arena, order: str) -> bool:
    """Whether the order's workflow was told of a webhook."""
    async with arena.database.transaction() as session:
        states = await session.scalars(select(InboundWebhook.state).where(InboundWebhook.order_id == order))
        return WebhookState.SIGNALLED in set(states)


@pytest.mark.parametrize("cancels", [True, False], ids=["cancelled", "expired"])
async def test_money_that_comes_in_the_moment_its_order_ends_is_reported(
    arena: Arena, owner_dsn: str, cancels: bool
) -> None:
    if not cancels:
        arena.rule(payment_deadline=3)
    await served_by(arena, Nowhere)
    order = await unknown_order(arena)
    assert (await resolve(arena, order, "not_paid"))[0] == 200

    async with arena.database.transaction() as session:
        await orders.lock(session, order["id"])
        ending = asyncio.create_task(arena.insist(order, "cancel")) if cancels else None
        await until_waiting(owner_dsn)
        late_payment(arena, order)
        await eventually(lambda: heard(arena, order["id"]))
        if not cancels:
            # The workflow hears of it in its next task, and is ending its order then.
            await asyncio.sleep(TASK_TIMEOUT.total_seconds())

    if ending is not None:
        assert (await ending).json()["status"] == "cancelled"
    await arena.until(order["id"], status="cancelled")
    assert await eventually(lambda: late(arena)) == [order["id"]]
    await gone(arena, order["id"])
