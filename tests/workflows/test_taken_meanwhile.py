"""Money that was taken, or may be, while an order is to end: never kept, never forgotten."""

import asyncio

from db.books import check
from domain.books import ProviderTruth
from domain.errors import ProviderMismatch
from domain.gateway import AuthorizeRequest, MoveRequest, PaymentOutcome, Pending
from providers.stripe import NAME as STRIPE
from providers.stripe.gateway import StripeGateway
from tests.support.arena import SOON, Arena, eventually
from tests.support.provider_side import intent_of, served_by
from tests.support.stripe_sandbox import DEAF
from tests.support.workflow_side import told_of_news, workflow_of

TOTAL = 2644
BACK = {"captured": TOTAL, "refunded": TOTAL, "captures": 1, "refunds": 1, "intents": 1}


class Oracle(StripeGateway):
    """A gateway whose provider takes the money and shows another's payment: nobody knows what it did with ours."""

    clear = False

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        outcome = super().authorize(request)
        if not self.clear:
            raise ProviderMismatch(field="order", ours=request.order_id, theirs="another")
        return outcome

    def find(self, request: AuthorizeRequest) -> PaymentOutcome | None:
        if not self.clear:
            raise ProviderMismatch(field="order", ours=request.order_id, theirs="another")
        return super().find(request)


class Working(StripeGateway):
    """A gateway whose provider still works on the payment when it is asked to release it."""

    done = False
    asked = 0

    def void(self, request: MoveRequest) -> PaymentOutcome:
        self.asked += 1
        return super().void(request) if self.done else Pending(reference=request.reference)


async def books_hold(arena: Arena, order: str) -> None:
    """The books are sound, and agree with the provider on the only order there is."""
    truth = ProviderTruth.model_validate({"payments": {order: await arena.truth(order)}})
    assert await check(arena.database, {STRIPE: truth}) == ()


async def test_a_buyer_who_confirms_at_the_bank_when_the_order_expires_gets_the_money_back(arena: Arena) -> None:
    arena.rule(payment_deadline=SOON)
    arena.stripe.script(webhooks=DEAF)
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, card="pm_card_authenticationRequired")).json()
    intent = order["next_action"]["client_secret"].partition("_secret_")[0]

    (await asyncio.to_thread(arena.stripe.challenge, intent, "succeed")).raise_for_status()

    expired = await arena.until(order["id"], status="cancelled", payment_status="refunded")
    assert expired["cancel_reason"] == "expired"
    assert (await arena.truth(order["id"])).items() >= BACK.items()
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    await books_hold(arena, order["id"])


async def test_money_that_somebody_took_at_the_provider_goes_back_with_the_order(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, capture="manual")).json()["id"]
    # Nobody is told: the cancellation is the first to meet it.
    arena.stripe.script(webhooks=DEAF)
    arena.stripe.client().v1.payment_intents.capture(intent_of(arena, order).id)

    cancelled = await arena.insist(order, "cancel")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    await arena.until(order, payment_status="refunded")
    assert (await arena.truth(order)).items() >= BACK.items()
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    await books_hold(arena, order)


async def test_an_order_whose_money_may_be_taken_is_not_given_up_until_it_is_known(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    oracle = await served_by(arena, Oracle)
    order = (await arena.place(await arena.product())).json()
    assert (order["status"], order["payment_status"]) == ("pending", "unknown")

    refused = await arena.command(order, "cancel", key="cancel it")
    await workflow_of(arena, order["id"]).cancel()
    await asyncio.sleep(1.5)

    assert (refused.status_code, refused.json()["code"]) == (409, "order_busy")
    assert (await arena.order(order["id"]))["status"] == "pending"
    oracle.clear = True
    await told_of_news(arena, order["id"])
    ended = await arena.until(order["id"], status="cancelled", payment_status="refunded")
    assert ended["cancel_reason"] == "operator"
    assert (await arena.truth(order["id"])).items() >= BACK.items()
    await books_hold(arena, order["id"])


async def debited(arena: Arena) -> tuple[str, str]:
    """An order that is paid by a bank debit: the provider takes its time, and can't be stopped."""
    method = arena.stripe.client().v1.payment_methods.create(
        {
            "type": "sepa_debit",
            "sepa_debit": {"iban": "DE89370400440532013000"},
            "billing_details": {"name": "A", "email": "a@example.com"},
        }
    )
    product = await arena.product(on_hand=3, currency="EUR")
    order = (await arena.place(product, card=method.id)).json()
    assert (order["status"], order["payment_status"]) == ("pending", "processing"), order
    return order["id"], product


async def test_an_order_whose_debit_is_under_way_waits_beyond_its_deadline(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    arena.stripe.script(processing_ms=1000 * SOON)
    order, _ = await debited(arena)

    busy = await arena.command(order, "cancel")

    assert (busy.status_code, busy.json()["code"]) == (409, "order_busy")
    await arena.until(order, status="confirmed", payment_status="completed")
    await books_hold(arena, order)


async def test_a_hold_that_can_not_be_released_yet_is_released_later(arena: Arena) -> None:
    working = await served_by(arena, Working)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]
    arena.answer_within(1)

    accepted = await arena.command(order, "cancel")

    assert (accepted.status_code, accepted.json()["status"]) == (202, "confirmed")
    await eventually(lambda: working.asked)
    working.done = True
    await told_of_news(arena, order)
    await arena.until(order, status="cancelled", payment_status="cancelled")
    assert (await arena.truth(order)).items() >= {"voided": TOTAL, "captured": 0}.items()
    await books_hold(arena, order)


async def test_a_buyer_who_pays_at_the_bank_after_a_failed_try_gets_the_money_back_with_the_order(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, card="pm_card_authenticationRequired")).json()
    intent = order["next_action"]["client_secret"].partition("_secret_")[0]
    (await asyncio.to_thread(arena.stripe.challenge, intent, "fail")).raise_for_status()
    await arena.until(order["id"], payment_status="failed")
    # The page with the client secret is still open.
    arena.stripe.client().v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})

    await arena.insist(order, "cancel")

    await arena.until(order["id"], status="cancelled", payment_status="refunded")
    assert (await arena.truth(order["id"])).items() >= BACK.items()
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    await books_hold(arena, order["id"])


async def test_an_amount_that_the_provider_does_not_take_leaves_the_order_to_its_buyer(arena: Arena) -> None:
    product = await arena.product(price=200_000_000, on_hand=3)

    order = (await arena.place(product)).json()

    assert (order["status"], order["payment_status"]) == ("pending", "failed")
    assert order["next_action"]["type"] == "choose_method"
    cancelled = await arena.command(order, "cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def test_money_that_was_held_and_released_unseen_leaves_the_books_sound(arena: Arena) -> None:
    arena.stripe.script(webhooks=DEAF)
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, card="pm_card_authenticationRequired", capture="manual")).json()["id"]
    (await asyncio.to_thread(arena.stripe.challenge, intent_of(arena, order).id, "succeed")).raise_for_status()

    assert (await arena.command(order, "cancel")).status_code == 200

    assert (await arena.order(order))["status"] == "cancelled"
    assert (await arena.truth(order)).items() >= {"authorized": TOTAL, "voided": TOTAL, "captured": 0}.items()
    await books_hold(arena, order)
