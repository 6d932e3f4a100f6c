"""The facts decide, whatever a workflow knows: nothing shipped is refunded, nothing refunded is shipped."""

from sqlalchemy import update

from db.tables import Request
from domain.orders import Role
from tests.support.arena import Arena, eventually
from tests.support.behind import OLD, YOUNG, cancelled, claimed, ended, refund_approved, shipped, sweep
from tests.support.workflow_side import workflow_of


async def test_shipped_goods_are_not_refunded_although_the_workflow_knows_of_no_shipment(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await shipped(arena, order, await claimed(arena, order, "ship", age=YOUNG))

    refused = await arena.insist(order, "cancel")

    assert (refused.status_code, refused.json()["code"]) == (409, "order_not_cancellable")
    assert (await arena.insist(order, "deliver")).status_code == 200
    await arena.until(order, status="completed")
    assert (await arena.truth(order))["refunds"] == 0


async def test_a_cancellation_from_the_web_ui_does_not_end_what_was_shipped(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await shipped(arena, order, await claimed(arena, order, "ship"))

    await workflow_of(arena, order).cancel()

    async def reported() -> list[str]:
        listed = (await arena.get("/v1/incidents?open=true", Role.ADMIN))["data"]
        return [each["kind"] for each in listed if each["subject"] == order]

    assert await eventually(reported) == ["order_not_unwound"]
    assert (await sweep(arena)).commands == 1
    assert (await arena.insist(order, "deliver")).status_code == 200
    await arena.until(order, status="completed")
    assert (await arena.truth(order))["refunds"] == 0


async def test_goods_are_not_shipped_once_their_money_is_on_its_way_back(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await refund_approved(arena, order, await claimed(arena, order, "cancel", age=YOUNG))

    refused = await arena.command(order, "ship", Role.SELLER)

    assert (refused.status_code, refused.json()["code"]) == (409, "money_given_back")
    async with arena.database.transaction() as session:
        await session.execute(update(Request).where(Request.owed).values(created=Request.created - OLD))
    assert (await sweep(arena)).commands == 1
    await arena.until(order, status="cancelled", payment_status="refunded")
    assert (await arena.truth(order))["refunds"] == 1


async def test_the_end_that_a_workflow_does_not_know_of_is_told_before_the_next_command(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await cancelled(arena, order, await claimed(arena, order, "cancel", age=YOUNG))

    refused = await arena.insist(order, "ship", Role.SELLER)

    assert (refused.status_code, refused.json()["code"]) == (409, "order_closed")
    await arena.until(order, status="cancelled", payment_status="refunded")
    assert (await arena.truth(order))["refunds"] == 1


async def test_nothing_is_paid_of_an_order_that_has_ended_although_its_workflow_does_not_know(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), card="pm_card_chargeDeclined")).json()["id"]
    await ended(arena, order)

    refused = await arena.command(order, "pay", payment={"method": "card", "payment_method_id": "pm_card_visa"})

    assert (refused.status_code, refused.json()["code"]) == (409, "order_closed")
    assert (await arena.truth(order))["captured"] == 0
