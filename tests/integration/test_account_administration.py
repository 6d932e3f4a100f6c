"""Accounts by staff: found, approved, blocked and given other roles; never one's own, and never the last of them."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from db import catalogue
from db.ids import new_id
from db.tables import Account, AccountChangeRow, EventRow, Product
from domain.accounts import AccountStatus
from domain.catalogue import Actor
from domain.orders import Role
from tests.support.front_desk import PASSWORD, FrontDesk, Person, account_of, told
from tests.support.locks import until_waiting
from tests.support.trade import Trade, authorized, captured

BLOCK = {"status": "blocked", "reason": "abuse"}
UNBLOCK = {"status": "active", "reason": "mistake"}
DEMOTE = {"role": "buyer", "reason": "staffing"}


@pytest_asyncio.fixture
async def admin(desk: FrontDesk) -> Person:
    return await desk.logged_in(Role.ADMIN)


async def patch(who: Person, email: str, body: dict[str, Any]) -> httpx2.Response:
    return await who.call("PATCH", f"/v1/accounts/{account_of(email)}", body)


async def status_of(desk: FrontDesk, email: str) -> tuple[str, str]:
    async with desk.database.transaction() as session:
        row = await session.get_one(Account, account_of(email))
    return row.role, row.status


async def test_a_seller_is_approved_and_logs_in(desk: FrontDesk, admin: Person) -> None:
    email = await desk.account(Role.SELLER, AccountStatus.PENDING_APPROVAL)
    seller = await desk.person()
    assert told(await seller.log_in(email)) == (403, "account_not_approved")

    approved = await patch(admin, email, {"status": "active", "reason": "approved", "note": "seen the papers"})

    assert (approved.status_code, approved.json()["status"]) == (200, "active")
    assert (await seller.log_in(email)).status_code == 200
    actor = account_of(admin.email)
    told_of_it = {"actor_id": actor, "before": "pending_approval", "after": "active", "reason": "approved"}
    assert await desk.events(email) == [("account.status_changed", told_of_it)]
    [change] = (await admin.call("GET", f"/v1/accounts/{account_of(email)}")).json()["changes"]
    assert {**change, "created": ""} == {
        "actor_id": actor, "role": None, "status": "active", "reason": "approved", "note": "seen the papers",
        "created": "",
    }  # fmt: skip


async def test_a_block_ends_every_login_at_once(desk: FrontDesk, admin: Person) -> None:
    program = await desk.logged_in(Role.SELLER)
    browser = await desk.person()
    await browser.open_session(program.email)

    assert (await patch(admin, program.email, BLOCK)).status_code == 200

    assert told(await program.refresh()) == (401, "refresh_token_invalid")
    assert told(await browser.click("GET", "/v1/me")) == (401, "session_ended")
    assert told(await (await desk.person()).log_in(program.email)) == (403, "account_blocked")


async def test_a_block_waits_for_what_is_being_put_up_for_sale(desk: FrontDesk, admin: Person, owner_dsn: str) -> None:
    email = await desk.account(Role.SELLER)
    actor = Actor(account_id=account_of(email), role=Role.SELLER, at=datetime.now(UTC), correlation_id="test")

    async with desk.database.transaction() as session:
        product = await catalogue.add(session, actor, {"name": "Lamp", "price": 100, "currency": "USD"}, 1)
        block = asyncio.create_task(patch(admin, email, BLOCK))
        await until_waiting(owner_dsn)

    assert (await block).status_code == 200
    async with desk.database.transaction() as session:
        assert (await session.get_one(Product, product.id)).active is False


async def test_an_access_token_of_a_blocked_account_moves_nothing(desk: FrontDesk, admin: Person) -> None:
    seller = await desk.logged_in(Role.SELLER)
    made = await seller.call("POST", "/v1/products", {"name": "Shackle", "price": {"amount": 1, "currency": "USD"}})
    await patch(admin, seller.email, BLOCK)

    headers = {"Authorization": f"Bearer {seller.tokens['access_token']}", "Idempotency-Key": "k"}
    path = f"/v1/products/{made.json()['id']}/stock"
    refused = await seller.http.post(path, json={"delta": 5, "reason": "received"}, headers=headers)

    assert told(refused) == (401, "token_invalid")
    assert (await seller.http.get("/v1/products")).json()["data"] == [], "nothing of a blocked seller is for sale"
    await patch(admin, seller.email, UNBLOCK)
    await seller.log_in(seller.email)
    seen = (await seller.call("GET", f"/v1/products/{made.json()['id']}")).json()
    assert (seen["stock"], seen["active"]) == (0, False), "it comes back to the shelf when its seller says so"


async def test_a_new_role_counts_from_the_next_token_on(desk: FrontDesk, admin: Person) -> None:
    someone = await desk.logged_in()

    changed = await patch(admin, someone.email, {"role": "seller", "reason": "requested"})

    assert (changed.status_code, changed.json()["role"]) == (200, "seller")
    someone.tokens = (await someone.refresh()).json()
    made = await someone.call("POST", "/v1/products", {"name": "Shackle", "price": {"amount": 1, "currency": "USD"}})
    assert made.status_code == 201
    [(kind, data)] = await desk.events(someone.email)
    assert (kind, data["before"], data["after"]) == ("account.role_changed", "buyer", "seller")


async def test_the_same_again_changes_and_logs_nothing(desk: FrontDesk, admin: Person) -> None:
    email = await desk.account()

    assert (await patch(admin, email, {"status": "active", "role": "buyer", "reason": "other"})).status_code == 200

    assert await desk.events(email) == []
    async with desk.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(AccountChangeRow)) == 0


@pytest.mark.parametrize("role", [Role.BUYER, Role.SELLER])
async def test_only_staff_see_or_change_accounts(desk: FrontDesk, role: Role) -> None:
    someone, email = await desk.logged_in(role), await desk.account()

    answers = [
        await someone.call("GET", "/v1/accounts"),
        await someone.call("GET", f"/v1/accounts/{account_of(someone.email)}"),
        await patch(someone, email, BLOCK),
        await patch(someone, someone.email, {"role": "admin", "reason": "other"}),
    ]

    assert {told(each) for each in answers} == {(403, "role_not_allowed")}
    assert await status_of(desk, email) == ("buyer", "active")


@pytest.mark.parametrize("body", [BLOCK, DEMOTE, {"role": "admin", "status": "active", "reason": "other"}])
async def test_nobody_changes_their_own_account(desk: FrontDesk, admin: Person, body: dict[str, Any]) -> None:
    await desk.account(Role.ADMIN)

    assert told(await patch(admin, admin.email, body)) == (409, "own_account")
    assert await status_of(desk, admin.email) == ("admin", "active")


@pytest.mark.parametrize("body", [BLOCK, DEMOTE])
async def test_who_was_an_administrator_undoes_nothing_with_a_token_that_still_lives(
    desk: FrontDesk, admin: Person, body: dict[str, Any]
) -> None:
    other = await desk.logged_in(Role.ADMIN)
    friend = await desk.account()
    assert (await patch(admin, other.email, body)).status_code == 200

    answers = [
        await patch(other, other.email, UNBLOCK),
        await patch(other, admin.email, BLOCK),
        await patch(other, friend, {"role": "admin", "reason": "other"}),
        await other.call("GET", "/v1/accounts"),
        await other.call("GET", "/v1/incidents"),
    ]

    assert {told(each) for each in answers} == {(401, "token_invalid")}
    assert await status_of(desk, admin.email) == ("admin", "active")
    assert await status_of(desk, friend) == ("buyer", "active")


@pytest.mark.parametrize("body", [BLOCK, DEMOTE])
async def test_of_two_who_remove_each_other_at_once_one_stays(desk: FrontDesk, body: dict[str, Any]) -> None:
    for _ in range(5):
        one, other = await desk.logged_in(Role.ADMIN), await desk.logged_in(Role.ADMIN)

        answers = await asyncio.gather(patch(one, other.email, body), patch(other, one.email, body))

        assert sorted(each.status_code for each in answers) == [200, 401]
        left = [await status_of(desk, each.email) for each in (one, other)]
        assert left.count(("admin", "active")) == 1
        async with desk.database.transaction() as session:
            await session.execute(update(Account).values(status=AccountStatus.BLOCKED))


async def test_the_last_administrator_can_t_leave_and_one_of_two_can(desk: FrontDesk, admin: Person) -> None:
    alone = await admin.call("DELETE", "/v1/me", {"password": PASSWORD})

    assert told(alone) == (409, "last_administrator")
    other = await desk.logged_in(Role.ADMIN)
    assert (await admin.call("DELETE", "/v1/me", {"password": PASSWORD})).status_code == 204
    assert told(await other.call("DELETE", "/v1/me", {"password": PASSWORD})) == (409, "last_administrator")


async def test_of_two_administrators_who_leave_at_once_one_stays(desk: FrontDesk) -> None:
    both = [await desk.logged_in(Role.ADMIN) for _ in range(2)]

    answers = await asyncio.gather(*(each.call("DELETE", "/v1/me", {"password": PASSWORD}) for each in both))

    assert sorted(each.status_code for each in answers) == [204, 409]


@pytest.mark.parametrize(
    ("status", "wanted", "code"),
    [
        (AccountStatus.ERASED, {"status": "active", "reason": "other"}, (409, "account_status_fixed")),
        (AccountStatus.ERASED, {"role": "seller", "reason": "other"}, (409, "account_status_fixed")),
        (AccountStatus.ACTIVE, {"status": "pending_approval", "reason": "other"}, (422, "body_invalid")),
        (AccountStatus.ACTIVE, {"status": "erased", "reason": "other"}, (422, "body_invalid")),
        (AccountStatus.ACTIVE, {"reason": "other"}, (422, "body_invalid")),
        (AccountStatus.ACTIVE, {"status": "blocked"}, (422, "body_invalid")),
        (AccountStatus.ACTIVE, {"status": "blocked", "reason": "a free word"}, (422, "body_invalid")),
        (AccountStatus.ACTIVE, {"status": "blocked", "reason": "other", "note": "n" * 2001}, (422, "body_invalid")),
    ],
)
async def test_a_change_that_can_t_be_is_refused(
    desk: FrontDesk, admin: Person, status: AccountStatus, wanted: dict[str, Any], code: tuple[int, str]
) -> None:
    email = await desk.account()
    if status is AccountStatus.ERASED:
        blank = {"email": None, "name": None, "password_hash": None, "status": status}
        async with desk.database.transaction() as session:
            await session.execute(update(Account).where(Account.id == account_of(email)).values(**blank))

    assert told(await patch(admin, email, wanted)) == code
    assert await status_of(desk, email) == ("buyer", status)


async def test_an_account_that_is_not_there_is_not_found(admin: Person) -> None:
    missing = f"{new_id('acc')}@example.com"

    assert told(await patch(admin, missing, BLOCK)) == (404, "not_found")
    assert told(await admin.call("GET", f"/v1/accounts/{account_of(missing)}")) == (404, "not_found")


async def test_a_role_that_orders_or_money_depend_on_stays(desk: FrontDesk, admin: Person) -> None:
    trade = Trade(desk.database)
    await trade.open()
    await trade.pay("sold", captured, captured=True, authorized=True)
    people = {role: f"{identity}@example.com" for role, identity in trade.people.items()}

    assert told(await patch(admin, people[Role.BUYER], DEMOTE | {"role": "seller"})) == (409, "account_has_open_orders")
    assert told(await patch(admin, people[Role.SELLER], DEMOTE)) == (409, "account_has_open_sales")

    await trade.deliver("sold")
    assert told(await patch(admin, people[Role.SELLER], DEMOTE)) == (409, "account_has_unsettled_money")
    assert (await patch(admin, people[Role.BUYER], DEMOTE | {"role": "seller"})).status_code == 200
    assert (await patch(admin, people[Role.SELLER], BLOCK)).status_code == 200, "a block waits for nothing"


@pytest.mark.parametrize("by_way_of", [[], [DEMOTE]], ids=["at once", "as a buyer in between"])
async def test_who_sold_for_the_merchant_never_gets_those_goods_as_their_own(
    desk: FrontDesk, admin: Person, by_way_of: list[dict[str, Any]]
) -> None:
    other = await desk.logged_in(Role.ADMIN)
    made = await other.call("POST", "/v1/products", {"name": "Shackle", "price": {"amount": 900, "currency": "USD"}})
    headers = {"If-Match": made.headers["ETag"], "Authorization": f"Bearer {other.tokens['access_token']}"}
    deleted = await other.http.delete(f"/v1/products/{made.json()['id']}", headers=headers)
    assert deleted.status_code == 204, deleted.text
    for change in by_way_of:
        assert (await patch(admin, other.email, change)).status_code == 200

    refused = await patch(admin, other.email, {"role": "seller", "reason": "staffing"})

    assert told(refused) == (409, "account_sold_for_merchant")
    assert await status_of(desk, other.email) == ("buyer" if by_way_of else "admin", "active")


async def test_money_that_is_held_for_a_buyer_s_order_counts(desk: FrontDesk, admin: Person) -> None:
    trade = Trade(desk.database)
    await trade.open()
    await trade.pay("held", authorized, authorized=True)
    buyer = f"{trade.people[Role.BUYER]}@example.com"

    assert told(await patch(admin, buyer, {"role": "seller", "reason": "other"})) == (409, "account_has_open_orders")


async def test_accounts_are_found_by_role_status_and_words(desk: FrontDesk, admin: Person) -> None:
    blocked = await desk.account(status=AccountStatus.BLOCKED)
    pending = await desk.account(Role.SELLER, AccountStatus.PENDING_APPROVAL)
    async with desk.database.transaction() as session:
        await session.execute(
            update(Account).where(Account.id == account_of(pending)).values(name="100 % Wool_Socks \\ Ltd")
        )

    async def found(query: str) -> list[str]:
        page = await admin.call("GET", f"/v1/accounts?{query}")
        assert page.status_code == 200, page.text
        return [each["email"] for each in page.json()["data"]]

    assert await found("") == [pending, blocked, admin.email]
    assert await found("role=seller") == [pending]
    assert await found("status=blocked") == [blocked]
    assert await found("role=seller&status=blocked") == []
    assert await found("q=WOOL") == [pending]
    assert await found(f"q={account_of(blocked)[-8:].upper()}") == [blocked]
    assert await found("q=%25") == [pending]
    assert await found("q=%5C") == [pending]
    assert await found("q=l_socks") == [pending]
    assert await found("q=l%25socks") == []
    assert await found(f"limit=1&starting_after={account_of(pending)}") == [blocked]


def holdfast(desk: FrontDesk, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "account", *words],
        env={"DATABASE_URL": desk.database.url, "PATH": ""},
        cwd=Path(__file__).parents[2],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_first_administrator_is_made_on_the_command_line(desk: FrontDesk) -> None:
    words = ("create", "--role", "admin", "--email", "root@example.com", "--name", "Root")

    made = await asyncio.to_thread(holdfast, desk, *words, given=f"{PASSWORD}\n")
    again = await asyncio.to_thread(holdfast, desk, *words, given=f"{PASSWORD}\n")
    short = await asyncio.to_thread(holdfast, desk, *words, given="short\n")

    assert made.returncode == 0, made.stderr
    assert made.stdout.strip().endswith("is an active admin")
    assert (again.returncode, again.stderr.strip()) == (1, "An account with this e-mail exists.")
    assert short.returncode == 1
    root = await desk.person()
    assert (await root.log_in("root@example.com")).status_code == 200
    assert (await root.call("GET", "/v1/accounts")).status_code == 200


async def test_who_can_t_log_in_is_erased_on_the_command_line(desk: FrontDesk) -> None:
    email = await desk.account(status=AccountStatus.BLOCKED)

    ended = [await asyncio.to_thread(holdfast, desk, "erase", account_of(email)) for _ in range(2)]
    unknown = [await asyncio.to_thread(holdfast, desk, "erase", each) for each in (new_id("acc"), "nonsense")]

    assert [each.returncode for each in ended] == [0, 0], ended[0].stderr
    assert [each.returncode for each in unknown] == [1, 1]
    assert (await status_of(desk, email))[1] == "erased"
    async with desk.database.transaction() as session:
        types = await session.scalars(select(EventRow.type).where(EventRow.subject == account_of(email)))
        assert list(types) == ["account.erased"]
