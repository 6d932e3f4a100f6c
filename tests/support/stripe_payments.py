"""Payments made through the real SDK, as tests want them."""

from typing import Any

import stripe

from tests.support.stripe_sandbox import NO_REDIRECTS


def intent_for(
    client: stripe.StripeClient, order: str = "ord_1", key: str = "", **changes: Any
) -> stripe.PaymentIntent:
    asked: Any = {
        "amount": 1000,
        "currency": "eur",
        "automatic_payment_methods": NO_REDIRECTS,
        "metadata": {"order_id": order},
        **changes,
    }
    return client.v1.payment_intents.create(asked, {"idempotency_key": key} if key else {})


def paid(client: stripe.StripeClient, order: str = "ord_1", **changes: Any) -> stripe.PaymentIntent:
    return intent_for(client, order, **{"confirm": True, "payment_method": "pm_card_visa", **changes})


def held(client: stripe.StripeClient, order: str = "ord_1", **changes: Any) -> stripe.PaymentIntent:
    return paid(client, order, capture_method="manual", **changes)


def card(client: stripe.StripeClient, number: str) -> stripe.PaymentMethod:
    return client.v1.payment_methods.create(
        {"type": "card", "card": {"number": number, "exp_month": 8, "exp_year": 2030, "cvc": "314"}}
    )
