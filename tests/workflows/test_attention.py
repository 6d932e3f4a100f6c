"""What a person has to look at: money moved behind our back, steps that can't succeed. Nothing is lost by it."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import update
from temporalio.client import WorkflowExecutionStatus

from db.tables import Order
from domain.errors import ProviderMismatch
from domain.gateway import MoveRequest, PaymentOutcome
from domain.orders import OrderStatus, Role
from providers.stripe.gateway import StripeGateway
from tests.support.arena import SOON, Arena, eventually
from tests.support.provider_side import served_by
from tests.support.workflow_side import needs_attention, needs_nobody, told_of_news, workflow_of
from workflows.order import OrderWorkflow

TOTAL = 2644


class Estranged(StripeGateway):
    """A gateway whose provider shows somebody else's payment when it is read."""

    def read(self, request: MoveRequest) -> PaymentOutcome:
        raise ProviderMismatch(field="order", ours=request.order_id, theirs="another")


class Stubborn(StripeGateway):
    """A gateway whose provider shows somebody else's payment when it is asked to release ours, until it is mended."""

    mended = False

    def void(self, request: MoveRequest) -> PaymentOutcome:
        if not self.mended:
            raise ProviderMismatch(field="order", ours=request.order_id, theirs="another")
        return super().void(request)


async def stand(arena: Arena, order: str, status: OrderStatus) -> None:
    """Set the order's status by hand, behind the back of everybody."""
    async with arena.database.transaction() as session:
        await session.execute(update(Order).where(Order.id == order).values(status=status))


async def test_a_step_that_can_not_succeed_gives_everything_back(arena: Arena) -> None:
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, card="pm_card_authenticationRequired")).json()["id"]
    await served_by(arena, Estranged)

    await told_of_news(arena, order)

    failed = await arena.until(order, status="failed")
    assert (failed["payment_status"], failed["cancel_reason"]) == ("cancelled", "operator")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    await eventually(lambda: needs_attention(arena, order))
    assert (await arena.truth(order))["authorized"] == 0


async def test_an_order_that_can_not_be_unwound_stays_open_until_it_can(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    stubborn = await served_by(arena, Stubborn)
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, card="pm_card_authenticationRequired")).json()["id"]
    handle = workflow_of(arena, order)

    await eventually(lambda: needs_attention(arena, order))
    assert (await arena.order(order))["status"] == "pending"
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    stubborn.mended = True
    await handle.signal(OrderWorkflow.payment_changed)

    await arena.until(order, status="failed", payment_status="cancelled")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def cancelled_again(arena: Arena, order: str) -> None:
    assert (await arena.insist(order, "cancel")).status_code == 200


@pytest.mark.parametrize("mend", [cancelled_again, told_of_news])
async def test_an_order_half_given_back_ships_no_more_and_ends_once_it_can(
    arena: Arena, mend: Callable[[Arena, str], Awaitable[None]]
) -> None:
    stubborn = await served_by(arena, Stubborn)
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, capture="manual")).json()["id"]

    # As an operator does in Temporal's own UI.
    await workflow_of(arena, order).cancel()
    await eventually(lambda: needs_attention(arena, order))

    refused = await arena.command(order, "ship", Role.SELLER)
    assert (refused.status_code, refused.json()["code"]) == (409, "order_busy")
    assert await eventually(arena.incidents) == [("order_not_unwound", order)]
    stubborn.mended = True
    await mend(arena, order)
    await arena.until(order, status="cancelled", payment_status="cancelled")
    await eventually(lambda: needs_nobody(arena, order))
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3


async def test_what_a_persons_cancellation_could_not_undo_is_tried_again(arena: Arena) -> None:
    stubborn = await served_by(arena, Stubborn)
    product = await arena.product(on_hand=3)
    order = (await arena.place(product, capture="manual")).json()["id"]

    failed = await arena.command(order, "cancel", Role.ADMIN, restock=False)

    assert failed.status_code >= 400
    assert [kind for kind, _ in await arena.incidents()] == ["order_not_unwound"]
    stubborn.mended = True
    await told_of_news(arena, order)
    await arena.until(order, status="cancelled", payment_status="cancelled")
    # As the person had said: the goods do not go back on the shelf.
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 2


async def test_a_cancellation_from_the_web_ui_that_meets_a_refused_order_changes_nothing(arena: Arena) -> None:
    await arena.stop_workers()
    arena.answer_within(1)
    order = (await arena.place(await arena.product(on_hand=1), 2)).json()["id"]
    handle = workflow_of(arena, order)
    await handle.cancel()

    await arena.start_workers()

    await handle.result()
    assert (await arena.order(order))["refusal"] == "out_of_stock"


async def test_delivered_goods_are_not_refunded_when_their_order_can_not_be_completed(arena: Arena) -> None:
    arena.rule(inspection_window=SOON)
    order = (await arena.place(await arena.product())).json()["id"]
    await arena.command(order, "ship", Role.SELLER)
    await arena.insist(order, "deliver", Role.SELLER)
    # What nobody expects is in the way when the inspection is over.
    await stand(arena, order, OrderStatus.SHIPPED)

    async def reported() -> list[tuple[str, str]]:
        return await arena.incidents()

    assert await eventually(reported) == [("order_not_unwound", order)]
    await stand(arena, order, OrderStatus.DELIVERED)
    await told_of_news(arena, order)
    await arena.until(order, status="completed", payment_status="completed")
    assert (await arena.truth(order))["refunds"] == 0
