"""A test purchase through the API of any deployment: placed with the provider's test card, and given back."""

import time
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2
from rich.console import Console

_TIMEOUT_SECONDS = 30.0
# How long a test order may take to be paid, and to be given back.
_PATIENCE_SECONDS = 60.0
_ADDRESS = {"name": "Test Order", "line1": "1 Quay Street", "city": "Oakland", "region": "CA", "postal_code": "94601"}


@dataclass(frozen=True)
class Wanted:
    """Who buys what where; without a product it is the newest in stock."""

    api: str
    email: str
    password: str
    product: str | None
    country: str
    keep: bool


class Bought(NamedTuple):
    """The order that was placed, and what came of its payment."""

    order_id: str
    payment_status: str


class NotAsItShould(Exception):
    """The API said no, or the order did not come to what it should."""


def made(wanted: Wanted, console: Console) -> Bought:
    """Buy, and unless it is kept, cancel. Raises NotAsItShould."""
    try:
        with httpx2.Client(base_url=wanted.api, timeout=_TIMEOUT_SECONDS) as http:
            purchase = _Purchase(http, console, wanted.email, wanted.password)
            order = purchase.place(wanted.product, wanted.country)
            try:
                status = purchase.expect(order, "authorized")
            except NotAsItShould:
                purchase.call_off(order)
                raise
            if not wanted.keep:
                purchase.call_off(order)
                status = purchase.expect(order, "cancelled")
            return Bought(order, status)
    except httpx2.HTTPError as problem:
        raise NotAsItShould(f"{wanted.api} did not answer: {type(problem).__name__}") from problem


class _Purchase:
    """A buyer's calls, a line of progress for each."""

    def __init__(self, http: httpx2.Client, console: Console, email: str, password: str) -> None:
        self._http = http
        self._console = console
        login = self._call("POST", "/v1/auth/login", {"email": email, "password": password})
        http.headers["Authorization"] = f"Bearer {login['access_token']}"
        console.print("logged in")

    def place(self, product: str | None, country: str) -> str:
        body = {
            "items": [{"product_id": product or self._any_product(), "quantity": 1}],
            "shipping_address": {**_ADDRESS, "country": country},
            "payment": {"method": "card", "payment_method_id": "pm_card_visa", "capture": "manual"},
        }
        order = str(self._call("POST", "/v1/orders", body)["id"])
        self._console.print(f"placed {order}")
        return order

    def call_off(self, order: str) -> None:
        self._call("POST", f"/v1/orders/{order}/cancel", {"reason": "test order"})

    def expect(self, order: str, status: str) -> str:
        """Wait for a status of its payment."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while (seen := self._call("GET", f"/v1/orders/{order}")["payment_status"]) != status:
            if time.monotonic() > give_up:
                raise NotAsItShould(f"{order}: payment_status is {seen} after a minute, and should be {status}.")
            time.sleep(0.5)
        self._console.print(f"payment_status {status}")
        return status

    def _any_product(self) -> str:
        listed = self._call("GET", "/v1/products?limit=100")["data"]
        for each in listed:
            if each["stock"] > 0:
                return str(each["id"])
        raise NotAsItShould("There is nothing in stock; name a product with --product.")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        answer = self._http.request(method, path, json=body, headers={"Idempotency-Key": str(uuid4())})
        told = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        if answer.is_error:
            raise NotAsItShould(
                f"{method} {path}: {answer.status_code} {told.get('code', '')} {told.get('detail', '')}"
            )
        return told
