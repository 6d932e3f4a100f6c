"""Money that is held never lapses unseen (P14): what was not shipped in time is given back before."""

import asyncio
from typing import Any

from sqlalchemy import select

from db.tables import Incident
from domain.errors import ProviderUnreachable
from domain.gateway import MoveRequest, PaymentOutcome
from domain.incidents import IncidentKind
from domain.orders import Role
from providers.stripe.gateway import StripeGateway
from tests.support.arena import SOON, Arena, eventually
from tests.support.provider_side import intent_of, served_by
from tests.support.stripe_sandbox import DEAF

TOTAL = 2644
# How long the simulator holds money, and how long before its end we act, in seconds.
HOLD, MARGIN = SOON + 4, 4


class Silent(StripeGateway):
    """A gateway whose provider says nothing of what it holds, until it is heard again."""

    heard = False
    asked = 0

    def read(self, request: MoveRequest) -> PaymentOutcome:
        self.asked += 1
        if not self.heard:
            raise ProviderUnreachable(reason="nothing heard", retry_after=60)
        return super().read(request)


def soon(arena: Arena, **script: Any) -> None:
    arena.stripe.script(hold_ms=HOLD * 1000, **script)
    arena.rule(capture_margin=MARGIN)


async def is_paid_and_ships(arena: Arena, order: str) -> None:
    await arena.until(order, payment_status="completed")
    assert (await arena.insist(order, "ship", Role.SELLER)).json()["status"] == "shipped"
    assert (await arena.truth(order)).items() >= {"captured": TOTAL, "captures": 1, "refunds": 0}.items()
    assert (await arena.audit())[1] == ()


async def lapses(arena: Arena) -> list[str]:
    """The orders whose lapse was reported."""
    async with arena.database.transaction() as session:
        query = select(Incident.subject).where(Incident.kind == IncidentKind.AUTHORIZATION_LAPSES)
        return list(await session.scalars(query))


async def test_held_money_is_released_with_its_order_before_it_lapses(arena: Arena) -> None:
    soon(arena)
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, capture="manual")).json()
    assert order["payments"][0]["capture_before"] is not None

    ended = await arena.until(order["id"], status="cancelled", payment_status="cancelled")

    assert ended["cancel_reason"] == "expired"
    truth = await arena.truth(order["id"])
    assert (truth["voided"], truth["captured"]) == (TOTAL, 0)
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    # By us: what the provider lets lapse is reported.
    assert await lapses(arena) == []
    assert (await arena.audit())[1] == ()


async def test_a_shipped_order_does_not_lapse(arena: Arena) -> None:
    soon(arena)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]

    assert (await arena.insist(order, "ship", Role.SELLER)).status_code == 200
    await asyncio.sleep(SOON + 1)

    assert (await arena.order(order))["status"] == "shipped"
    assert (await arena.truth(order))["captured"] == TOTAL


async def test_an_order_on_hold_whose_money_lapses_is_a_person_s_matter(arena: Arena) -> None:
    soon(arena)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]
    await arena.command(order, "hold", Role.ADMIN, reason="fraud_review")

    assert await eventually(lambda: lapses(arena)) == [order]
    assert (await arena.order(order))["status"] == "confirmed"
    await arena.command(order, "release", Role.ADMIN)
    await arena.until(order, status="cancelled", payment_status="cancelled")
    assert (await arena.audit())[1] == ()


async def test_an_order_whose_hold_is_gone_at_the_provider_ends(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, capture="manual")).json()["id"]

    arena.stripe.client().v1.payment_intents.cancel(intent_of(arena, order).id)

    ended = await arena.until(order, status="cancelled", payment_status="cancelled")
    assert ended["cancel_reason"] == "expired"
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    assert await lapses(arena) == [order]
    assert (await arena.audit())[1] == ()


async def test_held_money_that_was_taken_by_another_s_hand_is_booked_and_does_not_lapse(arena: Arena) -> None:
    soon(arena)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]

    # As an operator does in the provider's dashboard.
    arena.stripe.client().v1.payment_intents.capture(intent_of(arena, order).id)

    await arena.until(order, payment_status="completed")
    await asyncio.sleep(SOON + 1)
    await is_paid_and_ships(arena, order)


async def test_money_that_was_taken_unheard_is_found_before_it_would_be_given_back(arena: Arena) -> None:
    soon(arena, webhooks=DEAF)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]

    arena.stripe.client().v1.payment_intents.capture(intent_of(arena, order).id)

    await is_paid_and_ships(arena, order)


async def test_a_provider_that_says_nothing_of_held_money_is_asked_again(arena: Arena) -> None:
    # Looked at three seconds after it was held, and once more while the margin is half over.
    arena.stripe.script(hold_ms=13_000, webhooks=DEAF)
    arena.rule(capture_margin=10)
    gateway = await served_by(arena, Silent)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]
    arena.stripe.client().v1.payment_intents.capture(intent_of(arena, order).id)
    await eventually(lambda: gateway.asked)

    gateway.heard = True

    await is_paid_and_ships(arena, order)
