"""Refunds: limits, and the ones that fail or settle a moment later."""

from sandbox.faults import Do
from sandbox.stripe import forms, shapes
from sandbox.stripe.call import Call
from sandbox.stripe.cards import RefundFate
from sandbox.stripe.charging import card_of
from sandbox.stripe.currencies import check_step, shown
from sandbox.stripe.errors import InvalidRequest, Refused, missing
from sandbox.stripe.forms import Form
from sandbox.stripe.store import Object

CREATE = Form(
    {
        **forms.EXPANDING,
        "payment_intent": forms.text,
        "charge": forms.text,
        "amount": forms.positive,
        "reason": forms.choice("duplicate", "fraudulent", "requested_by_customer"),
        "metadata": forms.metadata,
        "instructions_email": forms.text,
    }
)
UPDATE = Form({**forms.EXPANDING, "metadata": forms.metadata})
RETRIEVE = Form(forms.EXPANDING)
CANCEL = Form(forms.EXPANDING)


def create(call: Call) -> Object:
    charge = _charge_to_refund(call)
    left = charge["amount"] - charge["amount_refunded"]
    amount = call.params.get("amount", left)
    if left == 0:
        raise Refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    check_step(amount, charge["currency"])
    if amount > left:
        asked, open_ = (shown(value, charge["currency"]) for value in (amount, left))
        message = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({open_})"
        raise Refused(message, param="amount")
    refund = shapes.refund(charge, amount, call.params, call.now)
    refund["metadata"] = forms.merged_metadata({}, call.params.get("metadata", {}))
    if charge["payment_method_details"]["type"] == "card":
        refund["destination_details"] = {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"}
    fate = _fate(call, charge)
    if fate is RefundFate.PENDS:
        refund.update(status="pending", pending_reason="processing")
    else:
        _book(call, refund)
    call.store.add(refund)
    _move(call, charge, amount)
    call.emit("refund.created", refund)
    call.emit("charge.refunded", charge, amount_refunded=charge["amount_refunded"] - amount)
    _turn_later(call, refund, fate)
    return refund


def retrieve(call: Call) -> Object:
    return call.named("refund")


def update(call: Call) -> Object:
    refund = call.named("refund")
    refund["metadata"] = forms.merged_metadata(refund["metadata"], call.params.get("metadata", {}))
    call.store.save(refund)
    call.emit("refund.updated", refund)
    return refund


def cancel(call: Call) -> Object:
    refund = call.named("refund")
    # Stripe cancels only refunds that wait for the customer's bank details; cards have none of those.
    raise Refused(f"The refund {refund['id']} cannot be canceled: its status is {refund['status']}.")


def fail(call: Call, refund: Object) -> None:
    """The bank sends it back: the money is ours again, so the charge can be refunded again."""
    _take_back(call, refund, status="failed", failure_reason="expired_or_canceled_card")
    call.emit("refund.failed", refund)


def call_off(call: Call, refund: Object) -> None:
    """Somebody cancels it in the dashboard."""
    _take_back(call, refund, status="canceled", failure_reason="merchant_request")


def _take_back(call: Call, refund: Object, **end: str) -> None:
    before = refund["status"]
    refund.pop("pending_reason", None)
    refund.update(end)
    if refund["balance_transaction"]:
        entry = shapes.balance_transaction(refund, refund["amount"], 0, call.now)
        entry.update(type="refund_failure", reporting_category="refund_failure")
        refund["failure_balance_transaction"] = call.store.add(entry)["id"]
    call.store.save(refund)
    charge = call.store.find("charge", refund["charge"])
    if charge is not None:
        _move(call, charge, -refund["amount"])
        call.emit("charge.updated", charge, amount_refunded=charge["amount_refunded"] + refund["amount"])
    call.emit("refund.updated", refund, status=before)


def settle(call: Call, refund: Object) -> None:
    refund.pop("pending_reason", None)
    refund.update(status="succeeded")
    _book(call, refund)
    call.store.save(refund)
    call.emit("refund.updated", refund, status="pending")


def _charge_to_refund(call: Call) -> Object:
    named = [name for name in ("payment_intent", "charge") if call.params.get(name)]
    if not named:
        raise missing("payment_intent")
    if "charge" in named:
        charge = call.referred("charge", "charge")
        if call.params.get("payment_intent") not in {None, charge["payment_intent"]}:
            raise InvalidRequest("The charge does not belong to the payment_intent.", param="charge")
    else:
        intent = call.referred("payment_intent", "payment_intent")
        found = call.store.find("charge", intent["latest_charge"] or "")
        if found is None:
            raise _nothing_to_refund(intent["id"])
        charge = found
    if charge["status"] != "succeeded":
        raise _nothing_to_refund(charge["payment_intent"])
    if not charge["captured"] and not charge["refunded"]:
        message = f"Charge {charge['id']} is not captured: cancel the PaymentIntent to release the hold."
        raise Refused(message, code="charge_not_refundable")
    return charge


def _nothing_to_refund(intent_id: str) -> Refused:
    message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
    return Refused(message, code="resource_missing", param="payment_intent")


def _fate(call: Call, charge: Object) -> RefundFate:
    if call.told_to(Do.REFUND_FAILS_LATER):
        return RefundFate.FAILS_LATER
    if call.told_to(Do.REFUND_CANCELED_LATER):
        return RefundFate.CANCELED_LATER
    method = call.store.find("payment_method", charge["payment_method"])
    if method is None or method["type"] != "card":
        return RefundFate.SUCCEEDS
    return card_of(call, method).refund


def _turn_later(call: Call, refund: Object, fate: RefundFate) -> None:
    match fate:
        case RefundFate.SUCCEEDS:
            pass
        case RefundFate.FAILS_LATER:
            call.later(call.script.refund_turns_ms, "refund_fails", refund["id"])
        case RefundFate.CANCELED_LATER:
            call.later(call.script.refund_turns_ms, "refund_is_canceled", refund["id"])
        case RefundFate.PENDS:
            call.later(call.script.refund_turns_ms, "refund_settles", refund["id"])


def _move(call: Call, charge: Object, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    call.store.save(charge)


def _book(call: Call, refund: Object) -> None:
    refund["balance_transaction"] = call.store.add(shapes.balance_transaction(refund, -refund["amount"], 0, call.now))[
        "id"
    ]
