"""Stripe's test cards and tokens, and what each of them does (docs.stripe.com/testing)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Decline:
    code: str
    decline_code: str
    message: str

    def advice(self) -> str:
        return "do_not_try_again" if self.decline_code in {"lost_card", "stolen_card"} else "try_again_later"


class Challenge(StrEnum):
    NEVER = "never"
    UNLESS_SET_UP = "unless_set_up"
    ALWAYS = "always"


class RefundFate(StrEnum):
    SUCCEEDS = "succeeds"
    FAILS_LATER = "fails_later"
    CANCELED_LATER = "canceled_later"
    PENDS = "pends"


@dataclass(frozen=True, slots=True)
class Card:
    number: str
    brand: str = "visa"
    declines: str | None = None
    attaches: bool = True
    challenge: Challenge = Challenge.NEVER
    refund: RefundFate = RefundFate.SUCCEEDS

    def __post_init__(self) -> None:
        if self.declines is not None and self.declines not in DECLINES:
            raise ValueError(self.declines)


MESSAGES = {
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "incorrect_number": "Your card number is incorrect.",
    "insufficient_funds": "Your card has insufficient funds.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
# These are error codes of their own; every other decline is `card_declined` with a decline_code.
OWN_CODES = frozenset(
    {"expired_card", "incorrect_cvc", "incorrect_number", "processing_error", "authentication_required"}
)
_DECLINES = """
approve_with_id authentication_not_handled authentication_required call_issuer card_not_supported
card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card
fraudulent generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip
insufficient_funds invalid_account invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number
invalid_pin issuer_not_available lost_card merchant_blacklist mobile_device_authentication_required
new_account_information_available no_action_taken not_permitted offline_pin_required online_or_offline_pin_required
pickup_card pin_try_exceeded processing_error reenter_transaction restricted_card revocation_of_all_authorizations
revocation_of_authorization security_violation service_not_allowed stolen_card stop_payment_order testmode_decline
transaction_not_allowed try_again_later withdrawal_count_limit_exceeded
"""
DECLINES = frozenset(_DECLINES.split())


def decline(name: str) -> Decline:
    code = name if name in OWN_CODES else "card_declined"
    return Decline(code, name, MESSAGES.get(name, "Your card was declined."))


_CARDS = (
    Card("4242424242424242"),
    Card("4000056655665556"),
    Card("5555555555554444", "mastercard"),
    Card("5200828282828210", "mastercard"),
    Card("378282246310005", "amex"),
    Card("6011111111111117", "discover"),
    Card("3566002020360505", "jcb"),
    Card("4000000000000002", declines="generic_decline", attaches=False),
    Card("4000000000009995", declines="insufficient_funds", attaches=False),
    Card("4000000000009987", declines="lost_card", attaches=False),
    Card("4000000000009979", declines="stolen_card", attaches=False),
    Card("4000000000000069", declines="expired_card", attaches=False),
    Card("4000000000000127", declines="incorrect_cvc", attaches=False),
    Card("4000000000000119", declines="processing_error", attaches=False),
    Card("4000000000006975", declines="card_velocity_exceeded", attaches=False),
    Card("4100000000000019", declines="fraudulent"),
    Card("4000000000000341", declines="generic_decline"),
    Card("4000002500003155", challenge=Challenge.UNLESS_SET_UP),
    Card("4000002760003184", challenge=Challenge.ALWAYS),
    Card("4000000000003220", challenge=Challenge.ALWAYS),
    Card("4000000000003063", challenge=Challenge.ALWAYS),
    Card("4000008400001629", challenge=Challenge.ALWAYS, declines="generic_decline"),
    Card("4000008260003178", challenge=Challenge.ALWAYS, declines="insufficient_funds"),
    Card("4000000000003055"),
    Card("4000000000005126", refund=RefundFate.FAILS_LATER),
    Card("4000000000007726", refund=RefundFate.PENDS),
)
CARDS = {card.number: card for card in _CARDS}

TOKENS = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "mastercard": "5555555555554444",
    "mastercard_debit": "5200828282828210",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "jcb": "3566002020360505",
    "chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedLostCard": "4000000000009987",
    "chargeDeclinedStolenCard": "4000000000009979",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "chargeDeclinedFraudulent": "4100000000000019",
    "radarBlock": "4100000000000019",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequiredOnSetup": "4000002500003155",
    "authenticationRequired": "4000002760003184",
    "threeDSecure2Required": "4000000000003220",
    "threeDSecureRequired": "4000000000003063",
    "threeDSecureRequiredChargeDeclined": "4000008400001629",
    "authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "threeDSecureOptional": "4000000000003055",
    "refundFail": "4000000000005126",
    "pendingRefund": "4000000000007726",
}


def by_token(token: str) -> Card | None:
    """`pm_card_visa_chargeDeclined` and `tok_visa_chargeDeclined` are older spellings of `pm_card_chargeDeclined`."""
    name = token.removeprefix("pm_card_").removeprefix("tok_")
    number = TOKENS.get(name) or TOKENS.get(name.removeprefix("visa_"))
    return CARDS[number] if number and name != token else None


def by_number(number: str) -> Card | None:
    """Any other number that passes the Luhn check is, as in Stripe's test mode, no test card."""
    return CARDS.get(number.replace(" ", "").replace("-", ""))


def as_known(number: str) -> Card:
    return CARDS[number]


def brand_fields(card: Card) -> dict[str, Any]:
    return {
        "brand": card.brand,
        "country": "US",
        "funding": "debit" if card.number in {TOKENS["visa_debit"], TOKENS["mastercard_debit"]} else "credit",
        "last4": card.number[-4:],
    }
