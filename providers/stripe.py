"""Stripe cards: PaymentIntents and refunds through the official SDK, and the check of its webhooks' signatures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal

import stripe
from stripe import PaymentIntent, Refund, StripeClient

from domain.errors import (
    HoldfastError,
    ProviderMismatch,
    ProviderUnreachable,
    RequestRefusedByProvider,
    SignatureInvalid,
)
from domain.money import exponent
from domain.payments import (
    ActionRequired,
    Authorized,
    AuthorizeRequest,
    Captured,
    CaptureMode,
    Declined,
    InboundEvent,
    MoveRequest,
    PaymentOutcome,
    Pending,
    Refunded,
    RefundFailed,
    RefundOutcome,
    RefundPending,
    RefundRequest,
    Voided,
)
from providers.stripe_events import inbound

NAME = "stripe"
API_VERSION = "2026-10-28.endive"
# https://docs.stripe.com/webhooks#replay-attacks
SIGNATURE_TOLERANCE_SECONDS = 300
# Keys may be forgotten after 24 h: https://docs.stripe.com/api/idempotent_requests
KEY_MEMORY = timedelta(hours=23)

# Where Stripe's minor unit is not ISO 4217's: https://docs.stripe.com/currencies#special-cases
_EXPONENTS = {"ISK": 2, "UGX": 2, "MGA": 0}
# The smallest step that Stripe charges in its own minor unit.
_STEPS = {"ISK": 100, "UGX": 100, "BHD": 10, "IQD": 10, "JOD": 10, "KWD": 10, "LYD": 10, "OMR": 10, "TND": 10}

# Decline codes that no later try with the same card can change: https://docs.stripe.com/declines/codes
_HARD_DECLINES = frozenset(
    {
        "expired_card", "fraudulent", "incorrect_number", "invalid_account", "invalid_number", "lost_card",
        "merchant_blacklist", "pickup_card", "restricted_card", "revocation_of_all_authorizations",
        "revocation_of_authorization", "stolen_card", "stop_payment_order", "testmode_decline",
        "transaction_not_allowed",
    }
)  # fmt: skip


def to_stripe(amount: int, currency: str) -> int:
    """Our minor units as Stripe's. Raises RequestRefusedByProvider for an amount that Stripe can't charge exactly."""
    shift = _EXPONENTS.get(currency, exponent(currency)) - exponent(currency)
    scaled, rest = (amount * _power(shift), 0) if shift >= 0 else divmod(amount, _power(-shift))
    if rest or scaled % _STEPS.get(currency, 1):
        raise RequestRefusedByProvider(reason=f"{amount} {currency} can't be charged exactly")
    return scaled


def from_stripe(amount: int, currency: str) -> int:
    shift = exponent(currency) - _EXPONENTS.get(currency, exponent(currency))
    return amount * _power(shift) if shift >= 0 else amount // _power(-shift)


def _power(places: int) -> int:
    return int(10**places)


class StripeGateway:
    """The payment gateway port over Stripe. Retries belong to Temporal: the SDK makes none."""

    def __init__(
        self, api_key: str, *, api_base: str | None = None, timeout: tuple[float, float] = (3.0, 10.0)
    ) -> None:
        """`timeout` is (connect, read) in seconds; `api_base` replaces Stripe's address by a simulator's."""
        self._client = StripeClient(
            api_key,
            stripe_version=API_VERSION,
            max_network_retries=0,
            base_addresses={"api": api_base} if api_base else {},
            http_client=stripe.RequestsClient(timeout=timeout),
        )

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        try:
            # Beyond the memory of keys a repeat would be a second payment: look before asking again.
            known = self._find(request) if datetime.now(UTC) - request.since > KEY_MEMORY else None
            with _translated():
                ask = self._confirm if request.reference else self._create
                return _outcome(known or ask(request), request)
        except stripe.CardError as refused:
            return _refused(refused, request)
        except _NoSuchMethod:
            return Declined(
                reference=request.reference,
                code="payment_method_invalid",
                soft=False,
                message="This payment method can't be used; choose another one.",
            )
        except _NoAnswer as lost:
            found = self._find(request, over=lost.over)
            if found is None:
                raise
            return _outcome(found, request)

    def capture(self, request: MoveRequest) -> PaymentOutcome:
        amount = to_stripe(request.amount, request.currency)
        try:
            with _translated():
                intent = self._client.v1.payment_intents.capture(
                    request.reference, {"amount_to_capture": amount}, {"idempotency_key": request.key}
                )
        except (_NoAnswer, _UnexpectedState) as refused:
            return self._reread(request, refused)
        return _outcome(intent, request)

    def void(self, request: MoveRequest) -> PaymentOutcome:
        try:
            with _translated():
                intent = self._client.v1.payment_intents.cancel(
                    request.reference, {"cancellation_reason": "abandoned"}, {"idempotency_key": request.key}
                )
        except (_NoAnswer, _UnexpectedState) as refused:
            return self._reread(request, refused)
        return _outcome(intent, request)

    def read(self, request: MoveRequest) -> PaymentOutcome:
        with _translated():
            return _outcome(self._retrieve(request.reference), request)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        amount = to_stripe(request.amount, request.currency)
        metadata = {"order_id": request.order_id, "refund_id": request.refund_id}
        # A refund may be asked for again when its key is forgotten: money out is looked up first.
        refund = self._find_refund(request)
        try:
            with _translated():
                refund = refund or self._client.v1.refunds.create(
                    {"payment_intent": request.reference, "amount": amount, "metadata": metadata},
                    {"idempotency_key": request.key},
                )
        except _NoAnswer:
            refund = self._find_refund(request)
            if refund is None:
                raise
        return _refund_outcome(refund, request)

    def read_refund(self, request: RefundRequest) -> RefundOutcome:
        assert request.refund_reference is not None
        with _translated():
            return _refund_outcome(self._client.v1.refunds.retrieve(request.refund_reference), request)

    def _create(self, request: AuthorizeRequest) -> PaymentIntent:
        return self._client.v1.payment_intents.create(
            {
                "amount": to_stripe(request.amount, request.currency),
                "currency": request.currency.lower(),
                "payment_method": request.payment_method_id,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "capture_method": _capture_method(request),
                "confirm": True,
                "metadata": {"order_id": request.order_id, "payment_id": request.payment_id},
                "expand": ["latest_charge"],
            },
            {"idempotency_key": request.key},
        )

    def _confirm(self, request: AuthorizeRequest) -> PaymentIntent:
        assert request.reference is not None
        return self._client.v1.payment_intents.confirm(
            request.reference,
            {
                "payment_method": request.payment_method_id,
                "capture_method": _capture_method(request),
                "expand": ["latest_charge"],
            },
            {"idempotency_key": request.key},
        )

    def _retrieve(self, reference: str) -> PaymentIntent:
        return self._client.v1.payment_intents.retrieve(reference, {"expand": ["latest_charge"]})

    def _find(self, request: AuthorizeRequest, *, over: bool = False) -> PaymentIntent | None:
        """The intent of a call whose answer is lost. Lists are consistent; search is not, so it proves nothing.

        An intent that is still open for a try tells nothing of this one, unless the try is known to be over.
        """
        with _translated():
            if request.reference:
                intent = self._retrieve(request.reference)
                untried = intent.status in {"requires_payment_method", "requires_confirmation"}
                return None if untried and not over else intent
            since = int(request.since.timestamp()) - 60
            listed = self._client.v1.payment_intents.list(
                {"created": {"gte": since}, "limit": 100, "expand": ["data.latest_charge"]}
            )
            return next(
                (each for each in listed.auto_paging_iter() if _metadata(each).get("order_id") == request.order_id),
                None,
            )

    def _find_refund(self, request: RefundRequest) -> Refund | None:
        with _translated():
            listed = self._client.v1.refunds.list({"payment_intent": request.reference, "limit": 100})
            ours = (each for each in listed.auto_paging_iter() if _metadata(each).get("refund_id") == request.refund_id)
            return next(ours, None)

    def _reread(self, request: MoveRequest, refused: HoldfastError) -> PaymentOutcome:
        """What became of a move that was not answered, or that came too late because it was made before."""
        outcome = self.read(request)
        if isinstance(outcome, Captured | Voided):
            return outcome
        raise refused


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
            return inbound(NAME, event.to_dict())
        raise SignatureInvalid


class _NoAnswer(ProviderUnreachable):
    """The call may have had its effect; the provider is asked what became of it before it is repeated.

    It is `over` when the provider only repeats the failure that it keeps under the key.
    """

    over = False


class _UnexpectedState(RequestRefusedByProvider):
    """The payment is not in a state for this call: perhaps because the call was made before."""


class _NoSuchMethod(RequestRefusedByProvider):
    """The buyer's payment method does not exist, or not for us."""


@contextmanager
def _translated() -> Iterator[None]:
    """Stripe's errors as ours; a decline passes through. Rule: https://docs.stripe.com/error-low-level"""
    try:
        yield
    except (stripe.APIConnectionError, stripe.AuthenticationError, stripe.PermissionError) as error:
        # No answer at all: the same key finds out. A wrong API key is mended by an operator, and the call goes on.
        raise ProviderUnreachable(reason=type(error).__name__) from error
    except stripe.RateLimitError as error:
        wait = int((error.headers or {}).get("Retry-After", "1"))
        raise ProviderUnreachable(reason="rate limited", retry_after=wait) from error
    except stripe.CardError:
        raise
    except stripe.StripeError as error:
        if error.http_status == 409:  # noqa: PLR2004 - the same key is still executing
            raise ProviderUnreachable(reason="in progress", retry_after=1) from error
        if error.http_status is None or error.http_status >= 500:  # noqa: PLR2004 - HTTP's own boundary
            lost = _NoAnswer(reason=f"HTTP {error.http_status}")
            lost.over = (error.headers or {}).get("Idempotent-Replayed") == "true"
            raise lost from error
        if error.code == "payment_intent_unexpected_state":
            raise _UnexpectedState(reason=error.code) from error
        if error.code == "resource_missing" and getattr(error, "param", None) == "payment_method":
            raise _NoSuchMethod(reason=error.code) from error
        raise RequestRefusedByProvider(reason=error.code or type(error).__name__) from error


def _capture_method(request: AuthorizeRequest) -> Literal["automatic", "manual"]:
    return "manual" if request.capture is CaptureMode.MANUAL else "automatic"


def _metadata(thing: PaymentIntent | Refund) -> dict[str, str]:
    return thing.metadata.to_dict() if thing.metadata else {}


def _check_ours(thing: PaymentIntent | Refund, order_id: str, amount: int, currency: str) -> None:
    """A valid answer is not enough: reference, amount and currency must be those of our own record."""
    ours: tuple[str | int, ...] = (order_id, to_stripe(amount, currency), currency.lower())
    theirs: tuple[str | int, ...] = (_metadata(thing).get("order_id", ""), thing.amount, thing.currency)
    for field, our, their in zip(("order", "amount", "currency"), ours, theirs, strict=True):
        if our != their:
            raise ProviderMismatch(field=field, ours=our, theirs=their)


def _outcome(intent: PaymentIntent, request: AuthorizeRequest | MoveRequest) -> PaymentOutcome:
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
            return _declined(intent.last_payment_error, intent.id)


def _capture_before(intent: PaymentIntent) -> datetime | None:
    """Card holds lapse; Stripe says when on the charge, which is there only when it was expanded."""
    charge = intent.latest_charge
    if charge is None or isinstance(charge, str):
        return None
    card = charge.payment_method_details and charge.payment_method_details.card
    return datetime.fromtimestamp(card.capture_before, UTC) if card and card.capture_before else None


def _refused(refused: stripe.CardError, request: AuthorizeRequest) -> PaymentOutcome:
    """A declined try, as the intent that comes with the error tells it."""
    intent = refused.error and refused.error.payment_intent
    return _outcome(intent, request) if intent else _declined(refused.error, request.reference)


def _declined(error: stripe.StripeObject | None, reference: str | None) -> Declined:
    # Stripe leaves out what does not apply: a failed 3-D Secure challenge has no decline code.
    told = error.to_dict() if error else {}
    code = told.get("decline_code") or told.get("code") or "declined"
    message = told.get("message") or "The payment was declined."
    return Declined(reference=reference, code=code, soft=code not in _HARD_DECLINES, message=message)


def _refund_outcome(refund: Refund, request: RefundRequest) -> RefundOutcome:
    """What a Refund says: https://docs.stripe.com/refunds#refund-statuses"""
    _check_ours(refund, request.order_id, request.amount, request.currency)
    match refund.status:
        case "succeeded":
            return Refunded(reference=refund.id, amount=from_stripe(refund.amount, request.currency))
        case "pending" | "requires_action":
            return RefundPending(reference=refund.id)
        case _:
            return RefundFailed(reference=refund.id, reason=refund.failure_reason or refund.status or "failed")
