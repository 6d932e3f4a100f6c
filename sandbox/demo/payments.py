"""Payments of more than one step: another card after a decline, the bank's own question, a deadline missed."""

import asyncio
from http import HTTPStatus

from temporalio.client import Client

from domain.books import ProviderPayment
from domain.order_view import ChooseMethod, ThreeDS
from domain.orders import OrderStatus
from domain.payments import PaymentStatus
from domain.sweep import POLLS
from sandbox.demo.client import Refused
from sandbox.demo.sales import SHACKLE
from sandbox.demo.waiting import PATIENCE_SECONDS, NotAsExpected, expect
from sandbox.demo.world import Ending, World, charged_once
from workflows.schedules import sweep_now

# How long an unpaid order is kept open in the demo.
PAYMENT_DEADLINE_SECONDS = 75

# How long webhooks are lost: longer than the provider takes to send one.
_LOSING_SECONDS = 1.0
_DECLINED, _ASKED = "pm_card_chargeDeclined", "pm_card_authenticationRequired"


async def another_card(world: World) -> Ending:
    order_id = await world.shop.place(world.products[SHACKLE], card=_DECLINED)
    order = await world.becomes(order_id, OrderStatus.PENDING, PaymentStatus.FAILED)
    expect(isinstance(order.next_action, ChooseMethod), f"the buyer should be asked for another: {order.next_action}")
    world.tell(f"declined: {order.payments[-1].attempts[-1].failure} Paying with another card")
    await world.shop.pay(order_id, "pm_card_visa")
    order = await world.becomes(order_id, OrderStatus.CONFIRMED)
    return await world.ends(order, "declined, then paid by another card", charged_once(order))


async def asked_by_the_bank(world: World) -> Ending:
    order_id, secret = await _asked(world)
    world.tell("the bank asks its customer; the buyer says yes")
    await world.provider.answer_bank(secret)
    order = await world.becomes(order_id, OrderStatus.CONFIRMED)
    return await world.ends(order, "confirmed at the bank, charged once", charged_once(order))


async def webhook_lost(world: World) -> Ending:
    order_id, secret = await _asked(world)
    async with world.provider.losing_webhooks():
        await world.provider.answer_bank(secret)
        await asyncio.sleep(_LOSING_SECONDS)
    world.tell("the buyer has paid, and the provider's webhook is lost; the poller asks after a minute")
    await world.becomes(order_id, OrderStatus.PENDING, PaymentStatus.REQUIRES_ACTION)
    await asyncio.sleep(POLLS[0].total_seconds())
    temporal = world.stack.ready.temporal
    await sweep_now(await Client.connect(temporal.address, namespace=temporal.namespace))
    order = await world.becomes(order_id, OrderStatus.CONFIRMED)
    return await world.ends(order, "webhook lost, payment found by the poller", charged_once(order))


async def _asked(world: World) -> tuple[str, str]:
    """An order whose buyer is sent to the bank, and the secret of the payment there."""
    order_id = await world.shop.place(world.products[SHACKLE], card=_ASKED)
    order = await world.becomes(order_id, OrderStatus.PENDING, PaymentStatus.REQUIRES_ACTION)
    question = order.next_action
    if not isinstance(question, ThreeDS):
        raise NotAsExpected(f"the buyer should be sent to the bank, not to {question}")
    return order_id, question.client_secret


async def never_paid(world: World) -> Ending:
    order_id, _ = await _asked(world)
    world.tell(f"nobody answers the bank; the order is kept open for {PAYMENT_DEADLINE_SECONDS} s")
    order = await world.becomes(
        order_id, OrderStatus.CANCELLED, PaymentStatus.CANCELLED, within=PAYMENT_DEADLINE_SECONDS + PATIENCE_SECONDS
    )
    try:
        await world.shop.pay(order_id, "pm_card_visa")
    except Refused as refused:
        expect((refused.status, refused.code) == (HTTPStatus.CONFLICT, "order_closed"), f"too late, but: {refused}")
    else:
        raise NotAsExpected("an expired order should take no payment")
    money = _nothing(order.totals.total.currency)
    return await world.ends(order, "expired, and closed at the provider", money)


def _nothing(currency: str) -> ProviderPayment:
    """The provider was asked, and never moved any money."""
    return ProviderPayment(
        currency=currency, authorized=0, captured=0, refunded=0, voided=0, intents=1, captures=0, refunds=0
    )
