"""Whether the demo's buyer was told of its orders by mail: of everything that happened to each, and once of each."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import httpx2
from temporalio.client import Client

from domain.fulfilment import FulfilmentStatus
from domain.order_view import OrderView
from domain.orders import OrderStatus
from domain.payments import PaymentStatus
from domain.refunds import RefundStatus
from sandbox.ready import Ready
from workflows.schedules import mail_now

# A mail that was on its way when the worker was killed is sent again after a minute.
_PATIENCE_SECONDS = 100.0
_POLL_SECONDS = 0.5
# Whether another card is still asked for when the mail is sent is a matter of moments.
_BY_CHANCE = "was declined"

_PAID = frozenset({PaymentStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_SENT = frozenset({OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.COMPLETED})
_ARRIVED = frozenset({OrderStatus.DELIVERED, OrderStatus.COMPLETED})


def expected(order: OrderView) -> Counter[str]:
    """The subjects of the mails that an order has given rise to by now."""
    told = {
        f"Your order {order.number} is confirmed": order.payment_status in _PAID,
        f"Payment received for your order {order.number}": order.payment_status in _PAID,
        f"Your order {order.number} is on its way": order.status in _SENT,
        f"Your order {order.number} was delivered": order.status in _ARRIVED,
        f"Your order {order.number} is cancelled": order.status is OrderStatus.CANCELLED,
        f"A part of your order {order.number} is cancelled": _lost_a_part(order),
        f"Refund for your order {order.number}": any(each.status is RefundStatus.COMPLETED for each in order.refunds),
    }
    return Counter(subject for subject, so in told.items() if so)


def _lost_a_part(order: OrderView) -> bool:
    """No scenario calls off more than one."""
    gone = any(part.status is FulfilmentStatus.CANCELLED for part in order.fulfilments)
    return gone and order.status is not OrderStatus.CANCELLED


async def misdelivered(ready: Ready, orders: Sequence[OrderView]) -> list[str]:
    """What did not arrive, and what came more often than once, in words; waits until nothing is missing."""
    wanted = sum(map(expected, orders), Counter[str]())
    temporal = await Client.connect(ready.temporal.address, namespace=ready.temporal.namespace)
    await mail_now(temporal)
    clock = asyncio.get_running_loop().time
    give_up = clock() + _PATIENCE_SECONDS
    async with httpx2.AsyncClient(base_url=ready.mail.inbox) as http:
        arrived = await _arrived(http, ready.accounts.buyer.email)
        while wanted - arrived and clock() < give_up:
            await asyncio.sleep(_POLL_SECONDS)
            arrived = await _arrived(http, ready.accounts.buyer.email)
    missing = [f'the mail "{subject}" did not arrive' for subject in wanted - arrived]
    return [*missing, *(f'the mail "{subject}" came too often, or for no reason' for subject in arrived - wanted)]


async def _arrived(http: httpx2.AsyncClient, to: str) -> Counter[str]:
    """A mail that came again under its id is one mail: mail programs show it once."""
    mails = (await http.get("/mails", params={"to": to})).raise_for_status().json()["data"]
    subjects = {mail["message_id"]: mail["subject"] for mail in mails}
    return Counter(subject for subject in subjects.values() if _BY_CHANCE not in subject)
