"""The provider's side of an order: its payment intent, and workers whose gateway meets an awkward provider."""

from typing import TypeVar

from stripe import PaymentIntent

from providers.stripe import NAME as STRIPE
from providers.stripe.gateway import StripeGateway
from tests.support.arena import Arena
from tests.support.opening import READ_TIMEOUT

Gateway = TypeVar("Gateway", bound=StripeGateway)


def intent_of(arena: Arena, order: str) -> PaymentIntent:
    intents = arena.stripe.client().v1.payment_intents.list().data
    return next(each for each in intents if each.metadata is not None and each.metadata["order_id"] == order)


async def served_by(arena: Arena, kind: type[Gateway]) -> Gateway:
    """From now on the workers ask a gateway of this kind."""
    gateway = kind("sk_test_arena", api_base=arena.stripe.url, timeout=(1.0, READ_TIMEOUT))
    await arena.stop_workers()
    arena.providers = {STRIPE: gateway}
    await arena.start_workers()
    return gateway
