"""Which call does what: method, path, accepted parameters and verb, one row each."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.stripe import customers, events, forms, intents, listing, methods, refunds
from sandbox.stripe.call import Call
from sandbox.stripe.forms import Form
from sandbox.stripe.store import Object


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    form: Form
    run: Callable[[Call], Object]
    publishable: bool = False


def _list(kind: str, path: str) -> Operation:
    return Operation("GET", path, listing.form_for(kind), listing.listing(kind, path))


def _named(kind: str) -> Callable[[Call], Object]:
    return lambda call: call.named(kind)


_BY_ID = Form(forms.EXPANDING)
_INTENT = "/v1/payment_intents/{id}"
_METHOD = "/v1/payment_methods/{id}"

OPERATIONS = (
    Operation("POST", "/v1/payment_intents", intents.CREATE, intents.create),
    _list("payment_intent", "/v1/payment_intents"),
    Operation("GET", "/v1/payment_intents/search", listing.SEARCH, listing.search),
    Operation("GET", _INTENT, intents.RETRIEVE, intents.retrieve, publishable=True),
    Operation("POST", _INTENT, intents.UPDATE, intents.update),
    Operation("POST", f"{_INTENT}/confirm", intents.CONFIRM, intents.confirm, publishable=True),
    Operation("POST", f"{_INTENT}/capture", intents.CAPTURE, intents.capture),
    Operation("POST", f"{_INTENT}/cancel", intents.CANCEL, intents.cancel),
    _list("charge", "/v1/charges"),
    Operation("GET", "/v1/charges/{id}", _BY_ID, _named("charge")),
    Operation("POST", "/v1/refunds", refunds.CREATE, refunds.create),
    _list("refund", "/v1/refunds"),
    Operation("GET", "/v1/refunds/{id}", refunds.RETRIEVE, refunds.retrieve),
    Operation("POST", "/v1/refunds/{id}", refunds.UPDATE, refunds.update),
    Operation("POST", "/v1/refunds/{id}/cancel", refunds.CANCEL, refunds.cancel),
    Operation("POST", "/v1/customers", customers.CREATE, customers.create),
    _list("customer", "/v1/customers"),
    Operation("GET", "/v1/customers/{id}", customers.RETRIEVE, customers.retrieve),
    Operation("POST", "/v1/customers/{id}", customers.UPDATE, customers.update),
    Operation(
        "GET", "/v1/customers/{id}/payment_methods", listing.form_for("payment_method"), listing.customer_methods
    ),
    Operation("POST", "/v1/payment_methods", methods.CREATE, methods.create),
    _list("payment_method", "/v1/payment_methods"),
    Operation("GET", _METHOD, methods.RETRIEVE, methods.retrieve),
    Operation("POST", _METHOD, methods.UPDATE, methods.update),
    Operation("POST", f"{_METHOD}/attach", methods.ATTACH, methods.attach),
    Operation("POST", f"{_METHOD}/detach", methods.RETRIEVE, methods.detach),
    Operation("GET", "/v1/events", listing.form_for("event"), events.list_),
    Operation("GET", "/v1/events/{id}", events.RETRIEVE, events.retrieve),
    _list("balance_transaction", "/v1/balance_transactions"),
    Operation("GET", "/v1/balance_transactions/{id}", _BY_ID, _named("balance_transaction")),
)
