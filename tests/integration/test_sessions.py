"""Logins by cookie: made here only, ended by themselves or by hand, and of no use to a page of somebody else."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from api.cookies import CookieRules
from db.tables import Account, BrowserSession
from domain.accounts import AccountStatus
from domain.orders import Role
from domain.sign_in import SignInRules
from tests.support.front_desk import PASSWORD, SITE, FrontDesk, Person, account_of, told

RULES = SignInRules()
ENDED = (401, "session_ended")
NAME = {"name": "Ada Lovelace"}


async def visitor(desk: FrontDesk, role: Role = Role.BUYER) -> Person:
    someone = await desk.person()
    email = await desk.account(role)
    opened = await someone.open_session(email)
    assert opened.status_code == 201, opened.text
    someone.email = email
    return someone


async def sessions(desk: FrontDesk) -> int:
    async with desk.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(BrowserSession)) or 0


def cookie(someone: Person) -> str:
    return str(someone.http.cookies["holdfast"])


async def test_a_browser_logs_in_calls_and_logs_out(desk: FrontDesk) -> None:
    someone = await visitor(desk)

    assert (await someone.click("GET", "/v1/me")).json()["email"] == someone.email
    assert (await someone.click("PATCH", "/v1/me", NAME)).json()["name"] == "Ada Lovelace"
    reloaded = await someone.http.get("/v1/auth/session")
    assert reloaded.json()["csrf_token"] == someone.tokens["csrf_token"]
    assert reloaded.json()["account"]["name"] == "Ada Lovelace"
    assert reloaded.headers["Cache-Control"] == "no-store"

    kept = cookie(someone)
    out = await someone.click("DELETE", "/v1/auth/session")
    assert out.status_code == 204
    assert not someone.http.cookies
    assert await sessions(desk) == 0
    again = await someone.http.get("/v1/me", headers={"Cookie": f"holdfast={kept}"})
    assert told(again) == ENDED


async def test_the_answer_has_no_token_and_scripts_can_t_read_the_cookie(desk: FrontDesk) -> None:
    opened = await (await desk.person()).open_session(await desk.account())

    assert set(opened.json()) == {"object", "account", "csrf_token"}
    attributes = {each.strip().lower() for each in opened.headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert not any(each.startswith("domain") for each in attributes)


async def test_over_tls_the_cookie_is_bound_to_the_host(desk: FrontDesk) -> None:
    desk.app.state.wiring = replace(desk.wiring, cookies=CookieRules())
    someone = await desk.person(site="https://shop.example")
    origin = {"Origin": "https://shop.example"}

    opened = await someone.open_session(await desk.account(), **origin)

    assert opened.status_code == 201, opened.text
    assert opened.headers["Set-Cookie"].startswith("__Host-holdfast=")
    assert "secure" in opened.headers["Set-Cookie"].lower()
    assert (await someone.click("PATCH", "/v1/me", NAME, **origin)).status_code == 200
    downgraded = await someone.click("PATCH", "/v1/me", NAME, Origin="http://shop.example")
    assert told(downgraded) == (403, "origin_not_allowed")


async def test_only_the_secret_s_hash_is_kept(desk: FrontDesk) -> None:
    someone = await visitor(desk)

    async with desk.database.transaction() as session:
        row = (await session.scalars(select(BrowserSession))).one()
    assert row.hash == hashlib.sha256(cookie(someone).encode()).digest()


async def test_a_session_that_a_browser_brings_is_never_taken_over(desk: FrontDesk) -> None:
    someone = await desk.person()
    someone.http.cookies.set("holdfast", "chosen-by-an-attacker")

    await someone.open_session(await desk.account())

    stolen = await desk.person()
    seen = await stolen.http.get("/v1/me", headers={"Cookie": "holdfast=chosen-by-an-attacker"})
    assert told(seen) == ENDED


async def test_a_new_login_ends_the_session_that_the_browser_had(desk: FrontDesk) -> None:
    someone = await visitor(desk)
    before = cookie(someone)

    await someone.open_session(await desk.account())

    assert cookie(someone) != before
    assert await sessions(desk) == 1
    old = await (await desk.person()).http.get("/v1/me", headers={"Cookie": f"holdfast={before}"})
    assert told(old) == ENDED


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X-CSRF-Token": ""}, "csrf_token_wrong"),
        ({"X-CSRF-Token": "0" * 64}, "csrf_token_wrong"),
        ({"Origin": ""}, "origin_not_allowed"),
        ({"Origin": "http://evil.example"}, "origin_not_allowed"),
        ({"Origin": "null"}, "origin_not_allowed"),
        ({"Origin": SITE + ".evil.example"}, "origin_not_allowed"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "/v1/me"), ("DELETE", "/v1/me"), ("DELETE", "/v1/auth/session")]
)
async def test_a_call_that_none_of_our_pages_made_changes_nothing(
    desk: FrontDesk, method: str, path: str, headers: dict[str, str], code: str
) -> None:
    someone = await visitor(desk)
    body = NAME if method == "PATCH" else {"password": PASSWORD}

    refused = await someone.click(method, path, None if path.endswith("session") else body, **headers)

    assert told(refused) == (403, code)
    seen = (await someone.click("GET", "/v1/me")).json()
    assert (seen["name"], seen["status"]) == ("A buyer", "active")


async def test_the_token_of_one_session_is_not_that_of_another(desk: FrontDesk) -> None:
    someone, other = await visitor(desk), await visitor(desk)

    refused = await someone.click("PATCH", "/v1/me", NAME, **{"X-CSRF-Token": other.tokens["csrf_token"]})

    assert told(refused) == (403, "csrf_token_wrong")


async def test_another_site_can_t_log_a_visitor_in(desk: FrontDesk) -> None:
    someone = await desk.person()

    refused = await someone.open_session(await desk.account(), Origin="http://evil.example")

    assert told(refused) == (403, "origin_not_allowed")
    assert not someone.http.cookies


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        (Role.BUYER, "GET", "/v1/orders", 200),
        (Role.BUYER, "GET", "/v1/payments", 200),
        (Role.SELLER, "GET", "/v1/payments", 403),
        (Role.ADMIN, "GET", "/v1/incidents", 200),
        (Role.ADMIN, "GET", "/v1/accounts", 200),
        (Role.SELLER, "POST", "/v1/products", 201),
        (Role.BUYER, "POST", "/v1/products", 403),
    ],
)
async def test_every_route_takes_the_cookie_as_it_takes_a_token(
    desk: FrontDesk, role: Role, method: str, path: str, status: int
) -> None:
    body = {"name": "Shackle", "price": {"amount": 1, "currency": "USD"}} if method == "POST" else None
    by_cookie = await visitor(desk, role)
    by_token = await desk.logged_in(role)

    answers = [await by_cookie.click(method, path, body), await by_token.call(method, path, body)]

    assert [each.status_code for each in answers] == [status, status]


async def test_no_route_that_changes_something_takes_the_cookie_alone(desk: FrontDesk) -> None:
    someone = await visitor(desk, Role.ADMIN)
    refused: dict[tuple[str, str], tuple[int, str]] = {}
    for path, operations in desk.app.openapi()["paths"].items():
        for method, operation in operations.items():
            if method != "get" and operation["security"]:
                answer = await someone.http.request(method, path, json={})
                refused[method, path] = told(answer)

    assert len(refused) > 10
    assert set(refused.values()) == {(403, "origin_not_allowed")}


async def test_a_token_goes_before_the_cookie(desk: FrontDesk) -> None:
    browser, program = await visitor(desk), await desk.logged_in()
    bearer = {"Authorization": f"Bearer {program.tokens['access_token']}"}

    seen = await browser.http.get("/v1/me", headers=bearer)
    changed = await browser.http.patch("/v1/me", json=NAME, headers=bearer)
    wrong = await browser.http.get("/v1/me", headers={"Authorization": "Bearer nonsense"})

    assert seen.json()["email"] == program.email
    assert (changed.status_code, changed.json()["email"]) == (200, program.email)
    assert told(wrong) == (401, "token_invalid")


async def test_a_session_that_lies_idle_ends(desk: FrontDesk) -> None:
    someone = await visitor(desk)
    await desk.age(timedelta(seconds=RULES.session_idle + 1))

    assert told(await someone.click("GET", "/v1/me")) == ENDED
    assert told(await someone.http.get("/v1/auth/session")) == ENDED


async def test_a_session_that_is_used_lasts_up_to_its_time(desk: FrontDesk) -> None:
    someone = await visitor(desk)
    step = RULES.session_idle // 2
    for _ in range(RULES.session_lifetime // step - 1):
        await desk.age(timedelta(seconds=step))
        assert (await someone.click("GET", "/v1/me")).status_code == 200

    await desk.age(timedelta(seconds=step + 1))
    assert told(await someone.click("GET", "/v1/me")) == ENDED


async def test_a_session_has_the_role_that_the_account_has_now(desk: FrontDesk) -> None:
    someone = await visitor(desk)
    await change(desk, someone, role=Role.SELLER)

    assert (await someone.click("GET", "/v1/auth/verify")).json()["role"] == "seller"


@pytest.mark.parametrize("status", [AccountStatus.BLOCKED, AccountStatus.PENDING_APPROVAL])
async def test_a_session_of_an_account_that_is_not_active_is_none(desk: FrontDesk, status: AccountStatus) -> None:
    someone = await visitor(desk)
    await change(desk, someone, status=status)

    assert told(await someone.click("GET", "/v1/me")) == ENDED


async def change(desk: FrontDesk, someone: Person, **values: Any) -> None:
    async with desk.database.transaction() as session:
        await session.execute(update(Account).where(Account.id == account_of(someone.email)).values(**values))


async def test_logging_out_without_a_session_is_done(desk: FrontDesk) -> None:
    assert (await (await desk.person()).click("DELETE", "/v1/auth/session")).status_code == 204


async def test_twenty_calls_at_once_use_one_session(desk: FrontDesk) -> None:
    someone = await visitor(desk)
    await desk.age(timedelta(minutes=5))

    answers = await asyncio.gather(*(someone.click("GET", "/v1/me") for _ in range(20)))

    assert {each.status_code for each in answers} == {200}
    assert await sessions(desk) == 1
