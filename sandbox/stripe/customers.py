"""Customers, to whom payment methods attach and intents belong."""

from sandbox.stripe import forms, shapes
from sandbox.stripe.call import Call
from sandbox.stripe.forms import Form, Rule
from sandbox.stripe.methods import method_for
from sandbox.stripe.store import Object

_FIELDS: dict[str, Rule] = {
    **forms.EXPANDING,
    "address": forms.hash_of(Form(forms.ADDRESS)),
    "description": forms.text,
    "email": forms.limited(512),
    "metadata": forms.metadata,
    "name": forms.limited(256),
    "phone": forms.text,
    "shipping": forms.hash_of(Form(forms.SHIPPING, ("address", "name"))),
}
CREATE = Form({**_FIELDS, "payment_method": forms.text})
UPDATE = Form(_FIELDS)
RETRIEVE = Form(forms.EXPANDING)


def create(call: Call) -> Object:
    customer = shapes.customer(call.params, call.now)
    customer["metadata"] = forms.merged_metadata({}, call.params.get("metadata", {}))
    if call.params.get("payment_method"):
        method = method_for(call, call.params["payment_method"], None)
        method["customer"] = customer["id"]
        call.store.save(method)
    call.store.add(customer)
    call.emit("customer.created", customer)
    return customer


def retrieve(call: Call) -> Object:
    return call.named("customer")


def update(call: Call) -> Object:
    customer = call.named("customer")
    for name in _FIELDS.keys() & call.params.keys() - {"metadata", "expand"}:
        customer[name] = call.params[name]
    customer["metadata"] = forms.merged_metadata(customer["metadata"], call.params.get("metadata", {}))
    call.store.save(customer)
    call.emit("customer.updated", customer)
    return customer
