"""Names and addresses stay in the account-keyed tables: not in Temporal, not in events, not in logs."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from sandbox.stack import Stack, StackOptions, running_stack
from tests.support.arena import eventually

MARK = "Zzyzx"
MARKED = {
    "name": f"{MARK}name Person",
    "line1": f"{MARK}street 1",
    "line2": f"{MARK}floor",
    "city": f"{MARK}city",
    "region": "CA",
    "postal_code": "94601",
    "country": "US",
}


class Shop:
    """A merchant's integration that talks to a running stack."""

    def __init__(self, stack: Stack, http: httpx2.AsyncClient) -> None:
        self.stack, self.http = stack, http
        self.tokens: dict[str, str] = {}

    async def log_in(self) -> None:
        for role in ("buyer", "seller", "admin"):
            account = getattr(self.stack.ready.accounts, role)
            answer = await self.http.post("/v1/auth/login", json={"email": account.email, "password": account.password})
            self.tokens[role] = answer.json()["access_token"]

    async def post(self, path: str, body: dict[str, Any], role: str = "buyer") -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}", "Idempotency-Key": str(uuid.uuid4())}
        return await self.http.post(path, json=body, headers=headers)

    async def tell(self, order: str, verb: str, body: dict[str, Any], role: str = "buyer") -> None:
        """A command that has to be accepted; said again while the order is busy with its provider's news."""

        async def accepted() -> bool:
            return (await self.post(f"/v1/orders/{order}/{verb}", body, role)).is_success

        await eventually(accepted)

    async def status(self, order: str) -> tuple[str, str]:
        headers = {"Authorization": f"Bearer {self.tokens['admin']}"}
        told = (await self.http.get(f"/v1/orders/{order}", headers=headers)).json()
        return told["status"], told["payment_status"]


async def every_flow(shop: Shop) -> str:
    """Place, pay, ship, deliver, decline, pay again, cancel, refund, refuse: each with marked personal data."""
    product = (await shop.http.get("/v1/products")).json()["data"][-1]["id"]

    def body(quantity: int = 1, **payment: str) -> dict[str, Any]:
        return {
            "items": [{"product_id": product, "quantity": quantity}],
            "shipping_address": MARKED,
            "billing_address": MARKED,
            "notes": f"ring at {MARK}note",
            "payment": {"method": "card", "payment_method_id": "pm_card_visa", **payment},
        }

    paid = (await shop.post("/v1/orders", body(capture="manual"))).json()["id"]
    shipment = {"carrier": "DHL", "tracking_number": f"{MARK}track"}
    await shop.tell(paid, "ship", shipment, "seller")
    await shop.tell(paid, "deliver", {})
    declined = (await shop.post("/v1/orders", body(payment_method_id="pm_card_chargeDeclined"))).json()["id"]
    await shop.tell(declined, "pay", {"payment": body()["payment"]})
    await shop.tell(declined, "cancel", {"reason": f"{MARK}reason"})
    assert (await shop.post("/v1/orders", body(quantity=100_000))).status_code == 409
    assert (
        await shop.post("/v1/orders", {**body(), "shipping_address": {**MARKED, "country": MARK}})
    ).status_code == 422
    assert (await shop.post("/v1/orders", {**body(), f"{MARK}field": 1})).status_code == 422
    await eventually(lambda: _is(shop, paid, ("completed", "completed")))
    await eventually(lambda: _is(shop, declined, ("cancelled", "refunded")))
    return str(paid)


async def _is(shop: Shop, order: str, wanted: tuple[str, str]) -> bool:
    return await shop.status(order) == wanted


def holding(directory: Path, wanted: str) -> Iterator[Path]:
    """Files below the directory that contain the text, in the encodings that it could be stored in."""
    encodings = (wanted.encode(), wanted.encode("utf-16-le"))
    for path in directory.rglob("*"):
        if path.is_file() and any(each in path.read_bytes() for each in encodings):
            yield path


async def test_marked_personal_data_is_only_where_it_belongs(scratch: Path) -> None:
    home = scratch / "personal"
    async with running_stack(StackOptions(data_dir=home, free_ports=True)) as stack:
        async with httpx2.AsyncClient(base_url=stack.ready.api, timeout=60) as http:
            shop = Shop(stack, http)
            await shop.log_in()
            order = await every_flow(shop)
        async with await psycopg.AsyncConnection.connect(stack.ready.database) as connection:
            events = await (
                await connection.execute("SELECT string_agg(to_jsonb(events)::text, ' ') FROM events")
            ).fetchone()
            contacts = await (
                await connection.execute("SELECT string_agg(to_jsonb(order_contacts)::text, ' ') FROM order_contacts")
            ).fetchone()

    assert contacts is not None
    assert MARK in contacts[0], "the marks were stored where they belong"
    assert events is not None
    assert order in events[0]
    assert MARK not in events[0]
    outside_postgres = await asyncio.to_thread(_outside_postgres, home, MARK)
    assert outside_postgres == []
    assert any("temporal" in path.name for path in await asyncio.to_thread(_outside_postgres, home, order))


def _outside_postgres(home: Path, wanted: str) -> list[Path]:
    """Temporal's database, every log (PostgreSQL's too), the simulator's state."""
    return [path for path in holding(home, wanted) if path.relative_to(home).parts[:2] != ("postgres", "data")]
