"""Erasing an account: who it was is found nowhere afterwards, the books are what they were, and nothing slips in."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import psycopg
from psycopg import sql
from sqlalchemy import func, select

from db import erasure, incidents
from db.accounts import Cause
from db.commands import PLACE_ROUTE
from db.ids import new_id
from db.session import Database
from db.tables import BrowserSession, LoginCounter, RefreshToken, Request
from domain.incidents import IncidentKind
from domain.orders import Role
from tests.support.arena import Arena, answered, eventually, order_body
from tests.support.carts import check_out, in_it, new_cart, put, seen
from tests.support.front_desk import PASSWORD, told
from tests.support.locks import until_waiting
from tests.support.marks import MARK, MARKED, holding

EMAIL = f"{MARK}@example.com"
# What the books say of an order, and must go on saying.
BOOKS = (
    "orders", "order_lines", "fulfilments", "payments", "payment_operations", "refunds", "ledger_entries", "postings",
    "ledger_accounts", "stock", "stock_movements", "holds",
)  # fmt: skip


async def books(dsn: str) -> dict[str, list[Any]]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        return {
            table: await (
                await connection.execute(
                    sql.SQL("SELECT to_jsonb(t)::text FROM {} t ORDER BY 1").format(sql.Identifier(table))
                )
            ).fetchall()
            for table in BOOKS
        }


class Buyer:
    """Somebody who registers, buys, and writes the mark wherever something can be written."""

    def __init__(self, arena: Arena, email: str = EMAIL) -> None:
        self.arena, self.email = arena, email
        self.id, self.token = "", ""

    async def register(self) -> None:
        body = {"email": self.email, "password": PASSWORD, "name": f"{MARK} person"}
        made = await self.arena.http.post("/v1/auth/register", json=body)
        assert made.status_code == 201, made.text
        self.id = made.json()["id"]
        await self.log_in()

    async def log_in(self) -> None:
        answer = await self.arena.http.post("/v1/auth/login", json={"email": self.email, "password": PASSWORD})
        self.token = answer.json()["access_token"]

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.arena.http.request(method, path, json=body, headers=headers)

    async def place(self, product: str, key: str, **other: Any) -> httpx2.Response:
        marked = {"shipping_address": MARKED, "billing_address": MARKED, "notes": f"ring at {MARK}", **other}
        return await self.arena.post("/v1/orders", order_body(product, **marked), self.id, key)

    async def erase(self) -> httpx2.Response:
        return await self.call("DELETE", "/v1/me", {"password": PASSWORD})


async def buys(arena: Arena, buyer: Buyer) -> tuple[str, str]:
    """One order that is completed, and one that staff held and cancelled."""
    product = await arena.product()
    kept = (await buyer.place(product, f"{MARK}-first")).json()["id"]
    await arena.insist(kept, "ship", Role.SELLER, key="shipment")
    noted = await arena.http.patch(
        f"/v1/orders/{kept}", json={"seller_notes": f"{MARK} rang"}, headers=await arena.headers(Role.SELLER)
    )
    assert noted.status_code == 200, noted.text
    await arena.insist(kept, "deliver", buyer.id)
    await arena.until(kept, status="completed")
    cancelled = (await buyer.place(product, f"{MARK}-second", card="pm_card_authenticationRequired")).json()["id"]
    await arena.insist(cancelled, "hold", Role.ADMIN, reason="other", note=f"{MARK} called")
    await arena.insist(cancelled, "release", Role.ADMIN, note=f"{MARK} called again")
    await arena.insist(cancelled, "cancel", Role.ADMIN, reason=f"{MARK} does not want it")
    await arena.until(cancelled, status="cancelled")
    return kept, cancelled


async def asks_in_vain(arena: Arena, buyer: Buyer) -> str:
    """A call of which no order came; the order's id."""
    order, request = new_id("ord"), new_id("req")
    async with arena.database.transaction() as session:
        call = Request(
            id=request,
            account_id=buyer.id,
            route=PLACE_ROUTE,
            key=request,
            fingerprint=b"",
            resource_id=order,
            body={},
            created=datetime.now(UTC) - timedelta(hours=2),
        )
        session.add(call)
    return order


async def is_noted(arena: Arena, kind: IncidentKind, subject: str) -> None:
    async with arena.database.transaction() as session:
        await incidents.report(session, kind, subject, datetime.now(UTC))
    [incident] = (await arena.get(f"/v1/incidents?subject={subject}", Role.ADMIN))["data"]
    closed = await arena.post(f"/v1/incidents/{incident['id']}/close", {"note": f"{MARK} paid"}, Role.ADMIN)
    assert closed.status_code == 200, closed.text


async def is_written_about(arena: Arena, buyer: Buyer, order: str) -> None:
    """What staff write down, and the buyer's own logins, right and wrong."""
    await is_noted(arena, IncidentKind.PAYMENT_UNKNOWN, order)
    for status in ("blocked", "active"):
        body = {"status": status, "reason": "other", "note": f"about {MARK}"}
        headers = await arena.headers(Role.ADMIN)
        changed = await arena.http.patch(f"/v1/accounts/{buyer.id}", json=body, headers=headers)
        assert changed.status_code == 200, changed.text
    credentials = {"email": buyer.email, "password": PASSWORD}
    await arena.http.post("/v1/auth/session", json=credentials)
    arena.http.cookies.clear()
    await arena.http.post("/v1/auth/login", json={**credentials, "password": "wrong"})
    await buyer.log_in()
    await arena.http.post("/v1/auth/login", json={**credentials, "password": "wrong"})


async def test_nothing_says_any_more_who_it_was(arena: Arena, owner_dsn: str) -> None:
    buyer = Buyer(arena)
    await buyer.register()
    kept, cancelled = await buys(arena, buyer)
    await is_written_about(arena, buyer, kept)
    await is_noted(arena, IncidentKind.CLAIM_WITHOUT_WORKFLOW, await asks_in_vain(arena, buyer))
    assert await holding(owner_dsn, MARK) == {
        "accounts.email", "accounts.name", "account_changes.note", "commands.result", "incidents.note",
        "order_contacts.billing_address", "order_contacts.notes", "order_contacts.seller_notes",
        "order_contacts.shipping_address", "requests.body", "requests.key", "requests.response",
    }  # fmt: skip
    before, events = await books(owner_dsn), await arena.logged(kept, "order.completed")

    erased = await buyer.erase()

    assert erased.status_code == 204, erased.text
    assert await holding(owner_dsn, MARK) == set()
    assert await books(owner_dsn) == before
    assert await arena.logged(kept, "order.completed") == events
    assert (await arena.audit())[1] == ()
    assert await arena.logged(buyer.id, "account.erased") == [{"actor_id": buyer.id}]
    for order, status in ((kept, "completed"), (cancelled, "cancelled")):
        seen = await arena.order(order)
        assert (seen["status"], seen["buyer_id"]) == (status, buyer.id)
        assert (seen["shipping_address"], seen["billing_address"], seen["notes"]) == (None, None, None)
        assert seen["seller_notes"] == {}


async def test_nothing_is_written_on_an_order_whose_buyer_is_gone(arena: Arena) -> None:
    buyer = Buyer(arena)
    await buyer.register()
    kept, _ = await buys(arena, buyer)
    await buyer.erase()

    by_buyer = await buyer.call("PATCH", f"/v1/orders/{kept}", {"notes": MARK})
    headers = await arena.headers(Role.SELLER)
    by_seller = await arena.http.patch(f"/v1/orders/{kept}", json={"seller_notes": MARK}, headers=headers)

    assert told(by_buyer) == (401, "token_invalid")
    assert told(by_seller) == (409, "order_closed")
    assert (await arena.order(kept))["notes"] is None


async def test_who_is_gone_is_signed_in_nowhere_and_the_e_mail_is_free(arena: Arena, database: Database) -> None:
    buyer = Buyer(arena)
    await buyer.register()
    await is_written_about(arena, buyer, buyer.id)

    assert (await buyer.erase()).status_code == 204

    async with database.transaction() as session:
        for table in (RefreshToken, BrowserSession):
            assert await session.scalar(select(func.count()).select_from(table)) == 0
        assert await session.scalar(select(func.count()).where(LoginCounter.name != b"")) == 0
    credentials = {"email": EMAIL, "password": PASSWORD}
    assert told(await arena.http.post("/v1/auth/login", json=credentials)) == (401, "credentials_wrong")
    assert told(await buyer.call("GET", "/v1/me")) == (401, "token_invalid")
    again = Buyer(arena)
    await again.register()
    assert again.id != buyer.id
    assert (await again.call("GET", "/v1/orders")).json()["data"] == []


async def test_a_repeat_of_another_s_command_is_answered_without_the_person(arena: Arena) -> None:
    buyer = Buyer(arena)
    await buyer.register()
    kept, _ = await buys(arena, buyer)
    first = await arena.command(kept, "ship", Role.SELLER, key="shipment")
    assert MARK in first.text

    await buyer.erase()

    for _ in range(2):
        repeat = await arena.command(kept, "ship", Role.SELLER, key="shipment")
        assert (repeat.status_code, repeat.json()["status"]) == (200, first.json()["status"])
        assert MARK not in repeat.text
        assert repeat.json()["shipping_address"] is None


async def test_erased_again_nothing_happens(arena: Arena, owner_dsn: str) -> None:
    buyer = Buyer(arena)
    await buyer.register()
    await buys(arena, buyer)
    await buyer.erase()
    before = await books(owner_dsn)

    again = await buyer.erase()

    assert again.status_code == 204
    assert await books(owner_dsn) == before
    assert len(await arena.logged(buyer.id, "account.erased")) == 1


async def test_an_order_and_the_erasure_of_its_buyer_at_once_end_in_one_of_them(arena: Arena, owner_dsn: str) -> None:
    product = await arena.product()
    for number in range(5):
        buyer = Buyer(arena, f"{MARK}{number}@example.com")
        await buyer.register()

        erased, *placed = await asyncio.gather(buyer.erase(), *(buyer.place(product, str(each)) for each in range(3)))

        if erased.status_code == 204:
            assert {told(each) for each in placed} == {(401, "token_invalid")}
            continue
        assert told(erased) in {(409, "account_has_open_orders"), (409, "account_busy")}
        for each in placed:
            assert each.status_code in {201, 202}, each.text
            order = (await arena.until(each.json()["id"], status="confirmed"))["id"]
            await arena.insist(order, "cancel", buyer.id)
            await arena.until(order, payment_status="refunded")
        await eventually(partial(gone, buyer))
    assert await holding(owner_dsn, MARK) == set()


async def test_what_somebody_wanted_goes_and_what_was_bought_stays(arena: Arena) -> None:
    buyer = Buyer(arena)
    await buyer.register()
    who, product = (buyer.id, Role.BUYER), await arena.product()
    bought, wanted = await new_cart(arena, (product, 1), who=who), await new_cart(arena, (product, 2), who=who)
    order = (await answered(lambda: check_out(arena, bought, "checkout", who=who))).json()
    for verb, somebody in (("ship", Role.SELLER), ("deliver", buyer.id)):
        await arena.insist(order, verb, somebody)

    await eventually(partial(gone, buyer))

    # A token outlives its account for a quarter of an hour.
    assert in_it(await seen(arena, bought, who)) == [(product, 1)]
    assert in_it(await seen(arena, wanted, who)) == []
    assert told(await put(arena, wanted, product, who=who)) == (404, "not_found")


async def test_nothing_is_put_into_a_cart_while_its_buyer_is_erased(
    arena: Arena, database: Database, owner_dsn: str
) -> None:
    buyer = Buyer(arena)
    await buyer.register()
    who, product = (buyer.id, Role.BUYER), await arena.product()
    cart = await new_cart(arena, who=who)

    async with database.transaction() as session:
        await erasure.erase(session, buyer.id, Cause(at=datetime.now(UTC), correlation_id="test"))
        putting = asyncio.create_task(put(arena, cart, product, who=who))
        await until_waiting(owner_dsn)

    assert told(await putting) == (404, "not_found")
    assert in_it(await seen(arena, cart, who)) == []


async def gone(buyer: Buyer) -> bool:
    return (await buyer.erase()).status_code == 204
