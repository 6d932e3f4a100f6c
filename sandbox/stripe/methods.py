"""PaymentMethods: test cards and bank debits, made from numbers or tokens, attached to customers or not."""

from dataclasses import replace
from typing import Any

from sandbox.stripe import forms, shapes
from sandbox.stripe.call import Call
from sandbox.stripe.cards import Card, by_number, by_token, decline
from sandbox.stripe.errors import CardError, InvalidRequest, NoSuchReference, missing
from sandbox.stripe.forms import Form, Params
from sandbox.stripe.store import Object

TOKEN_EXPIRY = (12, 2034)
# docs.stripe.com/testing: the account's last digit tells how the debit ends.
IBAN_CLEARS = "DE89370400440532013000"
IBAN_FAILS = "DE62370400440532013001"

_CARD = Form(
    dict.fromkeys(("number", "cvc", "token"), forms.text) | {"exp_month": forms.integer, "exp_year": forms.integer}
)
METHOD_DATA = Form(
    {
        "type": forms.choice("card", "sepa_debit"),
        "card": forms.hash_of(_CARD),
        "sepa_debit": forms.hash_of(Form({"iban": forms.text}, ("iban",))),
        "billing_details": forms.hash_of(Form(forms.BILLING)),
        "metadata": forms.metadata,
        "allow_redisplay": forms.choice("always", "limited", "unspecified"),
    },
    ("type",),
)
CREATE = Form({**METHOD_DATA.fields, **forms.EXPANDING}, ("type",))
UPDATE = Form(
    {
        **forms.EXPANDING,
        "metadata": forms.metadata,
        "billing_details": forms.hash_of(Form(forms.BILLING)),
        "allow_redisplay": forms.choice("always", "limited", "unspecified"),
    }
)
ATTACH = Form({**forms.EXPANDING, "customer": forms.text}, ("customer",))
RETRIEVE = Form(forms.EXPANDING)


def create(call: Call) -> Object:
    return new_method(call, call.params)


def retrieve(call: Call) -> Object:
    return call.named("payment_method")


def update(call: Call) -> Object:
    method = call.named("payment_method")
    method["metadata"] = forms.merged_metadata(method["metadata"], call.params.get("metadata", {}))
    method["billing_details"].update(call.params.get("billing_details", {}))
    method["allow_redisplay"] = call.params.get("allow_redisplay", method["allow_redisplay"])
    call.store.save(method)
    return method


def attach(call: Call) -> Object:
    customer = call.referred("customer", "customer")
    is_token = by_token(call.target) is not None
    method = _from_token(call, call.target) if is_token else call.named("payment_method")
    if method["customer"] not in {None, customer["id"]}:
        raise InvalidRequest("The payment method you provided has already been attached to a customer.")
    number = call.store.hidden(method["id"]).get("number")
    card = by_number(number) if number else None
    if card is not None and card.declines is not None and not card.attaches:
        why = decline(card.declines)
        raise CardError(why.message, code=why.code, decline_code=why.decline_code)
    method["customer"] = customer["id"]
    call.store.save(method)
    call.emit("payment_method.attached", method)
    return method


def detach(call: Call) -> Object:
    method = call.named("payment_method")
    if method["customer"] is None:
        raise InvalidRequest(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    former = method["customer"]
    method["customer"] = None
    call.store.save(method)
    call.emit("payment_method.detached", method, customer=former)
    return method


def new_method(call: Call, data: Params) -> Object:
    if data["type"] == "sepa_debit":
        method, hidden = _debit(call, data)
    else:
        method, hidden = _card(call, data)
    method["metadata"] = forms.merged_metadata({}, data.get("metadata", {}))
    return call.store.add(method, **hidden)


def method_for(call: Call, sent: str, customer: str | None) -> Object:
    """The method an intent is to be paid by; each use of a test token makes a new one, as at Stripe."""
    if by_token(sent) is not None:
        return _from_token(call, sent)
    method = call.store.find("payment_method", sent)
    if method is None:
        raise NoSuchReference("PaymentMethod", sent, "payment_method")
    if method["customer"] not in {None, customer}:
        message = (
            "The payment method you provided is attached to a customer: the PaymentIntent must name that customer."
            if customer is None
            else f"The customer does not have a payment method with the ID {sent}."
        )
        raise InvalidRequest(message, code="resource_missing" if customer else None, param="payment_method")
    return method


def _from_token(call: Call, token: str) -> Object:
    card = by_token(token)
    if card is None:
        raise NoSuchReference("PaymentMethod", token, "payment_method")
    details = shapes.card_method(card, TOKEN_EXPIRY, has_cvc=True)
    return call.store.add(shapes.payment_method("card", details, {}, call.now), number=card.number)


def _card(call: Call, data: Params) -> tuple[Object, dict[str, Any]]:
    sent = data.get("card")
    if not sent:
        raise missing("card")
    expiry, card = TOKEN_EXPIRY, by_token(sent.get("token") or "")
    if sent.get("token"):
        if card is None:
            raise NoSuchReference("token", sent["token"], "card[token]")
    else:
        for name in ("number", "exp_month", "exp_year"):
            if not sent.get(name):
                raise missing(f"card[{name}]")
        card = _numbered(sent["number"])
        expiry = _expiry(call, sent["exp_month"], sent["exp_year"])
    if card is None:
        raise LookupError(sent)
    details = shapes.card_method(card, expiry, has_cvc=bool(sent.get("cvc")))
    return shapes.payment_method("card", details, data, call.now), {"number": card.number}


def _numbered(number: str) -> Card:
    card = by_number(number)
    if card is None:
        if not _passes_luhn(number):
            raise CardError("Your card number is incorrect.", code="incorrect_number", param="number")
        message = "Your card was declined. Your request was in test mode, but used a non test card."
        raise CardError(message, code="card_declined", decline_code="live_mode_test_card")
    return replace(card)


def _expiry(call: Call, month: int, year: int) -> tuple[int, int]:
    if not 1 <= month <= 12:  # noqa: PLR2004 - months of a year
        raise CardError("Your card's expiration month is invalid.", code="invalid_expiry_month", param="exp_month")
    full = year + 2000 if year < 100 else year  # noqa: PLR2004 - two digits mean this century
    this_year = 1970 + int(call.now / 31_556_952)
    if not this_year <= full <= this_year + 50:
        raise CardError("Your card's expiration year is invalid.", code="invalid_expiry_year", param="exp_year")
    return month, full


def _passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004 - Luhn's carry
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _debit(call: Call, data: Params) -> tuple[Object, dict[str, Any]]:
    if not data.get("sepa_debit"):
        raise missing("sepa_debit")
    iban = data["sepa_debit"]["iban"].replace(" ", "").upper()
    if iban not in {IBAN_CLEARS, IBAN_FAILS}:
        raise InvalidRequest(
            "The IBAN you entered is invalid.", code="invalid_bank_account_iban", param="sepa_debit[iban]"
        )
    details = {
        "bank_code": iban[4:12],
        "branch_code": "",
        "country": iban[:2],
        "fingerprint": f"sandbox{iban[-9:]}",
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban[-4:],
    }
    return shapes.payment_method("sepa_debit", details, data, call.now), {"iban": iban}
