"""What a scenario is given, what it is, and what it ends in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from domain.books import ProviderPayment
from domain.order_view import OrderView
from domain.orders import OrderStatus
from domain.payments import PaymentStatus
from sandbox.demo.client import Shop
from sandbox.demo.provider import Provider
from sandbox.demo.waiting import PATIENCE_SECONDS, expect, until
from sandbox.stack import Stack


@dataclass(frozen=True)
class World:
    """`products` are ids by name; `tell` shows a person what is going on."""

    shop: Shop
    provider: Provider
    stack: Stack
    products: Mapping[str, str]
    tell: Callable[[str], None]

    async def becomes(
        self,
        order_id: str,
        status: OrderStatus,
        payment_status: PaymentStatus = PaymentStatus.COMPLETED,
        *,
        within: float = PATIENCE_SECONDS,
    ) -> OrderView:
        """The order, once it and its payment have these statuses. Raises NotAsExpected at the deadline (seconds)."""

        async def look() -> OrderView | None:
            order = await self.shop.order(order_id)
            return order if order and (order.status, order.payment_status) == (status, payment_status) else None

        return await until(look, f"{order_id} {status} with its payment {payment_status}", within)

    async def ship_and_deliver(self, order_id: str) -> OrderView:
        """From paid or authorised to completed."""
        await self.shop.ship(order_id)
        await self.becomes(order_id, OrderStatus.SHIPPED)
        await self.shop.deliver(order_id)
        return await self.becomes(order_id, OrderStatus.COMPLETED)

    async def expect_money(self, order: OrderView, money: ProviderPayment) -> None:
        """Raise NotAsExpected unless the provider knows exactly this of the order's money."""
        told = (await self.provider.truth()).payments.get(order.id)
        expect(told == money, disagreement(order, money, told))

    async def ends(self, order: OrderView, outcome: str, money: ProviderPayment) -> "Ending":
        """The ending, when the provider's truth is what the scenario expects. Raises NotAsExpected otherwise."""
        await self.expect_money(order, money)
        return Ending(order=order, outcome=outcome, money=money)


@dataclass(frozen=True)
class Ending:
    """How a scenario ended; `money` is what the provider must know of its order, then and at the end of the demo."""

    order: OrderView
    outcome: str
    money: ProviderPayment


@dataclass(frozen=True)
class Scenario:
    """`long` ones wait for most of their time: they begin with the demo, beside the others."""

    name: str
    play: Callable[[World], Awaitable[Ending]]
    long: bool = False


def charged_once(order: OrderView, *, refunded: bool = False) -> ProviderPayment:
    """The provider took the whole amount exactly once, and perhaps gave it back."""
    amount = order.totals.total.amount
    return ProviderPayment(
        currency=order.totals.total.currency,
        authorized=amount,
        captured=amount,
        refunded=amount if refunded else 0,
        voided=0,
        intents=1,
        captures=1,
        refunds=int(refunded),
    )


def disagreement(order: OrderView, expected: ProviderPayment, told: ProviderPayment | None) -> str:
    """What the provider knows otherwise, in words."""
    if told is None:
        return f"the provider knows nothing of {order.number}"
    theirs = told.model_dump()
    otherwise = [
        f"{name} {theirs[name]}, not {ours}" for name, ours in expected.model_dump().items() if theirs[name] != ours
    ]
    return f"for {order.number} the provider has {' and '.join(otherwise)}"
