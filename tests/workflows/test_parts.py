"""Orders of several sellers: a part is called off, shipped and accepted by itself, and the money follows."""

import asyncio
from datetime import timedelta

from sqlalchemy import update

from db.ids import new_id
from db.tables import Refund, Request
from domain.orders import Role
from tests.support.arena import SOON, Arena, eventually
from tests.support.behind import called_off, claimed, sweep
from tests.support.ledger import sale_postings
from tests.support.parts import PART, SHIPPING, Bought, buy


async def test_a_part_that_was_paid_is_refunded_and_the_rest_is_sold(arena: Arena) -> None:
    bought = await buy(arena)

    called_off = await bought.call_off(0, Role.SELLER)

    assert called_off.status_code == 200, called_off.text
    assert [each["status"] for each in called_off.json()["fulfilments"]] == ["cancelled"]
    order = await arena.until(bought.id, payment_status="partially_refunded")
    assert (order["status"], [each["amount"]["amount"] for each in order["refunds"]]) == ("confirmed", [PART])
    assert await bought.stock() == [5, 4]
    await bought.ship(1)
    await arena.command(bought.id, "deliver")
    await arena.until(bought.id, status="completed", payment_status="partially_refunded")
    assert await bought.stock() == [5, 4]
    whole = 2 * PART + SHIPPING
    assert await bought.money() == {"authorized": whole, "captured": whole, "refunded": PART, "voided": 0}
    assert await sale_postings(arena, bought.id) == {
        "customer_funds_held": PART + SHIPPING,
        "seller_payable": -1999,
        "shipping_income": -SHIPPING,
        "tax_payable": -145,
    }
    assert (await arena.audit())[1] == ()


async def test_of_held_money_only_the_rest_is_captured(arena: Arena) -> None:
    bought = await buy(arena, capture="manual")

    await bought.call_off(0, Role.SELLER)

    order = await arena.order(bought.id)
    assert (order["status"], order["payment_status"], order["refunds"]) == ("confirmed", "authorized", [])
    await bought.ship(1)
    await arena.command(bought.id, "deliver")
    await arena.until(bought.id, status="completed", payment_status="completed")
    whole, rest = 2 * PART + SHIPPING, PART + SHIPPING
    assert await bought.money() == {"authorized": whole, "captured": rest, "refunded": 0, "voided": PART}
    assert (await arena.audit())[1] == ()


async def test_after_a_part_was_captured_with_less_the_others_still_ship(arena: Arena) -> None:
    bought = await buy(arena, 3, capture="manual")
    await bought.call_off(0)
    await bought.ship(1)

    shipped = await bought.ship(2)

    assert (shipped.status_code, shipped.json()["status"]) == (200, "shipped")
    assert (await arena.audit())[1] == ()


async def test_a_part_can_be_called_off_after_another_was_shipped(arena: Arena) -> None:
    bought = await buy(arena)
    await bought.ship(1)

    called_off = await bought.call_off(0, Role.SELLER)

    assert called_off.status_code == 200
    # Nothing else is to be shipped.
    order = await arena.until(bought.id, status="shipped", payment_status="partially_refunded")
    assert sorted(each["status"] for each in order["fulfilments"]) == ["cancelled", "shipped"]
    await arena.command(bought.id, "deliver")
    await arena.until(bought.id, status="completed")
    assert (await arena.audit())[1] == ()


async def test_a_part_that_is_called_off_last_lets_a_delivered_order_come_to_its_end(arena: Arena) -> None:
    bought = await buy(arena)
    await bought.ship(1)
    await bought.deliver(1, Role.BUYER)

    await bought.call_off(0, Role.SELLER)

    await arena.until(bought.id, status="completed", payment_status="partially_refunded")
    assert len(await arena.logged(bought.id, "order.shipped")) == 1
    assert len(await arena.logged(bought.id, "order.delivered")) == 1
    assert (await arena.audit())[1] == ()


async def test_two_parts_of_the_same_price_are_two_refunds(arena: Arena) -> None:
    bought = await buy(arena, 3)
    # Both are asked for while neither has an answer.
    arena.stripe.script(faults=[{"method": "POST", "path": "/v1/refunds", "do": "error_500"}])
    called_off = [await bought.call_off(0), await bought.call_off(1)]

    assert [each.status_code for each in called_off] == [200, 200], "the second did not wait for the first"
    arena.stripe.script(faults=[])

    async def both() -> bool:
        return bool((await arena.truth(bought.id))["refunded"] == 2 * PART)

    await eventually(both)
    refunds = (await arena.order(bought.id))["refunds"]
    assert [each["amount"]["amount"] for each in refunds] == [PART, PART]
    assert (await arena.audit())[1] == ()


async def test_the_last_part_ends_the_whole_order_and_refunds_its_shipping_too(arena: Arena) -> None:
    bought = await buy(arena)
    await bought.call_off(0)

    ended = await bought.call_off(1)

    assert (ended.status_code, ended.json()["status"]) == (200, "cancelled")
    await arena.until(bought.id, status="cancelled", payment_status="refunded")
    whole = 2 * PART + SHIPPING
    assert await bought.money() == {"authorized": whole, "captured": whole, "refunded": whole, "voided": 0}
    assert await bought.stock() == [5, 5]
    assert (await arena.audit())[1] == ()


async def test_a_sole_seller_cancels_the_order(arena: Arena) -> None:
    bought = await buy(arena, 1, capture="manual")

    ended = await arena.insist(bought.id, "cancel", Role.SELLER)

    assert (ended.status_code, ended.json()["status"]) == (200, "cancelled")
    assert (await bought.money())["voided"] == PART + SHIPPING
    assert (await arena.audit())[1] == ()


async def test_an_order_that_lost_a_part_can_still_be_cancelled(arena: Arena) -> None:
    for capture, given_back in (("automatic", "refunded"), ("manual", "voided")):
        bought = await buy(arena, capture=capture)
        await bought.call_off(0)

        ended = await arena.insist(bought.id, "cancel")

        assert (ended.status_code, ended.json()["status"]) == (200, "cancelled")

        async def all_of_it(bought: Bought = bought, given_back: str = given_back) -> bool:
            return (await bought.money())[given_back] == 2 * PART + SHIPPING

        await eventually(all_of_it)
    assert (await arena.audit())[1] == ()


async def test_a_seller_calls_off_no_part_of_another_and_none_that_is_shipped(arena: Arena) -> None:
    bought = await buy(arena)

    another_s = await bought.call_off(1, Role.SELLER)
    await bought.ship(0)
    shipped = await bought.call_off(0, Role.SELLER)

    assert (another_s.status_code, another_s.json()["code"]) == (422, "fulfilment_required")
    assert (shipped.status_code, shipped.json()["code"]) == (422, "fulfilment_required")
    assert (await bought.money())["refunded"] == 0
    assert sorted(each["status"] for each in (await arena.order(bought.id))["fulfilments"]) == ["pending", "shipped"]


async def test_of_an_unpaid_order_no_part_is_called_off(arena: Arena) -> None:
    bought = await buy(arena, card="pm_card_authenticationRequired")

    refused = await bought.call_off(0, Role.SELLER)

    assert (refused.status_code, refused.json()["code"]) == (409, "order_not_cancellable")
    assert await bought.stock() == [4, 4]


async def test_a_repeated_call_is_one_refund(arena: Arena) -> None:
    bought = await buy(arena)
    key, body = new_id("key"), {"fulfilment_id": bought.parts[0]}

    answers = await asyncio.gather(
        *(arena.insist(bought.id, "cancel", Role.ADMIN, key, **body) for _ in range(4)),
    )

    assert {each.status_code for each in answers} == {200}
    order = await arena.until(bought.id, payment_status="partially_refunded")
    assert len(order["refunds"]) == 1
    assert (await arena.truth(bought.id))["refunds"] == 1


async def test_a_refund_that_its_command_never_came_to_is_begun_by_a_sweep(arena: Arena) -> None:
    bought = await buy(arena)
    command = await claimed(arena, bought.id, "cancel", fulfilment_id=bought.parts[0])
    await called_off(arena, bought.id, command)
    async with arena.database.transaction() as session:
        # Its order took the other part's delivery for its end: the command is told no more.
        await session.execute(update(Request).where(Request.id == command.request_id).values(owed=False))
        await session.execute(update(Refund).values(created=Refund.created - timedelta(seconds=61)))

    await asyncio.gather(sweep(arena), sweep(arena))

    order = await arena.until(bought.id, payment_status="partially_refunded")
    assert [each["amount"]["amount"] for each in order["refunds"]] == [PART]
    assert (await arena.truth(bought.id))["refunds"] == 1
    assert (await arena.audit())[1] == ()


async def test_calling_off_and_shipping_at_once_ends_in_exactly_one_of_them(arena: Arena) -> None:
    bought = await buy(arena)

    called_off, shipped = await asyncio.gather(bought.call_off(0, Role.SELLER), bought.ship(0))

    assert sorted([called_off.status_code, shipped.status_code]) == [200, 422]
    part = next(each for each in (await arena.order(bought.id))["fulfilments"] if each["id"] == bought.parts[0])
    assert part["status"] == ("cancelled" if called_off.status_code == 200 else "shipped")


async def test_goods_of_a_part_that_are_damaged_leave_the_shelf(arena: Arena) -> None:
    bought = await buy(arena)

    await bought.call_off(0, Role.SELLER, restock=False)

    assert await bought.stock() == [4, 4]
    assert (await arena.audit())[1] == ()


async def test_the_buyer_s_word_on_one_part_accepts_no_other(arena: Arena) -> None:
    arena.rule(inspection_window=SOON)
    bought = await buy(arena)
    await bought.ship(0)
    await bought.ship(1)

    await bought.deliver(0, Role.BUYER)
    delivered = (await bought.deliver(1, Role.ADMIN)).json()

    assert (delivered["status"], sorted(each["accepted"] for each in delivered["fulfilments"])) == (
        "delivered",
        [False, True],
    )
    # The other's window runs; it ends by itself.
    assert (await arena.order(bought.id))["status"] == "delivered"
    await arena.until(bought.id, status="completed")


async def test_the_buyer_s_word_on_all_ends_the_inspection(arena: Arena) -> None:
    bought = await buy(arena)
    await bought.ship(0)
    await bought.ship(1)
    await bought.deliver(0, Role.ADMIN)
    await bought.deliver(1, Role.ADMIN)

    await arena.insist(bought.id, "deliver")

    await arena.until(bought.id, status="completed")
