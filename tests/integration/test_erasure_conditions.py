"""What an erasure waits for: orders that have not ended, money, calls without an answer, and an order at its side."""

import asyncio
from datetime import UTC, datetime

import httpx2
import pytest
from sqlalchemy import func, select, update

from activities.orders import OrderActivities, PlaceOrder
from db import erasure
from db.accounts import Cause
from db.passwords import hash_password
from db.tables import Account, EventRow, Order, OrderContact, Request
from domain.errors import ResourceNotFound
from domain.orders import Role
from tests.support.front_desk import PASSWORD, FrontDesk, Person, told
from tests.support.locks import until_waiting
from tests.support.marks import MARKED, holding
from tests.support.trade import Trade, authorized, captured


async def customer(desk: FrontDesk, trade: Trade, role: Role = Role.BUYER) -> Person:
    """One of the trade's people, who can log in."""
    async with desk.database.transaction() as session:
        await session.execute(
            update(Account).where(Account.id == trade.people[role]).values(password_hash=hash_password(PASSWORD))
        )
    someone = await desk.person()
    assert (await someone.log_in(f"{role}@example.com")).status_code == 200
    return someone


async def opened(desk: FrontDesk) -> Trade:
    trade = Trade(desk.database)
    await trade.open()
    return trade


async def erase(someone: Person, password: str = PASSWORD) -> httpx2.Response:
    return await someone.call("DELETE", "/v1/me", {"password": password})


async def test_it_needs_the_password(desk: FrontDesk) -> None:
    someone = await desk.logged_in()

    wrong = await erase(someone, "wrong")
    without = await someone.call("DELETE", "/v1/me", {})

    assert (told(wrong), told(without)) == ((403, "password_wrong"), (422, "body_invalid"))
    assert (await someone.call("GET", "/v1/me")).json()["status"] == "active"


async def test_open_orders_come_first(desk: FrontDesk) -> None:
    trade = await opened(desk)
    await trade.pay("open", authorized, authorized=True)
    buyer, seller = await customer(desk, trade), await customer(desk, trade, Role.SELLER)

    assert told(await erase(buyer)) == (409, "account_has_open_orders")
    assert told(await erase(seller)) == (409, "account_has_open_sales")

    await trade.cancel("open")
    assert (await erase(buyer)).status_code == 204
    assert (await erase(seller)).status_code == 204


async def test_money_on_its_way_comes_first(desk: FrontDesk) -> None:
    trade = await opened(desk)
    await trade.pay("back", captured, captured=True, authorized=True)
    buyer = await customer(desk, trade)
    reversal = await trade.cancel("back")

    assert told(await erase(buyer)) == (409, "account_has_unsettled_money")

    await trade.refund(reversal)
    assert (await erase(buyer)).status_code == 204


async def test_a_seller_is_paid_out_first(desk: FrontDesk) -> None:
    trade = await opened(desk)
    await trade.pay("sold", captured, captured=True, authorized=True)
    await trade.deliver("sold")
    seller = await customer(desk, trade, Role.SELLER)

    assert told(await erase(seller)) == (409, "account_has_unsettled_money")
    assert (await erase(await customer(desk, trade))).status_code == 204


async def test_a_seller_who_is_gone_sells_nothing(desk: FrontDesk) -> None:
    trade = await opened(desk)
    assert [each["id"] for each in (await (await desk.person()).http.get("/v1/products")).json()["data"]] == [
        trade.product
    ]

    assert (await erase(await customer(desk, trade, Role.SELLER))).status_code == 204

    assert (await (await desk.person()).http.get("/v1/products")).json()["data"] == []


async def test_a_call_that_has_no_answer_yet_is_waited_for(desk: FrontDesk) -> None:
    trade = await opened(desk)
    claim = await trade.claim({"shipping_address": MARKED})
    async with desk.database.transaction() as session:
        await session.execute(update(Request).where(Request.id == claim).values(created=datetime.now(UTC)))
    buyer = await customer(desk, trade)

    refused = await erase(buyer)

    assert told(refused) == (409, "account_busy")
    assert int(refused.headers["Retry-After"]) > 0


async def test_an_order_that_comes_out_of_the_workflow_after_the_erasure_is_not_written(
    desk: FrontDesk, owner_dsn: str
) -> None:
    trade = await opened(desk)
    placement = await trade.placement("late")
    step = PlaceOrder(placement=placement, run_id="late", at=trade.at)
    async with desk.database.transaction() as session:
        await erasure.erase(session, placement.buyer_id, Cause(datetime.now(UTC), "test"))
        placing = asyncio.create_task(OrderActivities(desk.database).place(step))
        await until_waiting(owner_dsn)

    with pytest.raises(ResourceNotFound):
        await placing

    async with desk.database.transaction() as session:
        for table in (Order, OrderContact):
            assert await session.scalar(select(func.count()).select_from(table)) == 0


async def test_an_erasure_waits_for_an_order_that_is_being_placed(desk: FrontDesk, owner_dsn: str) -> None:
    trade = await opened(desk)
    buyer = await customer(desk, trade)
    async with desk.database.transaction() as session:
        await session.execute(
            select(Account.id).where(Account.id == trade.people[Role.BUYER]).with_for_update(read=True, key_share=True)
        )
        erasing = asyncio.create_task(erase(buyer))
        await until_waiting(owner_dsn)
        await trade.pay("meanwhile", authorized, authorized=True)

    assert told(await erasing) == (409, "account_has_open_orders")


async def test_what_others_wrote_for_another_buyer_stays(desk: FrontDesk, owner_dsn: str) -> None:
    trade = await opened(desk)
    await trade.pay("theirs", captured, captured=True, authorized=True)
    await trade.deliver("theirs")
    someone = await desk.logged_in()

    assert (await erase(someone)).status_code == 204

    async with desk.database.transaction() as session:
        address = await session.scalar(select(OrderContact.shipping_address))
        erased = list(await session.scalars(select(EventRow.subject).where(EventRow.type == "account.erased")))
    assert address is not None
    assert address["name"] == "Ada Example"
    assert len(erased) == 1
    assert {"order_contacts.shipping_address", "requests.body"} <= await holding(owner_dsn, "Quay Street")
