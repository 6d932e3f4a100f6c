"""Stripe's webhooks: the check of their signature, and what they say about our payments and refunds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import stripe
from pydantic import TypeAdapter, ValidationError

from domain.errors import SignatureInvalid
from domain.gateway import InboundEvent
from domain.ids import OrderId, RefundId
from domain.payments import PaymentStatus
from domain.refunds import RefundStatus
from providers.stripe import NAME

# https://docs.stripe.com/webhooks#replay-attacks
SIGNATURE_TOLERANCE_SECONDS = 300

_ORDER: TypeAdapter[str] = TypeAdapter(OrderId)
_REFUND: TypeAdapter[str] = TypeAdapter(RefundId)

# What a webhook says about our payment or refund, by its type: statuses under which it is no news.
_PAID = frozenset({"completed", "partially_refunded", "refunded", "disputed"})
_TELLS = {
    "payment_intent.created": frozenset(PaymentStatus),
    "payment_intent.processing": frozenset({"processing"}) | _PAID,
    "payment_intent.requires_action": frozenset({"requires_action", "authorized", "cancelled"}) | _PAID,
    "payment_intent.amount_capturable_updated": frozenset({"authorized", "cancelled"}) | _PAID,
    "payment_intent.succeeded": _PAID,
    "payment_intent.payment_failed": frozenset({"failed", "authorized", "cancelled"}) | _PAID,
    "payment_intent.canceled": frozenset({"cancelled"}),
    "refund.created": frozenset(RefundStatus),
    "refund.updated": frozenset[str](),
    "refund.failed": frozenset({"failed"}),
}


class StripeWebhooks:
    """Checks webhooks against every current secret: there are two during a rotation."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets

    def verify(self, body: bytes, signature: str) -> InboundEvent:
        # The SDK's comparison breaks on anything but ASCII.
        for secret in self._secrets if signature.isascii() else ():
            try:
                event = stripe.Webhook.construct_event(body, signature, secret, tolerance=SIGNATURE_TOLERANCE_SECONDS)
            except (stripe.SignatureVerificationError, ValueError):
                continue
            return _inbound(event.to_dict())
        raise SignatureInvalid


def _inbound(event: dict[str, Any]) -> InboundEvent:
    """Other systems may use the same Stripe account: what does not carry an id of ours is about nothing of ours."""
    thing = event["data"]["object"]
    metadata = thing.get("metadata") or {}
    about_us = event["type"] in _TELLS
    order_id = _ours(_ORDER, metadata.get("order_id")) if about_us else None
    return InboundEvent(
        provider=NAME,
        event_id=event["id"],
        type=event["type"],
        created=datetime.fromtimestamp(event["created"], UTC),
        order_id=order_id,
        refund_id=_ours(_REFUND, metadata.get("refund_id")) if order_id else None,
        tells=_tells(event["type"], thing),
        paid=event["type"] == "payment_intent.succeeded",
    )


def _ours(kind: TypeAdapter[str], told: object) -> str | None:
    try:
        return kind.validate_python(told)
    except ValidationError:
        return None


def _tells(kind: str, thing: dict[str, Any]) -> frozenset[str]:
    if kind == "refund.updated" and thing.get("status") == "succeeded":
        return frozenset({"completed", "failed", "reversed"})
    return _TELLS.get(kind, frozenset())
