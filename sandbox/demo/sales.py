"""Orders as they should go, and the two that end otherwise: a cancellation with refund, and an oversell refused."""

import asyncio
from decimal import Decimal
from http import HTTPStatus

from domain.books import ProviderPayment
from domain.fulfilment import FulfilmentStatus
from domain.money import in_words, round_half_up
from domain.orders import OrderStatus
from domain.payments import PaymentStatus
from sandbox.demo.client import Refused
from sandbox.demo.waiting import expect
from sandbox.demo.world import Ending, World, charged_once

SHACKLE = "Anchor shackle, galvanised"
CHART = "Chart of the Baltic"
LIFEBUOY = "Last lifebuoy"
# The merchant's own; the others in dollars are the seller's.
COMPASS = "Hand bearing compass"


async def paid_automatically(world: World) -> Ending:
    order_id = await world.shop.place(world.products[SHACKLE], 2)
    await world.becomes(order_id, OrderStatus.CONFIRMED)
    world.tell("paid; shipping and delivering")
    order = await world.ship_and_deliver(order_id)
    return await world.ends(order, "delivered and completed", charged_once(order))


async def captured_at_shipping(world: World) -> Ending:
    order_id = await world.shop.place(world.products[CHART], capture="manual")
    order = await world.becomes(order_id, OrderStatus.CONFIRMED, PaymentStatus.AUTHORIZED)
    held = ProviderPayment(
        currency="EUR",
        authorized=order.totals.total.amount,
        captured=0,
        refunded=0,
        voided=0,
        intents=1,
        captures=0,
        refunds=0,
    )
    await world.expect_money(order, held)
    world.tell("the money is held; shipping takes it")
    order = await world.ship_and_deliver(order_id)
    return await world.ends(order, "held, captured at shipping, completed", charged_once(order))


async def reduced_by_a_code(world: World) -> Ending:
    await world.shop.offer("WELCOME", 10)
    order_id = await world.shop.place(world.products[SHACKLE], 2, discount_code="welcome")
    order = await world.becomes(order_id, OrderStatus.CONFIRMED)
    goods, off = order.totals.subtotal.amount, order.totals.discount.amount
    expect(off == round_half_up(Decimal(goods) / 10), f"a tenth of {goods} should be off, not {off}")
    world.tell(f"{in_words(off, order.totals.discount.currency)} off; shipping and delivering")
    order = await world.ship_and_deliver(order_id)
    return await world.ends(order, "reduced by a code, which the merchant bears", charged_once(order))


async def one_of_two_sellers(world: World) -> Ending:
    """Paid once; the seller calls its part off, the merchant ships the other."""
    order_id = await world.shop.place(world.products[SHACKLE], beside=[world.products[COMPASS]])
    await world.becomes(order_id, OrderStatus.CONFIRMED)
    world.tell("paid once; one of two sellers calls its part off")
    await world.shop.call_off(order_id)
    order = await world.becomes(order_id, OrderStatus.CONFIRMED, PaymentStatus.PARTIALLY_REFUNDED)
    gone = {part.id for part in order.fulfilments if part.status is FulfilmentStatus.CANCELLED}
    refunded = sum(line.total.amount for line in order.lines if line.fulfilment_id in gone)
    await world.shop.ship(order_id)
    await world.becomes(order_id, OrderStatus.SHIPPED, PaymentStatus.PARTIALLY_REFUNDED)
    await world.shop.deliver(order_id)
    order = await world.becomes(order_id, OrderStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED)
    money = charged_once(order).model_copy(update={"refunded": refunded, "refunds": 1})
    return await world.ends(order, "one part called off and refunded, the other delivered", money)


async def cancelled_with_refund(world: World) -> Ending:
    order_id = await world.shop.place(world.products[SHACKLE])
    await world.becomes(order_id, OrderStatus.CONFIRMED)
    world.tell("paid; cancelling")
    await world.shop.cancel(order_id)
    order = await world.becomes(order_id, OrderStatus.CANCELLED, PaymentStatus.REFUNDED)
    return await world.ends(order, "cancelled, refunded in full", charged_once(order, refunded=True))


async def oversell_refused(world: World) -> Ending:
    """Two calls at the same moment, and one piece."""
    product = world.products[LIFEBUOY]
    before = await world.shop.orders()
    answers = await asyncio.gather(world.shop.place(product), world.shop.place(product), return_exceptions=True)
    sold = [each for each in answers if isinstance(each, str)]
    refused = [(each.status, each.code) for each in answers if isinstance(each, Refused)]
    expect(
        len(sold) == 1 and refused == [(HTTPStatus.CONFLICT, "out_of_stock")],
        f"one order should be taken and one refused with 409 out_of_stock; the answers were {answers!r}",
    )
    order = await world.becomes(sold[0], OrderStatus.CONFIRMED)
    known = await world.shop.orders() | (await world.provider.truth()).payments.keys()
    expect(known - before == {order.id}, f"the refused order should not exist; there are {sorted(known - before)}")
    return await world.ends(order, "one sold, the other refused: 409 out_of_stock", charged_once(order))
