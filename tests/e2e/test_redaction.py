"""Secrets that callers send, and those of the deployment itself, are in no log; what a log says can be followed."""

import json
from pathlib import Path
from typing import Any

from sandbox.stack import StackOptions, running_stack
from tests.support.merchant import Shop, found_in, open_for_business

MARK = "Qqzzx"
ADDRESS = {"name": "A", "line1": "B", "city": "C", "region": "CA", "postal_code": "94601", "country": "US"}
ONE_REQUEST = "follow-this-one"


async def say_secrets(shop: Shop) -> int:
    """Marked values in every place of a call that is never logged: how many were sent."""
    product = (await shop.get("/v1/products"))["data"][-1]["id"]
    order = {"items": [{"product_id": product, "quantity": 1}], "shipping_address": ADDRESS}
    order["payment"] = {"method": "card", "payment_method_id": "pm_card_visa"}
    places: list[dict[str, Any]] = [
        {"url": "/v1/auth/login", "json": {"email": f"{MARK}@example.com", "password": f"{MARK}password"}},
        {"url": "/v1/auth/login", "json": {"email": MARK, "password": {"nested": MARK}}},
        {"url": "/v1/auth/login", "content": f'{{"password": "{MARK}'},
        {"url": "/v1/auth/login", "content": MARK.encode("utf-16")},
        {"url": f"/v1/{MARK}/nothing"},
        {"url": f"/v1/orders/{MARK}/ship", "json": {}},
        {"url": f"/v1/orders?q={MARK}&api_key={MARK}", "json": order},
        {"url": f"/v1/webhooks/{MARK}", "content": MARK},
        {"url": "/v1/webhooks/stripe", "content": MARK, "headers": {"Stripe-Signature": f"t=1,v1={MARK}"}},
        *({"url": "/v1/orders", "json": {**order, name: f"{MARK}{name}"}} for name in ("token", "password", "cvc")),
        *({"url": "/v1/orders", "json": order, "headers": {name: f"{MARK} {name}"}} for name in _HEADERS),
    ]
    for role in ("buyer", "admin"):
        for place in places:
            headers = {**shop.headers(role), **place.get("headers", {})}
            answer = await shop.http.post(**{**place, "headers": headers})
            assert answer.status_code < 500, answer.text
    return 2 * len(places)


_HEADERS = ("Authorization", "Cookie", "Idempotency-Key", "X-Request-Id", "User-Agent", "X-Forwarded-For", "Referer")


async def test_no_secret_is_in_any_log_and_an_order_can_be_followed(scratch: Path) -> None:
    home = scratch / "redaction"
    options = StackOptions(data_dir=home, free_ports=True, environment={"HOLDFAST_LOG_LEVEL": "DEBUG"})
    async with running_stack(options) as stack, open_for_business(stack) as shop:
        sent = await say_secrets(shop)
        product = (await shop.get("/v1/products"))["data"][-1]["id"]
        card = {"method": "card", "payment_method_id": "pm_card_authenticationRequired"}
        body = {"items": [{"product_id": product, "quantity": 1}], "shipping_address": ADDRESS, "payment": card}
        headers = {**shop.headers("buyer"), "X-Request-Id": ONE_REQUEST}
        order = (await shop.http.post("/v1/orders", json=body, headers=headers)).json()
        client_secret = (await shop.becomes(order["id"], "pending", "requires_action"))["next_action"]["client_secret"]
        tokens = list(shop.tokens.values())
        logs = stack.logs

    assert sent >= 30
    # Keys of the provider, of its webhooks and of our tokens, passwords of the demo's people and of the database.
    kept = [*_kept(home / "secrets.json"), *_kept(home / "postgres" / "secrets.json")]
    assert len(kept) >= 6
    found = await found_in(logs, [MARK, client_secret, *tokens, *kept])
    assert found == {}
    assert _told(logs / "api.log", order["id"])[0]["request_id"] == ONE_REQUEST
    activities = {line.get("activity") for line in _told(logs / "worker.log", order["id"])}
    assert {"orders.place", "payments.authorize", "attempts.record"} <= activities
    followed = {line.get("activity") for line in _lines(logs / "worker.log") if line.get("request_id") == ONE_REQUEST}
    assert {"orders.place", "attempts.record"} <= followed


def _kept(file: Path) -> list[str]:
    secrets: dict[str, str] = json.loads(file.read_text())
    return list(secrets.values())


def _lines(log: Path) -> list[dict[str, Any]]:
    """Every line is a JSON object of its own."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def _told(log: Path, order: str) -> list[dict[str, Any]]:
    return [line for line in _lines(log) if line.get("order_id") == order]
