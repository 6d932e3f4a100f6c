"""The payment gateway port over Stripe's PaymentIntents and refunds, through the official SDK."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import stripe
from stripe import PaymentIntent, Refund
from stripe.params import PaymentIntentCreateParams

from domain.errors import ProviderKeySpent, ProviderMismatch, RequestRefusedByProvider
from domain.gateway import (
    SETTLED,
    AuthorizeRequest,
    Captured,
    Declined,
    MoveRequest,
    PaymentOutcome,
    Pending,
    RefundOutcome,
    RefundRequest,
    Voided,
)
from domain.payments import CLOCKS_APART, CaptureMode
from providers.stripe.amounts import to_stripe
from providers.stripe.answers import declined, declined_try, metadata, outcome, refund_outcome
from providers.stripe.client import TIMEOUT, open_client
from providers.stripe.failures import NoAnswer, NoSuchMethod, UnexpectedState, translated

# Keys may be forgotten after 24 h: https://docs.stripe.com/api/idempotent_requests
KEY_MEMORY = timedelta(hours=23)
_UNTRIED = frozenset({"requires_payment_method", "requires_confirmation"})


class StripeGateway:
    """The payment gateway port over Stripe. Retries belong to Temporal: the SDK makes none."""

    def __init__(self, api_key: str, *, api_base: str | None = None, timeout: tuple[float, float] = TIMEOUT) -> None:
        """`timeout` is (connect, read) in seconds; `api_base` replaces Stripe's address by a simulator's."""
        self._client = open_client(api_key, api_base, timeout, retries=0)

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        try:
            # Beyond the memory of keys a repeat would be a second payment: look before asking again.
            look = request.look_first or datetime.now(UTC) - request.since > KEY_MEMORY
            known = self._find(request) if look else None
            with translated():
                if request.look_first and known is not None and known.status in _UNTRIED:
                    # What an attempt before left open takes this one's card, under a key of its own.
                    again = {"reference": known.id, "key": f"{request.key}:known"}
                    known = self._confirm(request.model_copy(update=again))
                ask = self._confirm if request.reference else self._create
                return self._told(known or ask(request), request)
        except stripe.CardError as refused:
            return declined_try(refused, request)
        except NoSuchMethod:
            return Declined(
                reference=request.reference,
                code="payment_method_invalid",
                soft=False,
                message="This payment method can't be used; choose another one.",
            )
        except (NoAnswer, UnexpectedState) as lost:
            found = self._find(request, over=lost.over)
            if found is None and lost.over and datetime.now(UTC) - (request.asked or request.since) > SETTLED:
                # A failure that Stripe keeps under the key, and nothing came of it.
                return _failed(request.reference)
            if found is None:
                raise
            return outcome(found, request)

    def capture(self, request: MoveRequest) -> PaymentOutcome:
        amount = to_stripe(request.amount, request.currency)
        try:
            with translated():
                intent = self._client.v1.payment_intents.capture(
                    request.reference, {"amount_to_capture": amount}, {"idempotency_key": request.key}
                )
        except stripe.CardError as refused:
            return declined(refused.error, request.reference)
        except (NoAnswer, UnexpectedState) as refused:
            now = self.read(request)
            # A key that is spent on a failure: the next to ask comes with another.
            spent = isinstance(refused, NoAnswer) and refused.over
            if isinstance(now, Captured | Voided | Pending) or spent:
                return now
            raise
        return self._told(intent, request)

    def void(self, request: MoveRequest) -> PaymentOutcome:
        try:
            with translated():
                intent = self._client.v1.payment_intents.cancel(
                    request.reference, {"cancellation_reason": "abandoned"}, {"idempotency_key": request.key}
                )
        except (NoAnswer, UnexpectedState) as refused:
            now = self.read(request)
            if isinstance(now, Captured | Voided | Pending):
                return now
            if refused.over:
                # The key is spent on a refusal that no longer holds: the next to ask comes with another.
                return Pending(reference=request.reference)
            raise
        return self._told(intent, request)

    def read(self, request: MoveRequest) -> PaymentOutcome:
        with translated():
            return outcome(self._retrieve(request.reference), request)

    def find(self, request: AuthorizeRequest) -> PaymentOutcome | None:
        intent = self._find(request, over=True)
        return None if intent is None else outcome(intent, request)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        amount = to_stripe(request.amount, request.currency)
        ours = {"order_id": request.order_id, "refund_id": request.refund_id}
        # A refund may be asked for again when its key is forgotten: money out is looked up first.
        refund = self._find_refund(request)
        try:
            with translated():
                refund = refund or self._client.v1.refunds.create(
                    {"payment_intent": request.reference, "amount": amount, "metadata": ours},
                    {"idempotency_key": request.key},
                )
        except (NoAnswer, RequestRefusedByProvider) as lost:
            refund = self._find_refund(request)
            if refund is None and isinstance(lost, NoAnswer) and lost.over:
                raise ProviderKeySpent(key=request.key) from lost
            if refund is None:
                raise
        return refund_outcome(refund, request)

    def read_refund(self, request: RefundRequest) -> RefundOutcome:
        assert request.refund_reference is not None
        with translated():
            return refund_outcome(self._client.v1.refunds.retrieve(request.refund_reference), request)

    def _told(self, intent: PaymentIntent, request: AuthorizeRequest | MoveRequest) -> PaymentOutcome:
        """What the answer to a call says. A repeated key gets the first answer again, so what looks foreign in it is
        read once more: it may have been mended since.
        """
        try:
            return outcome(intent, request)
        except ProviderMismatch:
            with translated():
                return outcome(self._retrieve(intent.id), request)

    def _create(self, request: AuthorizeRequest) -> PaymentIntent:
        params: PaymentIntentCreateParams = {
            "amount": to_stripe(request.amount, request.currency),
            "currency": request.currency.lower(),
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "capture_method": _capture_method(request),
            "metadata": {"order_id": request.order_id, "payment_id": request.payment_id},
            "expand": ["latest_charge"],
        }
        if request.payment_method_id is not None:
            params |= {"payment_method": request.payment_method_id, "confirm": True}
        return self._client.v1.payment_intents.create(params, {"idempotency_key": request.key})

    def _confirm(self, request: AuthorizeRequest) -> PaymentIntent:
        assert request.reference is not None
        if request.payment_method_id is None:
            # The buyer's page confirms it; whether the money is taken or held is for us to say.
            return self._client.v1.payment_intents.update(
                request.reference,
                {"capture_method": _capture_method(request), "expand": ["latest_charge"]},
                {"idempotency_key": request.key},
            )
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
        with translated():
            if request.reference:
                intent = self._retrieve(request.reference)
                return None if intent.status in _UNTRIED and not over else intent
            since = int((request.since - CLOCKS_APART).timestamp())
            listed = self._client.v1.payment_intents.list(
                {"created": {"gte": since}, "limit": 100, "expand": ["data.latest_charge"]}
            )
            return next(
                (each for each in listed.auto_paging_iter() if metadata(each).get("order_id") == request.order_id),
                None,
            )

    def _find_refund(self, request: RefundRequest) -> Refund | None:
        with translated():
            listed = self._client.v1.refunds.list({"payment_intent": request.reference, "limit": 100})
            ours = (each for each in listed.auto_paging_iter() if metadata(each).get("refund_id") == request.refund_id)
            return next(ours, None)


def _failed(reference: str | None) -> Declined:
    return Declined(
        reference=reference,
        code="provider_failed",
        soft=True,
        message="The payment could not be made; try again, or choose another method.",
    )


def _capture_method(request: AuthorizeRequest) -> Literal["automatic", "manual"]:
    return "manual" if request.capture is CaptureMode.MANUAL else "automatic"
