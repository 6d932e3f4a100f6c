"""The REST API as its users know it: a buyer places, receives and cancels orders, the merchant's staff ships them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx2

from domain.order_view import OrderView
from sandbox.ready import Account, Ready

# Above the longest answer that the API takes its time for.
_TIMEOUT_SECONDS = 30.0
_ADDRESS = {
    "name": "Ada Example",
    "line1": "1 Quay Street",
    "city": "Oakland",
    "region": "CA",
    "postal_code": "94601",
    "country": "US",
}


class Refused(Exception):
    """The API said no; the code is the one of its problem document."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status = status
        self.code = code
        super().__init__(f"{status} {code}: {detail}")


class Shop:
    def __init__(self, http: httpx2.AsyncClient, *, buyer: str, seller: str, staff: str) -> None:
        """Access tokens of each."""
        self._http = http
        self._buyer = buyer
        self._seller = seller
        self._staff = staff

    async def products(self) -> dict[str, str]:
        """Ids by name."""
        listed = await self._call("GET", "/v1/products?limit=100", self._buyer)
        return {each["name"]: each["id"] for each in listed["data"]}

    async def place(
        self,
        product_id: str,
        quantity: int = 1,
        *,
        capture: str = "automatic",
        card: str = "pm_card_visa",
        beside: Sequence[str] = (),
        discount_code: str | None = None,
    ) -> str:
        """The order's id, when its first payment attempt has ended or the API's patience has. Raises Refused.

        `beside` are further products, one piece of each.
        """
        placed = await self._call(
            "POST",
            "/v1/orders",
            self._buyer,
            {
                "items": [
                    {"product_id": product_id, "quantity": quantity},
                    *({"product_id": each, "quantity": 1} for each in beside),
                ],
                "shipping_address": _ADDRESS,
                "payment": {"method": "card", "payment_method_id": card, "capture": capture},
                "discount_code": discount_code,
            },
        )
        return str(placed["id"])

    async def offer(self, code: str, percent: int) -> None:
        """Staff make a discount code."""
        await self._call("POST", "/v1/discounts", self._staff, {"code": code, "kind": "percentage", "percent": percent})

    async def call_off(self, order_id: str) -> None:
        """The seller can't deliver its part of an order."""
        await self._call("POST", f"/v1/orders/{order_id}/cancel", self._seller, {"reason": "sold out"})

    async def orders(self) -> set[str]:
        """Ids of the buyer's orders, the newest hundred."""
        listed = await self._call("GET", "/v1/orders?limit=100", self._buyer)
        return {each["id"] for each in listed["data"]}

    async def order(self, order_id: str) -> OrderView | None:
        """The order, or None while it is accepted but not recorded yet."""
        found = await self._call("GET", f"/v1/orders/{order_id}", self._buyer)
        return OrderView.model_validate(found) if "number" in found else None

    async def pay(self, order_id: str, card: str) -> None:
        """Another card after a decline. Raises Refused."""
        payment = {"method": "card", "payment_method_id": card}
        await self._call("POST", f"/v1/orders/{order_id}/pay", self._buyer, {"payment": payment})

    async def ship(self, order_id: str) -> None:
        tracking = {"carrier": "DHL", "tracking_number": "JD014600003828"}
        await self._call("POST", f"/v1/orders/{order_id}/ship", self._staff, tracking)

    async def deliver(self, order_id: str) -> None:
        """The buyer says that the goods arrived, which is final."""
        await self._call("POST", f"/v1/orders/{order_id}/deliver", self._buyer, {})

    async def cancel(self, order_id: str) -> None:
        await self._call("POST", f"/v1/orders/{order_id}/cancel", self._buyer, {"reason": "changed my mind"})

    async def _call(self, method: str, path: str, token: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        headers = {"Authorization": f"Bearer {token}"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        return _read(await self._http.request(method, path, json=body, headers=headers))


@asynccontextmanager
async def open_shop(ready: Ready) -> AsyncIterator[Shop]:
    """The shop of a running stack, with the demo's buyer and staff logged in."""
    async with httpx2.AsyncClient(base_url=ready.api, timeout=_TIMEOUT_SECONDS) as http:
        tokens = [
            await _log_in(http, who) for who in (ready.accounts.buyer, ready.accounts.seller, ready.accounts.admin)
        ]
        buyer, seller, staff = tokens
        yield Shop(http, buyer=buyer, seller=seller, staff=staff)


async def _log_in(http: httpx2.AsyncClient, account: Account) -> str:
    return str(_read(await http.post("/v1/auth/login", json=account.model_dump()))["access_token"])


def _read(answer: httpx2.Response) -> Any:  # noqa: ANN401 - JSON
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        problem = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        raise Refused(answer.status_code, problem.get("code", "unknown"), problem.get("detail", answer.text))
    return answer.json()
