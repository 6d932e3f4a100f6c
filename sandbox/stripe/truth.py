"""What really happened to the money, by order: the simulator's `/_sandbox/state`.

`authorized` is every hold or charge that a bank granted, `voided` what of it was given back uncaptured (by cancelling,
lapsing, or the rest of a partial capture): authorized - captured - voided is what is still held.
`refunds` counts refund objects; `refunded` sums those that did not fail. Amounts are in ISO 4217's minor units,
whatever the units that Stripe itself counts in.
"""

from typing import Any

from sandbox.stripe.store import Object, Store

_AMOUNTS = ("authorized", "captured", "refunded", "voided", "disputed")
NOTHING = dict.fromkeys((*_AMOUNTS, "intents", "captures", "refunds"), 0)
# How many of Stripe's units are how many of ISO 4217's: https://docs.stripe.com/currencies#special-cases
_UNITS = {"ISK": (100, 1), "UGX": (100, 1), "MGA": (1, 100)}


def state(store: Store) -> dict[str, Any]:
    payments: dict[str, Any] = {}
    orders: dict[str, str] = {}
    for intent in store.select("payment_intent"):
        order = intent["metadata"].get("order_id")
        if order:
            orders[intent["id"]] = order
            payment = payments.setdefault(order, {"currency": intent["currency"].upper(), **NOTHING})
            payment["intents"] += 1
    for charge in store.select("charge"):
        if charge["payment_intent"] in orders and charge["status"] == "succeeded":
            _add_charge(payments[orders[charge["payment_intent"]]], charge)
    for refund in store.select("refund"):
        if refund["payment_intent"] in orders:
            payment = payments[orders[refund["payment_intent"]]]
            payment["refunds"] += 1
            payment["refunded"] += refund["amount"] if refund["status"] in {"pending", "succeeded"} else 0
    for payment in payments.values():
        theirs, ours = _UNITS.get(payment["currency"], (1, 1))
        payment.update({name: payment[name] * ours // theirs for name in _AMOUNTS})
    return {"payments": payments}


def _add_charge(payment: dict[str, Any], charge: Object) -> None:
    released = charge["captured"] or charge["refunded"]
    payment["authorized"] += charge["amount"]
    payment["captured"] += charge["amount_captured"]
    payment["captures"] += int(charge["captured"])
    payment["voided"] += charge["amount"] - charge["amount_captured"] if released else 0
    payment["disputed"] += charge["amount"] if charge["disputed"] else 0
