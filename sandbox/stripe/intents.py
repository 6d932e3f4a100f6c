"""PaymentIntent: create, update, confirm, capture, cancel, and the moves each state allows."""

from typing import Any

from sandbox.stripe import charging, forms, shapes
from sandbox.stripe.call import Call
from sandbox.stripe.currencies import check_amount, check_step, known_currency
from sandbox.stripe.errors import InvalidRequest, Refused
from sandbox.stripe.forms import Form, Params, Rule
from sandbox.stripe.methods import METHOD_DATA, method_for, new_method
from sandbox.stripe.store import Object

UNTRIED = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELLABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")

_AUTOMATIC_METHODS = Form({"enabled": forms.boolean, "allow_redirects": forms.choice("always", "never")}, ("enabled",))
_CARD_OPTIONS: dict[str, Rule] = {
    "capture_method": forms.choice("manual"),
    "request_three_d_secure": forms.choice("any", "automatic", "challenge"),
}
_SHARED: dict[str, Rule] = {
    **forms.EXPANDING,
    "capture_method": forms.choice("automatic", "automatic_async", "manual"),
    "payment_method": forms.text,
    "payment_method_data": forms.hash_of(METHOD_DATA),
    "payment_method_options": forms.hash_of(Form({"card": forms.hash_of(Form(_CARD_OPTIONS))})),
    "payment_method_types": forms.texts,
    "receipt_email": forms.limited(800),
    "setup_future_usage": forms.choice("", "off_session", "on_session"),
    "shipping": forms.hash_of(Form(forms.SHIPPING, ("address", "name"))),
}
_DESCRIBED: dict[str, Rule] = {
    "amount": forms.positive,
    "currency": forms.text,
    "customer": forms.text,
    "description": forms.limited(1000),
    "metadata": forms.metadata,
    "statement_descriptor": forms.limited(22),
    "statement_descriptor_suffix": forms.limited(22),
    "transfer_group": forms.text,
}
_CONFIRMING: dict[str, Rule] = {
    "error_on_requires_action": forms.boolean,
    "off_session": lambda name, raw: raw in {"one_off", "recurring"} or forms.boolean(name, raw),
    "mandate_data": forms.anything,
    "radar_options": forms.anything,
    "return_url": forms.text,
    "use_stripe_sdk": forms.boolean,
}
CREATE = Form(
    {
        **_SHARED,
        **_DESCRIBED,
        **_CONFIRMING,
        "automatic_payment_methods": forms.hash_of(_AUTOMATIC_METHODS),
        "confirm": forms.boolean,
        "confirmation_method": forms.choice("automatic", "manual"),
    },
    ("amount", "currency"),
)
UPDATE = Form({**_SHARED, **_DESCRIBED})
CONFIRM = Form({**_SHARED, **_CONFIRMING, "client_secret": forms.text})
CAPTURE = Form(
    {
        **forms.EXPANDING,
        "amount_to_capture": forms.positive,
        "final_capture": forms.boolean,
        "metadata": forms.metadata,
        "statement_descriptor": forms.limited(22),
        "statement_descriptor_suffix": forms.limited(22),
    }
)
CANCEL = Form(
    {
        **forms.EXPANDING,
        "cancellation_reason": forms.choice("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
    }
)
RETRIEVE = Form({**forms.EXPANDING, "client_secret": forms.text})


def create(call: Call) -> Object:
    params = call.params
    params["currency"] = known_currency(params["currency"])
    check_amount(params["amount"], params["currency"])
    _check_combination(params)
    if params.get("customer"):
        call.referred("customer", "customer")
    intent = shapes.payment_intent(params, call.now)
    intent["metadata"] = forms.merged_metadata({}, params.get("metadata", {}))
    if "payment_method_types" not in params:
        intent["automatic_payment_methods"] = {
            "allow_redirects": "always",
            **params.get("automatic_payment_methods", {"enabled": True}),
        }
    method = _sent_method(call, intent)
    if params.get("confirm"):
        _check_ready(call, intent, method)
    if method is not None:
        intent.update(payment_method=method["id"], status="requires_confirmation")
    _take_options(intent, params)
    call.store.add(intent, return_url=params.get("return_url"))
    call.emit("payment_intent.created", intent)
    if params.get("confirm") and method is not None:
        return charging.confirm(call, intent, method)
    return intent


def retrieve(call: Call) -> Object:
    intent = call.named("payment_intent")
    _check_secret(call, intent)
    return intent


def update(call: Call) -> Object:
    intent = call.named("payment_intent")
    params = call.params
    frozen = [name for name in params if name not in {"metadata", "description", "expand"}]
    if frozen and intent["status"] not in UNTRIED:
        raise _unexpected(intent, f"This PaymentIntent's {frozen[0]} could not be updated", "updated", UNTRIED)
    if "currency" in params:
        params["currency"] = known_currency(params["currency"])
    if "amount" in params or "currency" in params:
        due = intent | params
        check_amount(due["amount"], due["currency"])
    if params.get("customer"):
        call.referred("customer", "customer")
    method = _sent_method(call, intent)
    if "payment_method" in params or method is not None:
        status = "requires_payment_method" if method is None else "requires_confirmation"
        intent.update(payment_method=method and method["id"], status=status, next_action=None)
    _take(intent, params)
    call.store.save(intent)
    return intent


def confirm(call: Call) -> Object:
    intent = call.named("payment_intent")
    _check_secret(call, intent)
    if intent["status"] not in UNTRIED:
        if intent["status"] == "succeeded":
            message = (
                "You cannot confirm this PaymentIntent because it has already succeeded after being previously"
                " confirmed."
            )
            raise Refused(message, code="payment_intent_unexpected_state", payment_intent=intent)
        raise _unexpected(intent, "You cannot confirm this PaymentIntent", "confirmed", UNTRIED)
    method = _sent_method(call, intent)
    if method is None and intent["payment_method"]:
        method = call.store.find("payment_method", intent["payment_method"])
    _check_ready(call, intent, method)
    _take(intent, call.params)
    if "return_url" in call.params:
        call.store.hide(intent["id"], return_url=call.params["return_url"])
    if method is None:
        raise LookupError(intent["payment_method"])
    return charging.confirm(call, intent, method)


def capture(call: Call) -> Object:
    intent = call.named("payment_intent")
    if intent["status"] != "requires_capture":
        raise _unexpected(intent, "This PaymentIntent could not be captured", "captured", ("requires_capture",))
    if not call.params.get("final_capture", True):
        raise InvalidRequest("Multicapture is not available for this payment method.", param="final_capture")
    amount: int = call.params.get("amount_to_capture") or intent["amount_capturable"]
    check_step(amount, intent["currency"], "amount_to_capture")
    if amount > intent["amount_capturable"]:
        message = (
            f"The amount to capture ({amount}) is greater than the capturable amount ({intent['amount_capturable']})."
        )
        raise Refused(message, code="amount_too_large", param="amount_to_capture")
    _take(intent, call.params)
    return charging.capture(call, intent, amount)


def cancel(call: Call) -> Object:
    intent = call.named("payment_intent")
    if intent["status"] not in CANCELLABLE:
        raise _unexpected(intent, "You cannot cancel this PaymentIntent", "canceled", CANCELLABLE)
    return close(call, intent, call.params.get("cancellation_reason"))


def close(call: Call, intent: Object, reason: str | None) -> Object:
    if intent["status"] == "requires_capture":
        charging.release(call, intent)
    intent.update(
        status="canceled", canceled_at=call.now, cancellation_reason=reason, amount_capturable=0, next_action=None
    )
    call.store.save(intent)
    call.emit("payment_intent.canceled", intent)
    return intent


def _sent_method(call: Call, intent: Object) -> Object | None:
    customer = call.params.get("customer") or intent["customer"]
    if call.params.get("payment_method"):
        return method_for(call, call.params["payment_method"], customer)
    data: Params | None = call.params.get("payment_method_data")
    return None if data is None else new_method(call, data)


def _take(intent: Object, params: Params) -> None:
    skipped = {"expand", "payment_method", "payment_method_data", "payment_method_options", "metadata"}
    for name, value in params.items():
        if name in intent and name not in skipped:
            intent[name] = value or None
    _take_options(intent, params)
    if "payment_method_types" in params:
        intent["automatic_payment_methods"] = None
    if "metadata" in params:
        intent["metadata"] = forms.merged_metadata(intent["metadata"], params["metadata"])


def _take_options(intent: Object, params: Params) -> None:
    intent["payment_method_options"]["card"].update(params.get("payment_method_options", {}).get("card", {}))


def _check_combination(params: Params) -> None:
    if "payment_method_types" in params and params.get("automatic_payment_methods", {}).get("enabled"):
        message = "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."
        raise InvalidRequest(message, param="payment_method_types")
    if not params.get("confirm"):
        for name in ("return_url", "off_session", "error_on_requires_action"):
            if params.get(name):
                raise InvalidRequest(f"The parameter `{name}` cannot be passed when `confirm` is not true.", param=name)


def _check_ready(call: Call, intent: Object, method: Object | None) -> None:
    if method is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise Refused(message, code="payment_intent_unexpected_state", payment_intent=intent)
    automatic = intent["automatic_payment_methods"] or {"enabled": False}
    redirects = automatic["enabled"] and automatic.get("allow_redirects") != "never"
    excused = call.params.get("off_session") or call.params.get("use_stripe_sdk") or call.publishable
    known = call.params.get("return_url") or call.store.hidden(intent["id"]).get("return_url")
    if redirects and not excused and not known:
        message = (
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of"
            " these payment methods might redirect your customer off of your page, you must provide a `return_url`."
            " If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to"
            " `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and"
            " Payment Intents."
        )
        raise InvalidRequest(message)


def _check_secret(call: Call, intent: Object) -> None:
    sent = call.params.get("client_secret")
    if (call.publishable or sent) and sent != intent["client_secret"]:
        message = f"The client_secret provided does not match the client_secret associated with {intent['id']}."
        raise InvalidRequest(message, code="resource_missing" if sent is None else None, param="client_secret")


def _unexpected(intent: Object, cannot: str, verb: str, allowed: tuple[str, ...]) -> Refused:
    message = (
        f"{cannot} because it has a status of {intent['status']}. Only a PaymentIntent with one of the following"
        f" statuses may be {verb}: {', '.join(allowed)}."
    )
    return Refused(message, code="payment_intent_unexpected_state", payment_intent=intent)


_PUBLISHABLE = """
id object amount amount_details automatic_payment_methods canceled_at cancellation_reason capture_method client_secret
confirmation_method created currency description excluded_payment_method_types last_payment_error livemode next_action
payment_method payment_method_configuration_details payment_method_types processing receipt_email setup_future_usage
shipping status
"""
PUBLISHABLE = frozenset(_PUBLISHABLE.split())


def for_publishable(intent: dict[str, Any]) -> dict[str, Any]:
    """What a browser with a `pk_` key may see of an intent."""
    return {name: value for name, value in intent.items() if name in PUBLISHABLE}
