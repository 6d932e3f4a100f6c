"""What a person has to look at: money moved behind our back, steps that can't succeed. Nothing is lost by it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import update
from stripe import PaymentIntent
from temporalio.client import WorkflowExecutionStatus

from db.tables import Order
from domain.errors import ProviderMismatch
from domain.gateway import MoveRequest, PaymentOutcome
from domain.orders import OrderStatus, Role
from providers.stripe import NAME as STRIPE
from providers.stripe.gateway import StripeGateway
from tests.support.arena import READ_TIMEOUT, Arena, eventually
from workflows.names import NEEDS_ATTENTION, order_workflow_id
from workflows.order import OrderWorkflow

TOTAL = 2644


class Estranged(StripeGateway):
    """A gateway whose provider shows somebody else's payment when it is read."""

    def read(self, request: MoveRequest) -> PaymentOutcome:
        raise ProviderMismatch(field="order", ours=request.order_id, theirs="another")


def intent_of(arena: Arena, order: str) -> PaymentIntent:
    intents = arena.stripe.client().v1.payment_intents.list().data
    return next(each for each in intents if each.metadata is not None and each.metadata["order_id"] == order)


class Stubborn(StripeGateway):
    """A gateway whose provider shows somebody else's payment when it is asked to release ours, until it is mended."""

    mended = False

    def void(self, request: MoveRequest) -> PaymentOutcome:
        if not self.mended:
            raise ProviderMismatch(field="order", ours=request.order_id, theirs="another")
        return super().void(request)


async def incidents(arena: Arena) -> list[tuple[str, str]]:
    listed = (await arena.get("/v1/incidents?open=true", Role.ADMIN))["data"]
    return [(each["kind"], each["subject"]) for each in listed]


async def stand(arena: Arena, order: str, status: OrderStatus) -> None:
    """Set the order's status by hand, behind the back of everybody."""
    async with arena.database.transaction() as session:
        await session.execute(update(Order).where(Order.id == order).values(status=status))


async def needs_attention(arena: Arena, order: str) -> bool:
    seen = await arena.temporal.get_workflow_handle(order_workflow_id(order)).describe()
    return bool(seen.typed_search_attributes.get(NEEDS_ATTENTION))


async def test_goods_are_not_shipped_when_the_hold_is_gone(arena: Arena) -> None:
    # Nobody tells that the hold is gone: it is noticed when it is needed.
    arena.stripe.script(webhooks={"drop": 1.0})
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
    order = await captured_in_part(arena, webhooks={"drop": 1.0})

    refused = await arena.command(order, "ship", Role.SELLER)
    again = await arena.command(order, "ship", Role.SELLER)

    assert (refused.status_code, refused.json()["code"]) == (409, "capture_failed")
    assert "captured_in_part" in refused.json()["detail"]
    assert (again.status_code, again.json()["code"]) == (409, "order_not_shippable")
    assert await incidents(arena) == [("money_moved_outside", order)]
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
    assert (await arena.insist(order, "ship", Role.SELLER)).json()["code"] == "order_not_shippable"
    assert await incidents(arena) == [("money_moved_outside", order)]
    assert (await arena.insist(order, "cancel")).status_code == 200
    await arena.until(order, status="cancelled", payment_status="refunded")
    assert (await arena.audit())[1] == ()


async def test_a_part_that_was_captured_elsewhere_goes_back_with_its_order(arena: Arena) -> None:
    order = await captured_in_part(arena, webhooks={"drop": 1.0})

    assert (await arena.command(order, "cancel")).status_code == 200

    await arena.until(order, status="cancelled", payment_status="refunded")
    truth = await arena.truth(order)
    assert (truth["captured"], truth["refunded"], truth["voided"]) == (1000, 1000, TOTAL - 1000)
    assert (await arena.audit())[1] == ()


async def test_a_step_that_can_not_succeed_gives_everything_back(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, card="pm_card_authenticationRequired")).json()["id"]
    await arena.stop_workers()
    arena.providers = {STRIPE: Estranged("sk_test_arena", api_base=arena.stripe.url, timeout=(1.0, READ_TIMEOUT))}
    await arena.start_workers()

    await arena.temporal.get_workflow_handle(order_workflow_id(order)).signal(OrderWorkflow.payment_changed)

    failed = await arena.until(order, status="failed")
    assert (failed["payment_status"], failed["cancel_reason"]) == ("cancelled", "operator")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    await eventually(lambda: needs_attention(arena, order))
    assert (await arena.truth(order))["authorized"] == 0


async def test_an_order_that_can_not_be_unwound_stays_open_until_it_can(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    stubborn = Stubborn("sk_test_arena", api_base=arena.stripe.url, timeout=(1.0, READ_TIMEOUT))
    await arena.stop_workers()
    arena.providers = {STRIPE: stubborn}
    await arena.start_workers()
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, card="pm_card_authenticationRequired")).json()["id"]
    handle = arena.temporal.get_workflow_handle(order_workflow_id(order))

    await eventually(lambda: needs_attention(arena, order))
    assert (await arena.order(order))["status"] == "pending"
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    stubborn.mended = True
    await handle.signal(OrderWorkflow.payment_changed)

    await arena.until(order, status="failed", payment_status="cancelled")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def cancelled_again(arena: Arena, order: str) -> None:
    assert (await arena.insist(order, "cancel")).status_code == 200


async def told_of_news(arena: Arena, order: str) -> None:
    await arena.temporal.get_workflow_handle(order_workflow_id(order)).signal(OrderWorkflow.payment_changed)


@pytest.mark.parametrize("mend", [cancelled_again, told_of_news])
async def test_an_order_half_given_back_ships_no_more_and_ends_once_it_can(
    arena: Arena, mend: Callable[[Arena, str], Awaitable[None]]
) -> None:
    stubborn = Stubborn("sk_test_arena", api_base=arena.stripe.url, timeout=(1.0, READ_TIMEOUT))
    await arena.stop_workers()
    arena.providers = {STRIPE: stubborn}
    await arena.start_workers()
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, capture="manual")).json()["id"]

    # As an operator does in Temporal's own UI.
    await arena.temporal.get_workflow_handle(order_workflow_id(order)).cancel()
    await eventually(lambda: needs_attention(arena, order))

    refused = await arena.command(order, "ship", Role.SELLER)
    assert (refused.status_code, refused.json()["code"]) == (409, "order_busy")
    assert await incidents(arena) == [("order_not_unwound", order)]
    stubborn.mended = True
    await mend(arena, order)
    await arena.until(order, status="cancelled", payment_status="cancelled")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def test_what_a_persons_cancellation_could_not_undo_is_tried_again(arena: Arena) -> None:
    stubborn = Stubborn("sk_test_arena", api_base=arena.stripe.url, timeout=(1.0, READ_TIMEOUT))
    await arena.stop_workers()
    arena.providers = {STRIPE: stubborn}
    await arena.start_workers()
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, capture="manual")).json()["id"]

    failed = await arena.command(order, "cancel", restock=False)

    assert failed.status_code >= 400
    assert [kind for kind, _ in await incidents(arena)] == ["order_not_unwound"]
    stubborn.mended = True
    await told_of_news(arena, order)
    await arena.until(order, status="cancelled", payment_status="cancelled")
    # As the person had said: the goods do not go back on the shelf.
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2


async def test_a_cancellation_from_the_web_ui_that_meets_a_refused_order_changes_nothing(arena: Arena) -> None:
    await arena.stop_workers()
    arena.answer_within(0.3)
    order = (await arena.place(await arena.product(on_hand=1), 2)).json()["id"]
    handle = arena.temporal.get_workflow_handle(order_workflow_id(order))
    await handle.cancel()

    await arena.start_workers()

    await handle.result()
    assert (await arena.order(order))["refusal"] == "out_of_stock"


async def test_delivered_goods_are_not_refunded_when_their_order_can_not_be_completed(arena: Arena) -> None:
    arena.rule(inspection_window=2)
    order = (await arena.place(await arena.product())).json()["id"]
    await arena.command(order, "ship", Role.SELLER)
    await arena.insist(order, "deliver", Role.SELLER)
    # What nobody expects is in the way when the inspection is over.
    await stand(arena, order, OrderStatus.SHIPPED)

    async def reported() -> list[tuple[str, str]]:
        return await incidents(arena)

    assert await eventually(reported) == [("order_not_unwound", order)]
    await stand(arena, order, OrderStatus.DELIVERED)
    await told_of_news(arena, order)
    await arena.until(order, status="completed", payment_status="completed")
    assert (await arena.truth(order))["refunds"] == 0
