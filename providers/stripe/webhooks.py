"""Stripe's webhooks: the check of their signature, and what they say about our payments and refunds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import stripe
from pydantic import TypeAdapter, ValidationError

from domain.errors import SignatureInvalid
from domain.gateway import InboundEvent, MovedOutside
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
# Money that is moved by a person in the dashboard, by another system or by the buyer's bank: none of our metadata.
_MOVES = frozenset({"refund.created", "charge.dispute.created"})
# What is kept of a webhook: a PaymentIntent also carries the buyer's addresses, mail and card.
_KEPT = frozenset({"id", "object", "type", "created", "api_version", "livemode"})
_KEPT_OF_OBJECT = frozenset(
    {
        "id", "object", "created", "status", "amount", "amount_capturable", "amount_received", "currency",
        "payment_intent", "charge", "latest_charge", "capture_method", "canceled_at", "cancellation_reason",
        "failure_reason", "reason",
    }
)  # fmt: skip


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
    refund_id = _ours(_REFUND, metadata.get("refund_id"))
    outside = _moved_outside(event["type"], thing) if refund_id is None else None
    about_us = event["type"] in _TELLS and outside is None
    order_id = _ours(_ORDER, metadata.get("order_id")) if about_us else None
    return InboundEvent(
        provider=NAME,
        event_id=event["id"],
        type=event["type"],
        created=datetime.fromtimestamp(event["created"], UTC),
        order_id=order_id,
        refund_id=refund_id if order_id else None,
        tells=_tells(event["type"], thing),
        paid=event["type"] == "payment_intent.succeeded",
        outside=outside,
        kept=_only(event, _KEPT) | {"data": {"object": _only(thing, _KEPT_OF_OBJECT)}},
    )


def _moved_outside(kind: str, thing: dict[str, Any]) -> MovedOutside | None:
    if kind not in _MOVES or not isinstance(thing.get("payment_intent"), str):
        return None
    if thing.get("status") == "succeeded" and thing.get("balance_transaction") is None:
        # What was held and never taken is released as a refund that moves nothing.
        return None
    what = f"{kind}, {thing.get('amount')} {thing.get('currency')} in Stripe's units"
    return MovedOutside(id=str(thing.get("id")), payment_reference=thing["payment_intent"], what=what)


def _only(told: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Values only: objects inside may hold personal data."""
    return {name: value for name, value in told.items() if name in names and not isinstance(value, dict | list)}


def _ours(kind: TypeAdapter[str], told: object) -> str | None:
    try:
        return kind.validate_python(told)
    except ValidationError:
        return None


def _tells(kind: str, thing: dict[str, Any]) -> frozenset[str]:
    if kind == "refund.updated" and thing.get("status") == "succeeded":
        return frozenset({"completed", "failed", "reversed"})
    return _TELLS.get(kind, frozenset())
