"""Bodies that no call takes: no JSON at all, and right ones with one value in them that is wrong."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from db.ids import new_id

MALFORMED, INVALID, TOO_LARGE = "400 body_malformed", "422 body_invalid", "413 body_too_large"
NUL, HALF_A_PAIR = "a\x00b", "a\ud83d"
# Neither is text that can be kept: PostgreSQL takes no NUL, UTF-8 no half of a surrogate pair.
NO_TEXT = (NUL, HALF_A_PAIR, 7, ["a"], {"a": "b"}, True)
HUGE = 10**30
CARD = {"method": "card", "payment_method_id": "pm_card_visa"}
PRODUCT = {"name": "Shackle", "price": {"amount": 1, "currency": "USD"}, "stock": 1}

# Whole bodies that no call takes.
DOCUMENTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", INVALID),
    "blanks": (b" \n\t", MALFORMED),
    "half of a document": (b'{"note": ', MALFORMED),
    "two documents": (b"{}{}", MALFORMED),
    "NaN": (b'{"note": NaN}', MALFORMED),
    "Infinity": (b'{"note": [-Infinity]}', MALFORMED),
    "no UTF-8": (b'{"note": "caf\xe9"}', MALFORMED),
    "UTF-16": ('{"note": "a"}'.encode("utf-16"), MALFORMED),
    "a list in a list in a list": (b"[" * 100_000, MALFORMED),
    "an object in an object in an object": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, MALFORMED),
    "a number of 5,000 digits": (b'{"note": ' + b"9" * 5_000 + b"}", MALFORMED),
    "a name twice": (b'{"note": "a", "note": "b"}', INVALID),
    "a name twice, further in": (b'{"note": [{"a": 1, "a": 2}]}', INVALID),
    "a list": (b"[]", INVALID),
    "a word": (b'"note"', INVALID),
    "a number": (b"1e400", INVALID),
    "null": (b"null", INVALID),
    "half of a pair as a name": (b'{"\\ud83d": 1}', INVALID),
    "3 MB": (b'{"note": "' + b"n" * 3_000_000 + b'"}', TOO_LARGE),
}
# The right body, said to be something else.
OTHER_TYPES = (
    None,
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
)

# What each call takes, and values that are wrong in one place of it.
Wrong = Mapping[str, tuple[object, ...]]
TEXT_OF_ADDRESS = {f"shipping_address/{field}": NO_TEXT for field in ("name", "line1", "line2", "city", "postal_code")}
WRONG_ORDER: Wrong = {
    **TEXT_OF_ADDRESS,
    "items": ({}, "x", None, [None], [[]], "10,000 lines"),
    "items/0/quantity": (HUGE, -HUGE, -100_000, 1e300, [1], {"amount": 1}),
    "items/0/product_id": (1, None, NUL, HALF_A_PAIR, "prd_" + "z" * 26, new_id("ord"), "prd_" + "0" * 10_000),
    "shipping_address": (None, [], "1 Quay Street"),
    "shipping_address/region": NO_TEXT,
    "shipping_address/city": ("", " \u2003 ", "c" * 201),
    "shipping_address/country": ("us", "USA", "\U0001f1fa\U0001f1f8", "U\x00", "US\n", 1, None),
    "billing_address": ("same", {}, {"name": NUL}),
    "shipping_method": (*NO_TEXT, "", None),
    "expected_total": (-1, HUGE, -HUGE, 1.5, "1", True, [1]),
    "notes": (*NO_TEXT, "n" * 900_000),
    "payment": (None, [], "card", {"method": "card", "payment_method_id": "pm_" + "x" * 101}),
    "payment/method": (1, None, NUL, "CARD"),
    "payment/payment_method_id": (1, "pm_\x00", "pm_a\n", "card_1", "4242424242424242"),
    "payment/capture": ("later", True, NUL),
}
WRONG_PRODUCT: Wrong = {
    "name": (*NO_TEXT, "", " ", None, "n" * 201),
    "description": (*NO_TEXT, "d" * 10_001),
    "category": (*NO_TEXT, "", "Deck", "deck--lights", "-deck", "d" * 61),
    "price": (None, 1, "1 USD", [], {"amount": 1}),
    "price/amount": (0, -1, 1.5, "1", True, 10**10 + 1, HUGE, -HUGE, None),
    "price/currency": ("XXX", "usd", "US", "", NUL, HALF_A_PAIR, "BTC", 840, None),
    "image_url": (
        *("javascript:alert(1)", "ftp://a.example/b", "http://a.example/b", "//a.example", "https://", "h" * 3_000, 1),
        *("https://ada@a.example/b", "https://ada:secret@a.example/b", "https://a.example/" + "b" * 2_000),
    ),
    "active": ("yes", 1, None),
    "stock": (-1, 1.5, "1", True, 10**9 + 1, HUGE),
    "low_stock_threshold": (-1, 1.5, "1", True, 10**9 + 1),
    "tax_code": ("", "Standard", "a b", NUL, "t" * 41, 1),
}
WRONG_SHIPMENT: Wrong = {
    "carrier": (*NO_TEXT, "", "c" * 101, None),
    "tracking_number": (*NO_TEXT, " ", None),
    "tracking_url": ("javascript:alert(1)", "ftp://a.example", "no address", 1),
    "fulfilment_id": (1, "ful_1", NUL, new_id("ord")),
}


def changed(body: Mapping[str, Any], pointer: str, value: object) -> dict[str, Any]:
    """The body with one value in it replaced."""
    whole = deepcopy(dict(body))
    *path, last = pointer.split("/")
    place: Any = whole
    for step in path:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = place[last] * 10_000 if value == "10,000 lines" else value
    return whole


def every_wrong_body(body: Mapping[str, Any], wrong: Wrong) -> dict[str, tuple[bytes, str]]:
    """By what is wrong with it: the bytes to send, and how they are to be refused."""
    bodies = dict(DOCUMENTS)
    for pointer, values in wrong.items():
        for value in values:
            bodies[f"{pointer}: {value!r:.40}"] = json.dumps(changed(body, pointer, value)).encode(), INVALID
    return bodies
