"""The objects as Stripe shows them, when they are new."""

from typing import Any

from sandbox.stripe.cards import Card, brand_fields
from sandbox.stripe.forms import Params
from sandbox.stripe.store import Object, new_id

API_VERSION = "2026-08-26.dahlia"
NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
NO_BILLING = {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}
_NEW_INTENT_LACKS = """
application application_fee_amount automatic_payment_methods canceled_at cancellation_reason customer_account
excluded_payment_method_types last_payment_error latest_charge next_action on_behalf_of payment_method
payment_method_configuration_details processing review transfer_data
"""
NEW_INTENT_LACKS = dict.fromkeys(_NEW_INTENT_LACKS.split())
_NEW_CHARGE_LACKS = """
application application_fee application_fee_amount balance_transaction failure_balance_transaction failure_code
failure_message on_behalf_of receipt_number receipt_url review source_transfer transfer_data
"""
NEW_CHARGE_LACKS = dict.fromkeys(_NEW_CHARGE_LACKS.split())


def payment_intent(params: Params, now: int) -> Object:
    intent_id = new_id("pi")
    echoed = ("customer", "description", "receipt_email", "setup_future_usage", "shipping", "statement_descriptor")
    return {
        "id": intent_id,
        "object": "payment_intent",
        **NEW_INTENT_LACKS,
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": new_id(f"{intent_id}_secret", 25),
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": now,
        "currency": params["currency"],
        "livemode": False,
        "metadata": {},
        "payment_method_options": {
            "card": {"installments": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": params.get("payment_method_types", ["card"]),
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_group": params.get("transfer_group"),
        **{name: params.get(name) for name in echoed},
    }


def charge(intent: Object, method: Object, details: Object, now: int) -> Object:
    charge_id = new_id("ch")
    copied = (
        "amount",
        "currency",
        "customer",
        "description",
        "metadata",
        "receipt_email",
        "shipping",
        "transfer_group",
    )
    return {
        "id": charge_id,
        "object": "charge",
        **NEW_CHARGE_LACKS,
        "amount_captured": 0,
        "amount_refunded": 0,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "HOLDFAST SANDBOX",
        "captured": False,
        "created": now,
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "outcome": outcome(),
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": details,
        "refunded": False,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded",
        **{name: intent[name] for name in copied},
    }


def outcome() -> Object:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }


def card_details(card: Card, method: Object, amount: int, capture_before: int | None) -> Object:
    """A charge's `payment_method_details` of a card; `capture_before` only on a hold."""
    held = {} if capture_before is None else {"capture_before": capture_before}
    shown = {
        **brand_fields(card),
        **held,
        "amount_authorized": amount,
        "authorization_code": "123456",
        "checks": method["card"]["checks"],
        "exp_month": method["card"]["exp_month"],
        "exp_year": method["card"]["exp_year"],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": method["card"]["fingerprint"],
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": "104102978678771",
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "wallet": None,
    }
    return {"type": "card", "card": shown}


def refund(charge_: Object, amount: int, params: Params, now: int) -> Object:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge_["id"],
        "created": now,
        "currency": charge_["currency"],
        "metadata": {},
        "payment_intent": charge_["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def customer(params: Params, now: int) -> Object:
    customer_id = new_id("cus", 14)
    return {
        "id": customer_id,
        "object": "customer",
        "address": params.get("address"),
        "balance": 0,
        "created": now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description"),
        "discount": None,
        "email": params.get("email"),
        "invoice_prefix": customer_id[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": params.get("name"),
        "next_invoice_sequence": 1,
        "phone": params.get("phone"),
        "preferred_locales": [],
        "shipping": params.get("shipping"),
        "tax_exempt": "none",
        "test_clock": None,
    }


def payment_method(kind: str, details: Object, params: Params, now: int) -> Object:
    sent = params.get("billing_details", {})
    billing = {**NO_BILLING, **sent, "address": {**NO_ADDRESS, **sent.get("address", {})}}
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": params.get("allow_redisplay", "unspecified"),
        "billing_details": billing,
        "created": now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
        kind: details,
    }


def card_method(card: Card, expiry: tuple[int, int], *, has_cvc: bool) -> Object:
    return {
        **brand_fields(card),
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "unchecked" if has_cvc else None,
        },
        "display_brand": card.brand,
        "exp_month": expiry[0],
        "exp_year": expiry[1],
        "fingerprint": f"sandbox{card.number[-9:]}",
        "generated_from": None,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def balance_transaction(source: Object, amount: int, fee: int, now: int) -> Object:
    kind = source["object"]
    charged: list[Any] = [
        {
            "amount": fee,
            "application": None,
            "currency": source["currency"],
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now + 2 * 86_400,
        "balance_type": "payments",
        "created": now,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": charged if fee else [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }


def event(type_: str, body: Object, previous: Object | None, request: Object, now: int) -> Object:
    data = {"object": body} if previous is None else {"object": body, "previous_attributes": previous}
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": request,
        "type": type_,
    }
