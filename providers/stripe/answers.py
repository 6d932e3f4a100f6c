"""What PaymentIntents, refunds and declines say, in the domain's words; each is checked to be about our own record."""

from datetime import UTC, datetime

import stripe
from stripe import PaymentIntent, Refund

from domain.errors import ProviderMismatch
from domain.gateway import (
    ActionRequired,
    Authorized,
    AuthorizeRequest,
    Captured,
    Declined,
    MoveRequest,
    PaymentOutcome,
    Pending,
    Refunded,
    RefundFailed,
    RefundOutcome,
    RefundPending,
    RefundRequest,
    RefundReversed,
    Voided,
)
from providers.stripe.amounts import from_stripe, to_stripe

# Decline codes that no later try with the same card can change: https://docs.stripe.com/declines/codes
_HARD_DECLINES = frozenset(
    {
        "expired_card", "fraudulent", "incorrect_number", "invalid_account", "invalid_number", "lost_card",
        "merchant_blacklist", "pickup_card", "restricted_card", "revocation_of_all_authorizations",
        "revocation_of_authorization", "stolen_card", "stop_payment_order", "testmode_decline",
        "transaction_not_allowed",
    }
)  # fmt: skip


def metadata(thing: PaymentIntent | Refund) -> dict[str, str]:
    return thing.metadata.to_dict() if thing.metadata else {}


def _check_ours(thing: PaymentIntent | Refund, order_id: str, amount: int, currency: str) -> None:
    """A valid answer is not enough: reference, amount and currency must be those of our own record."""
    ours: tuple[str | int, ...] = (order_id, to_stripe(amount, currency), currency.lower())
    theirs: tuple[str | int, ...] = (metadata(thing).get("order_id", ""), thing.amount, thing.currency)
    for field, our, their in zip(("order", "amount", "currency"), ours, theirs, strict=True):
        if our != their:
            raise ProviderMismatch(field=field, ours=our, theirs=their)


def outcome(intent: PaymentIntent, request: AuthorizeRequest | MoveRequest) -> PaymentOutcome:
    """What a PaymentIntent says: https://docs.stripe.com/payments/paymentintents/lifecycle"""
    whole = request.payment_amount if isinstance(request, MoveRequest) else request.amount
    _check_ours(intent, request.order_id, whole, request.currency)
    match intent.status:
        case "succeeded":
            amount = from_stripe(intent.amount_received, request.currency)
            return Captured(reference=intent.id, amount=amount)
        case "requires_capture":
            amount = from_stripe(intent.amount_capturable, request.currency)
            return Authorized(reference=intent.id, amount=amount, capture_before=_capture_before(intent))
        case "requires_action":
            return ActionRequired(reference=intent.id, client_secret=intent.client_secret or "")
        case "canceled":
            return Voided(reference=intent.id)
        case "processing":
            return Pending(reference=intent.id)
        case _:
            return _buyers_turn(intent, request)


def _buyers_turn(intent: PaymentIntent, request: AuthorizeRequest | MoveRequest) -> ActionRequired | Declined:
    """Declined, or not tried yet: then the buyer's browser has the secret and gives the card.

    What an attempt without a card finds when it begins is the decline of the one before.
    """
    begins = isinstance(request, AuthorizeRequest) and request.payment_method_id is None
    if intent.last_payment_error is None or begins:
        return ActionRequired(reference=intent.id, client_secret=intent.client_secret or "")
    return declined(intent.last_payment_error, intent.id)


def _capture_before(intent: PaymentIntent) -> datetime | None:
    """Card holds lapse; Stripe says when on the charge, which is there only when it was expanded."""
    charge = intent.latest_charge
    if charge is None or isinstance(charge, str):
        return None
    card = charge.payment_method_details and charge.payment_method_details.card
    return datetime.fromtimestamp(card.capture_before, UTC) if card and card.capture_before else None


def declined_try(refused: stripe.CardError, request: AuthorizeRequest) -> PaymentOutcome:
    """A declined try, as the intent that comes with the error tells it."""
    intent = refused.error and refused.error.payment_intent
    return outcome(intent, request) if intent else declined(refused.error, request.reference)


def declined(error: stripe.StripeObject | None, reference: str | None) -> Declined:
    """What a decline says, for the buyer too."""
    # Stripe leaves out what does not apply: a failed 3-D Secure challenge has no decline code.
    told = error.to_dict() if error else {}
    code = told.get("decline_code") or told.get("code") or "declined"
    message = told.get("message") or "The payment was declined."
    return Declined(reference=reference, code=code, soft=code not in _HARD_DECLINES, message=message)


def refund_outcome(refund: Refund, request: RefundRequest) -> RefundOutcome:
    """What a Refund says: https://docs.stripe.com/refunds#refund-statuses"""
    _check_ours(refund, request.order_id, request.amount, request.currency)
    match refund.status:
        case "succeeded":
            return Refunded(reference=refund.id, amount=from_stripe(refund.amount, request.currency))
        case "pending" | "requires_action":
            return RefundPending(reference=refund.id)
        case "canceled":
            return RefundReversed(reference=refund.id, reason=refund.failure_reason or "canceled")
        case _:
            return RefundFailed(reference=refund.id, reason=refund.failure_reason or refund.status or "failed")
