"""One example of all that is answered with, by the name of its schema, for the OpenAPI document; and of refusals.

All are of one order: two shackles at 19.99 USD, 7.25 % tax on them, 5.00 shipping.
"""

import json
from collections.abc import Mapping
from typing import Any

from api.examples import EMAIL, ORDER, PAYMENT, PRODUCT
from api.problems import body_of
from domain.errors import (
    BodyInvalid,
    BodyTooLarge,
    CursorInvalid,
    HoldfastError,
    IfMatchRequired,
    OrderBusy,
    RateLimited,
    ResourceNotFound,
    RoleNotAllowed,
    TokenInvalid,
    VersionChanged,
    WorkflowsUnavailable,
)

_AT, _LATER = "2026-11-02T10:00:00Z", "2026-11-02T10:00:01Z"
_BUYER, _SELLER, _STAFF = (f"acc_01kav00000000000000000000{number}" for number in range(3))
_PART, _CART, _PIECE, _EVENT = (f"{kind}_01kav000000000000000000000" for kind in ("ful", "crt", "cit", "evt"))
_REQUEST = "0d3f0a3c-4f0e-4c58-9d2b-6f4b7f3f1f0a"


def _usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


def _page(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": [item], "has_more": False}


_ADDRESS = {
    "name": "Ada Example",
    "line1": "1 Quay Street",
    "line2": "",
    "city": "Oakland",
    "region": "CA",
    "postal_code": "94601",
    "country": "US",
}
_PRICES = {"unit_price": _usd(1999), "subtotal": _usd(3998), "discount": _usd(0), "tax": _usd(290), "total": _usd(4288)}
_TOTALS = {
    "subtotal": _usd(3998),
    "discount": _usd(0),
    "tax": _usd(290),
    "shipping": _usd(500),
    "total": _usd(4788),
}
_NAME = "Anchor shackle, galvanised"
_GOODS = {"product_id": PRODUCT, "name": _NAME, "quantity": 2}
_WORKFLOW = {"id": f"order/{ORDER}", "url": None}
_ACCOUNT = {
    "id": _BUYER,
    "object": "account",
    "created": _AT,
    "email": EMAIL,
    "name": "Ada Example",
    "role": "buyer",
    "status": "active",
}
_PAID = {
    "id": PAYMENT,
    "object": "payment",
    "created": _AT,
    "number": "P-100001",
    "order_id": ORDER,
    "method": "card",
    "capture": "automatic",
    "provider": "stripe",
    "status": "completed",
    "amount": _usd(4788),
    "authorized": _usd(4788),
    "captured": _usd(4788),
    "refunded": _usd(0),
    "capture_before": None,
    "attempts": [{"number": 1, "created": _AT, "status": "succeeded", "decline_code": None, "failure": None}],
}
_ORDER = {
    "id": ORDER,
    "object": "order",
    "created": _AT,
    "updated": _LATER,
    "number": "O-100001",
    "buyer_id": _BUYER,
    "status": "confirmed",
    "payment_status": "completed",
    "settlement_status": "none",
    "cancel_reason": None,
    "held": False,
    "next_action": None,
    "lines": [
        {
            "id": "lin_01kav000000000000000000000",
            "seller_id": _SELLER,
            "fulfilment_id": _PART,
            **_GOODS,
            **_PRICES,
        }
    ],
    "totals": _TOTALS,
    "fulfilments": [
        {
            "id": _PART,
            "seller_id": _SELLER,
            "status": "pending",
            "carrier": None,
            "tracking_number": None,
            "tracking_url": None,
            "shipped": None,
            "delivered": None,
            "accepted": False,
        }
    ],
    "payments": [_PAID],
    "refunds": [],
    "discount_code": None,
    "shipping_method": "standard",
    "shipping_address": _ADDRESS,
    "billing_address": None,
    "notes": None,
    "seller_notes": {},
    "workflow": _WORKFLOW,
}
_ACCEPTED = {
    "id": ORDER,
    "object": "order",
    "created": _AT,
    "buyer_id": _BUYER,
    "status": "pending",
    "payment_status": "pending",
    "next_action": None,
    "refusal": None,
    "workflow": _WORKFLOW,
}
_PRODUCT = {
    "id": PRODUCT,
    "object": "product",
    "created": _AT,
    "updated": _AT,
    "version": 1,
    "seller_id": _SELLER,
    "name": _NAME,
    "description": "",
    "category": "mooring",
    "image_url": None,
    "tax_code": "standard",
    "price": _usd(1999),
    "active": True,
    "stock": 100,
    "low_stock_threshold": None,
}
_CATEGORY = {
    "id": "cat_01kav000000000000000000000",
    "object": "category",
    "created": _AT,
    "updated": _AT,
    "slug": "mooring",
    "name": "Mooring",
    "parent": None,
}
_DISCOUNT = {
    "id": "dsc_01kav000000000000000000000",
    "object": "discount",
    "created": _AT,
    "code": "SPRING",
    "kind": "percentage",
    "percent": "10",
    "amount": None,
    "currency": "USD",
    "minimum": None,
    "cap": 5000,
    "starts": None,
    "ends": None,
    "active": True,
    "listed": True,
    "uses": None,
    "uses_per_buyer": 1,
    "taken": 0,
}
_INCIDENT = {
    "id": "inc_01kav000000000000000000000",
    "object": "incident",
    "kind": "payment_unknown",
    "subject": PAYMENT,
    "details": None,
    "opened": _AT,
    "closed": _LATER,
    "closed_by": _STAFF,
    "note": "refunded by hand, reference 4711",
}

ANSWERS: dict[str, Any] = {
    "Health": {"status": "up", "parts": {"database": {"status": "up", "detail": None}}},
    "Version": {"version": "1.0.0"},
    "AccountView": _ACCOUNT,
    "StaffAccountView": {
        **_ACCOUNT,
        "changes": [
            {
                "actor_id": _STAFF,
                "role": None,
                "status": "active",
                "reason": "approved",
                "note": "papers seen",
                "created": _AT,
            }
        ],
    },
    "Page_AccountView_": _page(_ACCOUNT),
    "AccessToken": {
        "object": "access_token",
        "access_token": "a JSON web token",
        "refresh_token": "good for one exchange",
        "token_type": "bearer",
        "expires_in": 900,
    },
    "Verified": {"object": "token", "account_id": _BUYER, "role": "buyer"},
    "SessionView": {"object": "session", "account": _ACCOUNT, "csrf_token": "for X-CSRF-Token"},
    "ProductView": _PRODUCT,
    "ProductPage": {**_page(_PRODUCT), "resume": None},
    "CategoryView": _CATEGORY,
    "Page_CategoryNode_": _page({**_CATEGORY, "children": []}),
    "DiscountView": _DISCOUNT,
    "Page_DiscountView_": _page(_DISCOUNT),
    "Tried": {
        "object": "discount_trial",
        "code": "SPRING",
        "valid": True,
        "problem": None,
        "subtotal": _usd(3998),
        "discount": _usd(400),
    },
    "CartView": {
        "id": _CART,
        "object": "cart",
        "created": _AT,
        "updated": _LATER,
        "version": 2,
        "status": "open",
        "order_id": None,
        "items": [
            {
                "id": _PIECE,
                "object": "cart_item",
                "created": _LATER,
                **_GOODS,
                "unit_price": _usd(1999),
                "price": _usd(1999),
                "active": True,
            }
        ],
    },
    "Summary": {
        "object": "cart_summary",
        "currency": "USD",
        "shipping_method": "standard",
        "lines": [{"item_id": _PIECE, **_GOODS, **_PRICES}],
        "totals": _TOTALS,
    },
    "Validation": {
        "object": "cart_validation",
        "valid": False,
        "problems": [
            {
                "code": "out_of_stock",
                "detail": f"2 of {PRODUCT} were asked for; 1 can be sold.",
                "item_id": _PIECE,
                "product_id": PRODUCT,
            }
        ],
    },
    "OrderView": _ORDER,
    "AcceptedOrder": _ACCEPTED,
    "Page_OrderView_": _page(_ORDER),
    "Cancelled": {
        "data": [
            {"order_id": ORDER, "status": 200, "order": {**_ORDER, "status": "cancelled"}, "code": None, "detail": None}
        ]
    },
    "OrderStatusView": {
        "id": ORDER,
        "object": "order_status",
        "created": _AT,
        "status": "pending",
        "payment_status": "requires_action",
        "settlement_status": "none",
        "fulfilments": [{"id": _PART, "status": "pending"}],
        "next_action": {"type": "three_ds", "client_secret": "what Stripe.js takes"},
    },
    "Timeline": {
        "object": "list",
        "data": [
            {
                "id": _EVENT,
                "object": "event",
                "created": _AT,
                "type": "order.placed",
                "sentence": "The order was placed.",
                "data": {},
            }
        ],
        "has_more": False,
    },
    "PaymentView": _PAID,
    "Page_PaymentView_": _page(_PAID),
    "IncidentView": _INCIDENT,
    "Page_IncidentView_": _page(_INCIDENT),
}

# What is not JSON, by operation id.
TEXTS = {
    "followOrder": f"id: {_EVENT}\ndata: {json.dumps(ANSWERS['Timeline']['data'][0])}\n\n",
    "metrics": '# TYPE holdfast_incidents gauge\nholdfast_incidents{kind="payment_unknown",state="open"} 0.0\n',
}

# One of the refusals of each status.
_REFUSALS: tuple[HoldfastError, ...] = (
    CursorInvalid(),
    TokenInvalid(),
    RoleNotAllowed(role="buyer"),
    ResourceNotFound(resource="order", id=ORDER),
    OrderBusy(step="payment"),
    VersionChanged(version=3),
    BodyTooLarge(),
    BodyInvalid(),
    IfMatchRequired(),
    RateLimited(),
    WorkflowsUnavailable(),
)
_FLAWS = ({"pointer": "/items/0/quantity", "detail": "Input should be greater than 0", "code": "greater_than"},)
PROBLEMS: dict[str, Any] = {
    str(each.status): json.loads(body_of(each, _REQUEST, _FLAWS if isinstance(each, BodyInvalid) else ()))
    for each in _REFUSALS
}
