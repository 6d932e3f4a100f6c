"""One example for every operation that takes a body, by operation id, for the OpenAPI document; and of queries."""

from typing import Any

ORDER, PAYMENT, PRODUCT = (f"{kind}_01kav000000000000000000000" for kind in ("ord", "pay", "prd"))
EMAIL, NEW_EMAIL, PASSWORD = "buyer@example.com", "ada@example.com", "a long and winding password"
_ADDRESS = {
    "name": "Ada Example",
    "line1": "1 Quay Street",
    "city": "Oakland",
    "region": "CA",
    "postal_code": "94601",
    "country": "US",
}
_CARD = {"method": "card", "payment_method_id": "pm_card_visa"}
_ITEMS = [{"product_id": PRODUCT, "quantity": 2}]
_LOGIN = {"email": EMAIL, "password": PASSWORD}
_REFRESH = {"refresh_token": "the newest that was given"}

# What an address can't do without, by operation id.
QUERIES: dict[str, dict[str, str]] = {"summarizeCart": {"country": _ADDRESS["country"]}}

BODIES: dict[str, Any] = {
    "register": {**_LOGIN, "email": NEW_EMAIL, "name": "Ada Example", "role": "buyer"},
    "logIn": _LOGIN,
    "openSession": _LOGIN,
    "refreshToken": _REFRESH,
    "logOut": _REFRESH,
    "changeMe": {"name": "Ada B. Example"},
    "eraseMe": {"password": PASSWORD},
    "changeAccount": {"status": "active", "reason": "approved", "note": "papers seen"},
    "createProduct": {
        "name": "Anchor shackle, galvanised",
        "price": {"amount": 1999, "currency": "USD"},
        "stock": 100,
    },
    "changeProduct": {"price": {"amount": 2199, "currency": "USD"}},
    "createCategory": {"slug": "mooring", "name": "Mooring", "parent": None},
    "changeCategory": {"name": "Mooring and anchoring"},
    "adjustStock": {"delta": 20, "reason": "received"},
    "createDiscount": {
        "code": "SPRING",
        "kind": "percentage",
        "percent": 10,
        "currency": "USD",
        "cap": 5000,
        "uses_per_buyer": 1,
    },
    "changeDiscount": {"active": False},
    "tryDiscount": {"code": "SPRING", "items": _ITEMS},
    "addCartItem": _ITEMS[0],
    "changeCartItem": {"quantity": 3},
    "checkOutCart": {"shipping_address": _ADDRESS, "payment": _CARD},
    "placeOrder": {"items": _ITEMS, "shipping_address": _ADDRESS, "payment": _CARD},
    "changeOrder": {"notes": "Ring twice, please."},
    "payOrder": {"payment": _CARD},
    "shipOrder": {"carrier": "DHL", "tracking_number": "JD014600003828"},
    "deliverOrder": {},
    "cancelOrder": {"reason": "ordered twice"},
    "cancelOrders": {"ids": [ORDER], "reason": "recalled by the maker"},
    "holdOrder": {"reason": "address_check", "note": "the street does not exist"},
    "releaseOrder": {"note": "the buyer gave another address"},
    "resolvePayment": {"outcome": "not_paid", "evidence": "the dashboard shows no such payment"},
    "closeIncident": {"note": "refunded by hand, reference 4711"},
}
