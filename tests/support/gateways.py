"""Every payment gateway beside its simulator, in the words of the port: what a contract test needs of a provider."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

import pytest

from db.ids import new_id
from domain.errors import ProviderUnreachable
from domain.gateway import (
    ActionRequired,
    Authorized,
    AuthorizeRequest,
    Captured,
    Declined,
    MoveRequest,
    PaymentGateway,
    PaymentOutcome,
    Refunded,
    RefundOutcome,
    RefundRequest,
)
from domain.payments import CaptureMode, operation_key
from domain.payments import OperationKind as Kind
from providers.stripe.gateway import StripeGateway
from tests.support.stripe_sandbox import Sandbox, open_sandbox

Answer = TypeVar("Answer")

AMOUNT = 1000
CURRENCY = "EUR"
PATIENT, HASTY = 10.0, 0.7
NOTHING = dict.fromkeys(
    ("authorized", "captured", "refunded", "voided", "disputed", "intents", "captures", "refunds"), 0
)


class Act(StrEnum):
    AUTHORIZE = "authorize"
    CONFIRM = "confirm"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    READ = "read"
    READ_REFUND = "read_refund"


@dataclass(frozen=True, slots=True)
class Provider:
    """`sent` is the method and path of the request that an act makes, `methods` are tokens by what they do."""

    name: str
    open: Callable[[], AbstractContextManager[Sandbox]]
    gateway: Callable[[str, float], PaymentGateway]
    sent: dict[Act, tuple[str, str]]
    methods: dict[str, str]


STRIPE = Provider(
    name="stripe",
    open=open_sandbox,
    gateway=lambda url, timeout: StripeGateway("sk_test_contract", api_base=url, timeout=(1.0, timeout)),
    sent={
        Act.AUTHORIZE: ("POST", "/v1/payment_intents"),
        Act.CONFIRM: ("POST", "/v1/payment_intents/*/confirm"),
        Act.CAPTURE: ("POST", "/v1/payment_intents/*/capture"),
        Act.VOID: ("POST", "/v1/payment_intents/*/cancel"),
        Act.REFUND: ("POST", "/v1/refunds"),
        Act.READ: ("GET", "/v1/payment_intents/*"),
        Act.READ_REFUND: ("GET", "/v1/refunds/*"),
    },
    methods={
        "good": "pm_card_visa",
        "declined": "pm_card_chargeDeclined",
        "insufficient_funds": "pm_card_chargeDeclinedInsufficientFunds",
        "lost_card": "pm_card_chargeDeclinedLostCard",
        "stolen_card": "pm_card_chargeDeclinedStolenCard",
        "expired_card": "pm_card_chargeDeclinedExpiredCard",
        "challenged": "pm_card_authenticationRequired",
        "challenged_then_declined": "pm_card_threeDSecureRequiredChargeDeclined",
        "unknown": "pm_nobody_ever_made_this_one",
        "refund_pends": "pm_card_pendingRefund",
        "refund_fails": "pm_card_refundFail",
    },
)
PROVIDERS = [STRIPE]


def answered(call: Callable[[], Answer], tries: int = 8) -> Answer:
    """Repeat with the same key until an answer comes, as Temporal does."""
    for _ in range(tries):
        try:
            return call()
        except ProviderUnreachable:
            continue
    pytest.fail(f"no answer after {tries} tries")


@dataclass(slots=True)
class Bench:
    """One order's payment at one provider."""

    provider: Provider
    sandbox: Sandbox
    gateway: PaymentGateway = field(init=False)
    order_id: str = field(default_factory=lambda: new_id("ord"))
    payment_id: str = field(default_factory=lambda: new_id("pay"))

    def __post_init__(self) -> None:
        self.gateway = self.provider.gateway(self.sandbox.url, PATIENT)

    def in_a_hurry(self) -> None:
        """From now on calls that are not answered soon are given up."""
        self.gateway = self.provider.gateway(self.sandbox.url, HASTY)

    def key(self, kind: Kind, attempt: int = 1, number: int = 1) -> str:
        return operation_key(self.order_id, attempt, kind, number)

    def asked(
        self, method: str = "good", *, manual: bool = False, attempt: int = 1, **changes: Any
    ) -> AuthorizeRequest:
        request = {
            "provider": self.provider.name,
            "key": self.key(Kind.AUTHORIZE if manual else Kind.CHARGE, attempt),
            "order_id": self.order_id,
            "payment_id": self.payment_id,
            "amount": AMOUNT,
            "currency": CURRENCY,
            "payment_method_id": self.provider.methods[method],
            "capture": CaptureMode.MANUAL if manual else CaptureMode.AUTOMATIC,
            "since": datetime.now(UTC),
        }
        return AuthorizeRequest.model_validate({**request, **changes})

    def pay(self, method: str = "good", *, manual: bool = False, attempt: int = 1, **changes: Any) -> PaymentOutcome:
        return self.gateway.authorize(self.asked(method, manual=manual, attempt=attempt, **changes))

    def held(self, **changes: Any) -> Authorized:
        outcome = self.pay(manual=True, **changes)
        assert isinstance(outcome, Authorized)
        return outcome

    def charged(self, method: str = "good", **changes: Any) -> Captured:
        outcome = self.pay(method, **changes)
        assert isinstance(outcome, Captured)
        return outcome

    def declined(self, method: str = "declined", **changes: Any) -> Declined:
        outcome = self.pay(method, **changes)
        assert isinstance(outcome, Declined)
        return outcome

    def challenged(self, method: str = "challenged", **changes: Any) -> ActionRequired:
        outcome = self.pay(method, **changes)
        assert isinstance(outcome, ActionRequired)
        return outcome

    def move(self, reference: str | None, kind: Kind, **changes: Any) -> MoveRequest:
        assert reference is not None
        request = {
            "provider": self.provider.name,
            "key": self.key(kind),
            "order_id": self.order_id,
            "reference": reference,
            "amount": AMOUNT,
            "payment_amount": AMOUNT,
            "currency": CURRENCY,
        }
        return MoveRequest.model_validate({**request, **changes})

    def capture(self, reference: str, **changes: Any) -> PaymentOutcome:
        return self.gateway.capture(self.move(reference, Kind.CAPTURE, **changes))

    def void(self, reference: str | None, **changes: Any) -> PaymentOutcome:
        return self.gateway.void(self.move(reference, Kind.VOID, **changes))

    def read(self, reference: str | None, **changes: Any) -> PaymentOutcome:
        return self.gateway.read(self.move(reference, Kind.CAPTURE, **changes))

    def back(self, reference: str, amount: int = AMOUNT, **changes: Any) -> RefundRequest:
        """A request to pay back; each is a refund of its own unless told otherwise."""
        move = self.move(reference, Kind.REFUND, amount=amount)
        fields = {"refund_id": new_id("ref"), "key": new_id("key"), **changes}
        return RefundRequest.model_validate({**move.model_dump(), **fields})

    def refund(self, request: RefundRequest) -> RefundOutcome:
        return self.gateway.refund(request)

    def refunded(self, request: RefundRequest) -> Refunded:
        outcome = self.refund(request)
        assert isinstance(outcome, Refunded)
        return outcome

    def read_refund(self, request: RefundRequest, reference: str | None) -> RefundOutcome:
        return self.gateway.read_refund(request.model_copy(update={"refund_reference": reference}))

    def truth(self) -> dict[str, Any]:
        """The provider's own word on the order's money, empty when it knows of none."""
        return self.sandbox.state(self.order_id)

    def fault(self, act: Act, do: str, times: int = 1) -> dict[str, Any]:
        method, path = self.provider.sent[act]
        return {"method": method, "path": path, "times": times, "do": do}

    def struck(self) -> list[str]:
        """The faults that came true, in their order."""
        return [each["fault"] for each in self.sandbox.requests() if each["fault"] is not None]


def truth(currency: str = CURRENCY, **known: int) -> dict[str, Any]:
    """What the provider should know: exactly this."""
    return {"currency": currency, **NOTHING, **known}


HELD = truth(authorized=AMOUNT, intents=1)
TAKEN = truth(authorized=AMOUNT, captured=AMOUNT, captures=1, intents=1)
RELEASED = truth(authorized=AMOUNT, voided=AMOUNT, intents=1)
UNPAID = truth(intents=1)
