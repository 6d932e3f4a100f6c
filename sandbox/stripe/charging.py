"""What happens to the money of an intent: an attempt on a card, its hold, capture and release."""

from sandbox.faults import Do
from sandbox.stripe import shapes
from sandbox.stripe.call import Call
from sandbox.stripe.cards import Card, Challenge, Decline, as_known, decline
from sandbox.stripe.errors import CardError, InvalidRequest
from sandbox.stripe.store import Json, Object

FEE_PER_MILLE = 29
FIXED_FEE = 30


def card_of(call: Call, method: Object) -> Card:
    return as_known(call.store.hidden(method["id"])["number"])


def confirm(call: Call, intent: Object, method: Object) -> Object:
    """Try to pay; a 3-D Secure card first asks its holder, unless nobody is there to be asked."""
    intent.update(payment_method=method["id"], last_payment_error=None, next_action=None)
    scripted = call.told_to(Do.DECLINE)
    if scripted is not None:
        return fail(call, intent, method, decline(scripted.code or "generic_decline"))
    if method["type"] == "sepa_debit":
        return _start_debit(call, intent)
    passed = call.store.hidden(method["id"]).get("challenge_passed") == intent["id"]
    if not passed and _needs_challenge(call, intent, method):
        unattended = call.params.get("off_session") or call.params.get("error_on_requires_action")
        if unattended:
            return fail(call, intent, method, decline("authentication_required"))
        return _ask_holder(call, intent)
    return attempt(call, intent, method, authenticated=passed)


def attempt(call: Call, intent: Object, method: Object, *, authenticated: bool = False) -> Object:
    card = card_of(call, method)
    if card.declines is not None:
        return fail(call, intent, method, decline(card.declines))
    manual = "manual" in {intent["capture_method"], _card_option(intent, "capture_method")}
    capture_before = int(call.store.now() + call.script.hold_ms / 1000) if manual else None
    details = shapes.card_details(card, method, intent["amount"], capture_before)
    if authenticated:
        details["card"]["three_d_secure"] = {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": "05",
            "exemption_indicator": None,
            "result": "authenticated",
            "result_reason": None,
            "transaction_id": intent["id"],
            "version": "2.2.0",
        }
    _keep_for_later(call, intent, method)
    return hold(call, intent, details, method) if manual else collect(call, intent, details, method)


def hold(call: Call, intent: Object, details: Object, method: Object) -> Object:
    charge = shapes.charge(intent, method, details, call.now)
    call.store.add(charge)
    intent.update(status="requires_capture", amount_capturable=intent["amount"], latest_charge=charge["id"])
    call.store.save(intent)
    call.later(call.script.hold_ms, "hold_lapses", intent["id"])
    call.emit("charge.succeeded", charge)
    call.emit("payment_intent.amount_capturable_updated", intent)
    return intent


def collect(call: Call, intent: Object, details: Object, method: Object) -> Object:
    charge = shapes.charge(intent, method, details, call.now)
    charge.update(captured=True, amount_captured=charge["amount"])
    call.store.add(charge)
    intent.update(status="succeeded", amount_received=intent["amount"], latest_charge=charge["id"])
    call.store.save(intent)
    call.emit("charge.succeeded", charge)
    call.emit("payment_intent.succeeded", intent)
    _book(call, charge)
    return intent


def capture(call: Call, intent: Object, amount: int) -> Object:
    """Take `amount` of the hold; Stripe gives back the rest and shows it as refunded on the charge."""
    charge = _latest_charge(call, intent)
    released = charge["amount"] - amount
    charge.update(captured=True, amount_captured=amount, amount_refunded=released)
    intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
    call.store.save(charge)
    call.store.save(intent)
    call.emit("charge.captured", charge, captured=False, amount_captured=0)
    call.emit("payment_intent.succeeded", intent)
    _book(call, charge)
    return intent


def release(call: Call, intent: Object) -> None:
    """Give a hold back whole, as Stripe does when an intent is cancelled: the charge shows as refunded."""
    charge = _latest_charge(call, intent)
    charge.update(amount_refunded=charge["amount"], refunded=True)
    call.store.save(charge)
    call.emit("charge.refunded", charge, amount_refunded=0, refunded=False)


def fail(call: Call, intent: Object, method: Object, why: Decline) -> Object:
    """Record the failed try, then refuse; the intent waits for another payment method."""
    charge = shapes.charge(intent, method, _failed_details(call, intent, method), call.now)
    charge.update(status="failed", paid=False, failure_code=why.code, failure_message=why.message)
    blocked = why.decline_code == "fraudulent"
    charge["outcome"].update(
        advice_code=why.advice(),
        network_status="not_sent_to_network" if blocked else "declined_by_network",
        reason=why.decline_code,
        seller_message="The bank did not return any further details with this decline.",
        type="blocked" if blocked else "issuer_declined",
    )
    call.store.add(charge)
    error = CardError(
        why.message,
        code=why.code,
        decline_code=why.decline_code,
        charge=charge["id"],
        payment_method=method,
        advice_code=why.advice(),
    )
    _back_to_method(call, intent, error, latest_charge=charge["id"])
    call.emit("charge.failed", charge)
    call.emit("payment_intent.payment_failed", intent)
    error.fields["payment_intent"] = intent
    raise error


def fail_challenge(call: Call, intent: Object, method: Object) -> Object:
    message = (
        "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    )
    error = CardError(message, code="payment_intent_authentication_failure", payment_method=method)
    # Stripe reports it as an invalid request although it stems from the card's holder.
    _back_to_method(call, intent, error, type_="invalid_request_error")
    call.emit("payment_intent.payment_failed", intent)
    return intent


def await_confirmation(call: Call, intent: Object, method: Object) -> Object:
    """With `confirmation_method=manual` a passed challenge is spent by the merchant's next confirm."""
    call.store.hide(method["id"], challenge_passed=intent["id"])
    intent.update(status="requires_confirmation")
    call.store.save(intent)
    return intent


def _back_to_method(call: Call, intent: Object, error: CardError, *, type_: str = "", **changes: Json) -> None:
    shown = error.body()["error"]
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error={**shown, "type": type_ or shown["type"]},
        **changes,
    )
    call.store.save(intent)


def _card_option(intent: Object, name: str) -> str | None:
    value: str | None = intent["payment_method_options"]["card"].get(name)
    return value


def _needs_challenge(call: Call, intent: Object, method: Object) -> bool:
    if _card_option(intent, "request_three_d_secure") in {"any", "challenge"}:
        return True
    match card_of(call, method).challenge:
        case Challenge.NEVER:
            return False
        case Challenge.UNLESS_SET_UP:
            return not call.store.hidden(method["id"]).get("set_up", False)
        case Challenge.ALWAYS:
            return True


def _ask_holder(call: Call, intent: Object) -> Object:
    page = f"{call.base_url}/_sandbox/3ds/{intent['id']}"
    return_url = call.store.hidden(intent["id"]).get("return_url")
    if return_url:
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
    else:
        action = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page, "source": intent["id"]},
        }
    intent.update(status="requires_action", next_action=action)
    call.store.save(intent)
    call.emit("payment_intent.requires_action", intent)
    return intent


def _start_debit(call: Call, intent: Object) -> Object:
    if intent["currency"] != "eur" or intent["capture_method"] == "manual":
        raise InvalidRequest("sepa_debit takes eur and automatic capture only.", param="payment_method")
    intent.update(status="processing")
    call.store.save(intent)
    call.later(call.script.processing_ms, "debit_clears", intent["id"])
    call.emit("payment_intent.processing", intent)
    return intent


def debit_details(method: Object) -> Object:
    shown = {name: value for name, value in method["sepa_debit"].items() if name != "generated_from"}
    return {"type": "sepa_debit", "sepa_debit": {**shown, "mandate": None}}


def _failed_details(call: Call, intent: Object, method: Object) -> Object:
    if method["type"] == "sepa_debit":
        return debit_details(method)
    return shapes.card_details(card_of(call, method), method, intent["amount"], None)


def _keep_for_later(call: Call, intent: Object, method: Object) -> None:
    if not intent["setup_future_usage"]:
        return
    if intent["customer"]:
        method["customer"] = intent["customer"]
        call.store.save(method)
    if intent["setup_future_usage"] == "off_session":
        call.store.hide(method["id"], set_up=True)


def _latest_charge(call: Call, intent: Object) -> Object:
    charge = call.store.find("charge", intent["latest_charge"])
    if charge is None:
        raise LookupError(intent["latest_charge"])
    return charge


def _book(call: Call, charge: Object) -> None:
    """Real Stripe attaches the balance transaction a moment later, hence `charge.updated`."""
    amount = charge["amount_captured"]
    fee = amount * FEE_PER_MILLE // 1000 + FIXED_FEE
    entry = call.store.add(shapes.balance_transaction(charge, amount, fee, call.now))
    charge["balance_transaction"] = entry["id"]
    call.store.save(charge)
    call.emit("charge.updated", charge, balance_transaction=None)
