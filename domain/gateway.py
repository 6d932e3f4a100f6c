"""The port to payment providers: what they are asked, what they can answer, and what their webhooks are about."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from domain.ids import OrderId, PaymentId, RefundId
from domain.money import Currency, Minor
from domain.payments import CaptureMode
from domain.values import Value

# When a call that failed has had all the effect that it will have.
SETTLED = timedelta(minutes=1)


class Authorized(Value):
    """The money is held: capture it before `capture_before`, or it lapses. Amount in minor units."""

    kind: Literal["authorized"] = "authorized"
    reference: str
    amount: Minor
    capture_before: datetime | None = None


class Captured(Value):
    """The money is taken. Amount in minor units."""

    kind: Literal["captured"] = "captured"
    reference: str
    amount: Minor


class Voided(Value):
    """The authorisation is released, or the attempt ended without money."""

    kind: Literal["voided"] = "voided"
    reference: str


class ActionRequired(Value):
    """The buyer has to act at the provider: give a card in the browser, or pass the bank's check (3-D Secure)."""

    kind: Literal["action_required"] = "action_required"
    reference: str
    client_secret: str


class Declined(Value):
    """The provider says no; `soft` when the same method may succeed later. `message` is for the buyer."""

    kind: Literal["declined"] = "declined"
    reference: str | None
    code: str
    soft: bool
    message: str


class Pending(Value):
    """The provider is still working on it and will tell."""

    kind: Literal["pending"] = "pending"
    reference: str


class Unknown(Value):
    """Nobody knows whether it happened (P8)."""

    kind: Literal["unknown"] = "unknown"
    reference: str | None = None
    reason: str


PaymentOutcome = Annotated[
    Authorized | Captured | Voided | ActionRequired | Declined | Pending | Unknown, Field(discriminator="kind")
]


class Refunded(Value):
    """The provider paid the money back. Amount in minor units."""

    kind: Literal["refunded"] = "refunded"
    reference: str
    amount: Minor


class RefundPending(Value):
    kind: Literal["refund_pending"] = "refund_pending"
    reference: str


class RefundFailed(Value):
    kind: Literal["refund_failed"] = "refund_failed"
    reference: str | None = None
    reason: str


class RefundReversed(Value):
    """Called off at the provider by somebody who may: the money is ours again, the buyer's it is not."""

    kind: Literal["refund_reversed"] = "refund_reversed"
    reference: str
    reason: str


RefundOutcome = Annotated[Refunded | RefundPending | RefundFailed | RefundReversed, Field(discriminator="kind")]


class MoveRequest(Value):
    """Capture, void or read what was asked for under `reference`. Amounts in minor units.

    `amount` is what is to be moved; `payment_amount` is the whole payment, which the provider's object must be of.
    """

    provider: str
    key: str
    order_id: OrderId
    reference: str
    amount: Minor
    payment_amount: Minor
    currency: Currency


class AuthorizeRequest(Value):
    """Ask for money: a new attempt, or, with `reference`, another try of the same one. Amount in minor units.

    Without `payment_method_id` the buyer's browser gives the card to the provider, and the provider tells us.

    `since` is when the first try may have reached the provider: a lost one is looked for from there on, and before
    anything is asked with `look_first`, for an attempt before this one left no reference. `asked` is when this try
    was written down; None is `since`.
    """

    provider: str
    key: str
    order_id: OrderId
    payment_id: PaymentId
    amount: Minor
    currency: Currency
    payment_method_id: str | None
    capture: CaptureMode
    since: datetime
    reference: str | None = None
    look_first: bool = False
    asked: datetime | None = None

    def about(self, reference: str) -> MoveRequest:
        """The request to read what came of this one, which the provider knows by `reference`."""
        return MoveRequest(
            provider=self.provider,
            key=self.key,
            order_id=self.order_id,
            reference=reference,
            amount=self.amount,
            payment_amount=self.amount,
            currency=self.currency,
        )


class RefundRequest(MoveRequest):
    """Pay back part or all of what was captured under `reference`. Amount in minor units.

    `refund_reference` is the provider's id of the refund, once it is known.
    """

    refund_id: RefundId
    refund_reference: str | None = None


class PaymentGateway(Protocol):
    """One payment provider. Calls block and are repeatable: the same key has one effect and one answer.

    Every method raises ProviderUnreachable when no final answer came (safe to repeat with the same key),
    RequestRefusedByProvider when the provider calls the request itself wrong, and ProviderMismatch when the
    provider's object is not ours by amount, currency or reference.
    """

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        """Hold the money (manual capture) or take it (automatic)."""
        ...

    def capture(self, request: MoveRequest) -> PaymentOutcome: ...

    def void(self, request: MoveRequest) -> PaymentOutcome:
        """Release the authorisation; an attempt without one just ends."""
        ...

    def read(self, request: MoveRequest) -> PaymentOutcome:
        """The provider's current word on the payment; changes nothing."""
        ...

    def find(self, request: AuthorizeRequest) -> PaymentOutcome | None:
        """What came of a request that left no reference; None when the provider has nothing of the order."""
        ...

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Raises ProviderKeySpent when the key has to be another one from now on."""
        ...

    def read_refund(self, request: RefundRequest) -> RefundOutcome: ...


class MovedOutside(Value):
    """Money of a payment that somebody moved at the provider, beside us: its id there, and what the provider says."""

    id: str
    payment_reference: str
    what: str


class InboundEvent(Value):
    """A provider's webhook after its signature was checked: which of our objects it is about, and what it says.

    `tells` holds the statuses of our payment or refund under which it is no news; empty when it is always news.
    `order_id` is None when it is about nothing of ours; `paid` when it says that money was taken. `kept` is what may
    be stored of it: nothing about a person.
    """

    provider: str
    event_id: str
    type: str
    created: datetime
    order_id: OrderId | None
    refund_id: RefundId | None
    tells: frozenset[str] = frozenset()
    paid: bool = False
    outside: MovedOutside | None = None
    kept: dict[str, Any] = Field(default_factory=dict)


class WebhookVerifier(Protocol):
    """Checks an inbound webhook of one provider."""

    def verify(self, body: bytes, signature: str) -> InboundEvent:
        """Raises SignatureInvalid when the signature does not match the raw body or is too old."""
        ...
