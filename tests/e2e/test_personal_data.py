"""Names and addresses stay in the account-keyed tables: not in Temporal, not in events, not in logs."""

from pathlib import Path
from typing import Any

import httpx2
import psycopg

from sandbox.stack import StackOptions, running_stack
from tests.support.arena import eventually
from tests.support.merchant import Shop, found_in, open_for_business

MARK = "Zzyzx"


class Marks:
    """Values that are found wherever they went, each of its own."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def new(self, what: str) -> str:
        self.made.append(f"{MARK}{len(self.made):03d}{what}")
        return self.made[-1]

    def address(self) -> dict[str, str]:
        personal = {name: f"{self.new(name)} 1" for name in ("name", "line1", "line2", "city")}
        return {**personal, "region": "CA", "postal_code": "94601", "country": "US"}

    def order(self, product: str, quantity: int = 1, **payment: str) -> dict[str, Any]:
        return {
            "items": [{"product_id": product, "quantity": quantity}],
            "shipping_address": self.address(),
            "billing_address": self.address(),
            "notes": f"ring at {self.new('note')}",
            "payment": {"method": "card", "payment_method_id": "pm_card_visa", **payment},
        }


async def every_flow(shop: Shop, marks: Marks) -> str:
    """Each command that takes a text is given a marked one; the order that was shipped is returned."""
    product = (await shop.get("/v1/products"))["data"][-1]["id"]
    paid = await _shipped_and_delivered(shop, marks, product)
    await _declined_then_cancelled(shop, marks, product)
    await _held_and_refunded(shop, marks, product)
    await _moved_outside(shop, marks, product)
    await _changed(shop, marks, product)
    await _from_a_cart(shop, marks, product)
    await _refused(shop, marks, product, paid)
    await _registered(shop, marks)
    return paid


async def _registered(shop: Shop, marks: Marks) -> None:
    """An account whose name and e-mail change, that is refused, and is erased."""
    password, changed = marks.new("password"), marks.new("new password")
    old, new = f"{marks.new('email')}@example.com", f"{marks.new('moved')}@example.com"
    person = {"email": old, "password": password, "name": marks.new("first name"), "role": "buyer"}
    registered = await shop.http.post("/v1/auth/register", json=person)
    entered = await _log_in(shop, old, password)
    change = {"email": new, "name": marks.new("second name"), "password": changed, "current_password": password}
    moved = await shop.http.patch("/v1/me", json=change, headers=shop.headers("new"))
    wrong = await _log_in(shop, new, marks.new("wrong password"))
    again = await _log_in(shop, new, changed)
    erased = await shop.http.request("DELETE", "/v1/me", json={"password": changed}, headers=shop.headers("new"))
    answers = (registered, entered, moved, wrong, again, erased)
    assert [each.status_code for each in answers] == [201, 200, 200, 401, 200, 204], [each.text for each in answers]


async def _log_in(shop: Shop, email: str, password: str) -> httpx2.Response:
    answer = await shop.http.post("/v1/auth/login", json={"email": email, "password": password})
    if answer.is_success:
        shop.tokens["new"] = answer.json()["access_token"]
    return answer


async def _shipped_and_delivered(shop: Shop, marks: Marks, product: str) -> str:
    order = (await shop.placed(marks.order(product, capture="manual")))["id"]
    shipment = {"carrier": marks.new("carrier"), "tracking_number": marks.new("track")}
    shipment["tracking_url"] = f"https://track.example/{marks.new('url')}"
    await shop.tell(order, "ship", shipment, "admin")
    await shop.tell(order, "deliver", {})
    await shop.becomes(order, "completed", "completed")
    return str(order)


async def _changed(shop: Shop, marks: Marks, product: str) -> None:
    """Notes and the address of an order that stands, by its buyer and by who ships it."""
    order = (await shop.placed(marks.order(product)))["id"]
    changes = (
        ("buyer", {"notes": marks.new("changed note"), "shipping_address": marks.address()}),
        ("admin", {"seller_notes": marks.new("seller note")}),
    )
    for who, change in changes:
        changed = await shop.http.patch(f"/v1/orders/{order}", json=change, headers=shop.headers(who))
        assert changed.status_code == 200, changed.text


async def _from_a_cart(shop: Shop, marks: Marks, product: str) -> None:
    cart = (await shop.post("/v1/carts", {})).json()
    filled = await shop.post(f"/v1/carts/{cart['id']}/items", {"product_id": product, "quantity": 1})
    assert filled.status_code == 200, filled.text
    body = {name: value for name, value in marks.order(product).items() if name != "items"}
    answer = await shop.post(f"/v1/carts/{cart['id']}/checkout", body)
    assert answer.status_code in {201, 202}, answer.text


async def _declined_then_cancelled(shop: Shop, marks: Marks, product: str) -> None:
    """Another card after a decline, then a cancellation that refunds; and one of many at once."""
    one, other = [
        (await shop.placed(marks.order(product, payment_method_id="pm_card_chargeDeclined")))["id"] for _ in range(2)
    ]
    card = {"method": "card", "payment_method_id": "pm_card_visa"}
    await shop.tell(one, "pay", {"payment": card})
    await shop.tell(one, "cancel", {"reason": marks.new("reason")})

    async def cancelled() -> bool:
        many = {"ids": [other], "reason": marks.new("many")}
        answer = await shop.post("/v1/orders/cancel", many, "admin")
        return bool(answer.json()["data"][0]["status"] == 200)

    await eventually(cancelled)
    await shop.becomes(one, "cancelled", "refunded")
    await shop.becomes(other, "cancelled", "cancelled")


async def _held_and_refunded(shop: Shop, marks: Marks, product: str) -> None:
    """The bank's challenge, a hold and its release, a cancellation that refunds."""
    order = (await shop.placed(marks.order(product, payment_method_id="pm_card_authenticationRequired")))["id"]
    await shop.pass_bank(await shop.intent(order))
    await shop.becomes(order, "confirmed", "completed")
    await shop.tell(order, "hold", {"reason": "address_check", "note": marks.new("hold")}, "admin")
    await shop.tell(order, "release", {"note": marks.new("release")}, "admin")
    await shop.tell(order, "cancel", {"reason": marks.new("after hold")})
    await shop.becomes(order, "cancelled", "refunded")


async def _moved_outside(shop: Shop, marks: Marks, product: str) -> None:
    """A refund in the provider's dashboard, with a description, becomes an incident, which is closed with a word."""
    order = (await shop.placed(marks.order(product, payment_method_id="pm_card_authenticationRequired")))["id"]
    intent = await shop.intent(order)
    await shop.pass_bank(intent)
    await shop.becomes(order, "confirmed", "completed")
    await shop.at_provider("POST", "/v1/refunds", payment_intent=intent, amount="100")
    incident = await shop.incident("money_moved_outside")
    closed = await shop.post(f"/v1/incidents/{incident['id']}/close", {"note": marks.new("incident")}, "admin")
    assert closed.status_code == 200, closed.text


async def _refused(shop: Shop, marks: Marks, product: str, paid: str) -> None:
    payment = (await shop.get(f"/v1/orders/{paid}"))["payments"][0]["id"]
    evidence = {"outcome": "not_paid", "evidence": marks.new("evidence")}
    resolved = await shop.post(f"/v1/payments/{payment}/resolve", evidence, "admin")
    too_many = await shop.post("/v1/orders", marks.order(product, quantity=100_000))
    order = marks.order(product)
    abroad = await shop.post(
        "/v1/orders", {**order, "shipping_address": {**order["shipping_address"], "country": marks.new("land")}}
    )
    unknown = await shop.post("/v1/orders", {**order, marks.new("field"): 1})
    late = await shop.post(f"/v1/orders/{paid}/cancel", {"reason": marks.new("too late")})
    answers = (resolved, too_many, abroad, unknown, late)
    assert [each.status_code for each in answers] == [409, 409, 422, 422, 409], [each.text for each in answers]


async def test_marked_personal_data_is_only_where_it_belongs(scratch: Path) -> None:
    home, marks = scratch / "personal", Marks()
    options = StackOptions(data_dir=home, free_ports=True, environment={"HOLDFAST_LOG_LEVEL": "DEBUG"})
    async with running_stack(options) as stack:
        async with open_for_business(stack) as shop:
            order = await every_flow(shop, marks)
        async with await psycopg.AsyncConnection.connect(stack.ready.database) as connection:
            events = await _told_by(connection, "events")
            contacts = await _told_by(connection, "order_contacts")

    assert len(marks.made) >= 30
    assert marks.made[0] in contacts, "the marks were stored where they belong"
    assert order in events
    assert [mark for mark in marks.made if mark in events] == []
    assert _outside_postgres(await found_in(home, [MARK])) == {}
    assert any("temporal" in name for name in _outside_postgres(await found_in(home, [order])))


async def _told_by(connection: psycopg.AsyncConnection[Any], table: str) -> str:
    found = await connection.execute(f"SELECT coalesce(string_agg(to_jsonb({table})::text, ' '), '') FROM {table}")  # noqa: S608 - a name of this file
    row = await found.fetchone()
    assert row is not None
    return str(row[0])


def _outside_postgres(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Temporal's database, every log (PostgreSQL's too), the simulator's state."""
    return {name: texts for name, texts in found.items() if not name.startswith("postgres/data/")}
