"""How an order or a refund can end, each as a story that is told to a running system."""

from collections.abc import Awaitable, Callable

from domain.orders import Role
from tests.support.arena import Arena, eventually
from workflows.names import order_workflow_id, refund_workflow_id


async def _placed(arena: Arena, *, capture: str = "automatic", card: str = "pm_card_visa") -> str:
    order_id: str = (await arena.place(await arena.product(), capture=capture, card=card)).json()["id"]
    return order_id


async def order_completed(arena: Arena) -> str:
    order = await _placed(arena)
    await arena.command(order, "ship", Role.SELLER)
    await arena.command(order, "deliver")
    return order_workflow_id(order)


async def order_captured_at_shipping(arena: Arena) -> str:
    order = await _placed(arena, capture="manual")
    await arena.command(order, "ship", Role.SELLER)
    await arena.command(order, "deliver")
    return order_workflow_id(order)


async def order_completed_after_inspection(arena: Arena) -> str:
    order = await _placed(arena)
    await arena.command(order, "ship", Role.SELLER)
    await arena.command(order, "deliver", Role.SELLER)
    await arena.command(order, "deliver")
    return order_workflow_id(order)


async def order_refused(arena: Arena) -> str:
    product = await arena.product(on_hand=1)
    headers = await arena.headers(Role.BUYER)
    await arena.place(product, 2, key=headers["Idempotency-Key"])
    async for workflow in arena.temporal.list_workflows("WorkflowType='OrderWorkflow'"):
        return workflow.id
    raise AssertionError


async def order_cancelled_when_authorized(arena: Arena) -> str:
    order = await _placed(arena, capture="manual")
    await arena.command(order, "cancel")
    return order_workflow_id(order)


async def order_cancelled_when_captured(arena: Arena) -> str:
    order = await _placed(arena)
    await arena.command(order, "cancel")
    return order_workflow_id(order)


async def order_cancelled_after_decline(arena: Arena) -> str:
    order = await _placed(arena, card="pm_card_chargeDeclined")
    await arena.command(order, "cancel")
    return order_workflow_id(order)


async def order_paid_at_the_second_attempt(arena: Arena) -> str:
    order = await _placed(arena, card="pm_card_chargeDeclined")
    await arena.command(order, "pay", payment={"method": "card", "payment_method_id": "pm_card_visa"})
    await arena.command(order, "ship", Role.SELLER)
    await arena.command(order, "deliver")
    return order_workflow_id(order)


async def order_cancelled_from_the_web_ui(arena: Arena) -> str:
    order = await _placed(arena, capture="manual")
    await arena.temporal.get_workflow_handle(order_workflow_id(order)).cancel()
    await arena.until(order, status="cancelled")
    return order_workflow_id(order)


async def order_confirmed_with_the_bank(arena: Arena) -> str:
    placed = (await arena.place(await arena.product(), card="pm_card_authenticationRequired")).json()
    arena.stripe.challenge(placed["next_action"]["client_secret"].split("_secret_")[0], "succeed")
    await arena.until(placed["id"], status="confirmed")
    cancelled = await eventually(lambda: _cancelled(arena, placed["id"]))
    assert cancelled
    return order_workflow_id(placed["id"])


async def _cancelled(arena: Arena, order: str) -> bool:
    """The workflow is busy until its task ends, a moment after the row says so."""
    return (await arena.command(order, "cancel")).status_code == 200


async def order_expired(arena: Arena) -> str:
    arena.rule(payment_deadline=1)
    order = await _placed(arena, card="pm_card_chargeDeclined")
    await arena.until(order, status="cancelled", cancel_reason="expired")
    return order_workflow_id(order)


async def order_completed_when_nobody_objects(arena: Arena) -> str:
    arena.rule(inspection_window=1)
    order = await _placed(arena)
    await arena.command(order, "ship", Role.SELLER)
    await arena.command(order, "deliver", Role.SELLER)
    await arena.until(order, status="completed")
    return order_workflow_id(order)


async def order_held_and_released(arena: Arena) -> str:
    order = await _placed(arena)
    await arena.command(order, "hold", Role.ADMIN, reason="fraud_review")
    await arena.command(order, "release", Role.ADMIN)
    await arena.command(order, "ship", Role.SELLER)
    await arena.command(order, "deliver")
    await arena.until(order, status="completed")
    return order_workflow_id(order)


async def order_whose_money_lapsed(arena: Arena) -> str:
    arena.stripe.script(hold_ms=4000)
    arena.rule(capture_margin=3)
    order = await _placed(arena, capture="manual")
    await arena.until(order, status="cancelled", cancel_reason="expired")
    return order_workflow_id(order)


async def order_that_costs_nothing(arena: Arena) -> str:
    product = await arena.product()
    terms = {"code": "GIFT", "kind": "percentage", "percent": 100}
    assert (await arena.post("/v1/discounts", terms, Role.ADMIN)).status_code == 201
    order = (await arena.place(product, discount_code="GIFT", shipping_method="pickup")).json()["id"]
    await arena.command(order, "ship", Role.SELLER)
    await arena.command(order, "deliver")
    return order_workflow_id(order)


async def order_with_a_part_called_off(arena: Arena) -> str:
    other = await arena.product(seller=await arena.new_account(Role.SELLER))
    items = [{"product_id": each, "quantity": 1} for each in (await arena.product(), other)]
    order = (await arena.place(other, items=items)).json()["id"]
    await arena.command(order, "cancel", Role.SELLER)
    await arena.until(order, payment_status="partially_refunded")
    await arena.command(order, "ship", Role.ADMIN)
    await arena.command(order, "deliver")
    return order_workflow_id(order)


async def refund_completed(arena: Arena) -> str:
    order = await _placed(arena)
    await arena.command(order, "cancel")
    refund = (await arena.until(order, payment_status="refunded"))["refunds"][0]["id"]
    return refund_workflow_id(refund)


async def refund_completed_later(arena: Arena) -> str:
    order = await _placed(arena, card="pm_card_pendingRefund")
    await arena.command(order, "cancel")
    refund = (await arena.until(order, payment_status="refunded"))["refunds"][0]["id"]
    return refund_workflow_id(refund)


ENDINGS: dict[str, Callable[[Arena], Awaitable[str]]] = {
    story.__name__: story
    for story in (
        order_completed,
        order_captured_at_shipping,
        order_completed_after_inspection,
        order_refused,
        order_cancelled_when_authorized,
        order_cancelled_when_captured,
        order_cancelled_after_decline,
        order_paid_at_the_second_attempt,
        order_cancelled_from_the_web_ui,
        order_confirmed_with_the_bank,
        order_expired,
        order_completed_when_nobody_objects,
        order_held_and_released,
        order_whose_money_lapsed,
        order_that_costs_nothing,
        order_with_a_part_called_off,
        refund_completed,
        refund_completed_later,
    )
}
