"""Accounts of one's own: register, log in, look, change; who has no password is told nothing."""

import asyncio

import httpx2
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import func, select, update

from db.tables import Account, EventRow
from domain.accounts import AccountStatus
from domain.orders import Role
from tests.support.front_desk import PASSWORD, FrontDesk, Person, account_of, told

NEW = {"email": "Ada@Example.com", "password": PASSWORD, "name": "Ada Example"}
WRONG = "wrong horse battery staple"


async def register(desk: FrontDesk, **other: str) -> httpx2.Response:
    return await (await desk.person()).http.post("/v1/auth/register", json={**NEW, **other})


async def accounts(desk: FrontDesk) -> int:
    async with desk.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(Account)) or 0


async def test_a_buyer_registers_and_is_active_at_once(desk: FrontDesk) -> None:
    made = await register(desk)

    account = made.json()
    assert made.status_code == 201, made.text
    assert {**account, "id": "", "created": ""} == {
        "id": "", "object": "account", "created": "", "email": "ada@example.com", "name": "Ada Example",
        "role": "buyer", "status": "active",
    }  # fmt: skip
    someone = await desk.person()
    assert (await someone.log_in("ADA@example.com ")).status_code == 200
    assert (await someone.call("GET", "/v1/me")).json() == account
    assert (await someone.call("GET", "/v1/auth/verify")).json()["account_id"] == account["id"]
    assert await desk.events(account["id"]) == [("account.registered", {"role": "buyer", "status": "active"})]


@pytest.mark.parametrize("typed", ["ada@xn--bcher-kva.example", "ada@b\u00fccher.example", "ada@bu\u0308cher.example"])
async def test_an_address_is_known_as_it_was_typed(desk: FrontDesk, typed: str) -> None:
    assert (await register(desk, email=typed)).status_code == 201

    assert (await (await desk.person()).log_in(typed)).status_code == 200


async def test_a_seller_waits_and_is_told_so_only_with_the_password(desk: FrontDesk) -> None:
    assert (await register(desk, role="seller")).json()["status"] == "pending_approval"
    someone = await desk.person()

    assert told(await someone.log_in("ada@example.com", WRONG)) == (401, "credentials_wrong")
    assert told(await someone.log_in("ada@example.com")) == (403, "account_not_approved")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"role": "admin"}, "/role"),
        ({"status": "active"}, "/status"),
        ({"email": "no e-mail"}, "/email"),
        ({"email": "a\x00b@example.com"}, "/email"),
        ({"password": "fourteen chars"}, "/password"),
        ({"password": "p" * 201}, "/password"),
        ({"name": " "}, "/name"),
    ],
)
async def test_nobody_registers_as_staff_or_with_what_is_no_account(
    desk: FrontDesk, change: dict[str, str], pointer: str
) -> None:
    refused = await register(desk, **change)

    assert told(refused) == (422, "body_invalid")
    assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]
    assert await accounts(desk) == 0


@pytest.mark.parametrize("password", ["Ada@Example.COM", "aaaaaaaaaaaaaaaa"])
async def test_a_password_that_others_try_first_is_not_taken(desk: FrontDesk, password: str) -> None:
    assert told(await register(desk, password=password)) == (422, "password_unfit")
    assert await accounts(desk) == 0


async def test_an_e_mail_has_one_account_whatever_its_case(desk: FrontDesk) -> None:
    await register(desk)

    assert told(await register(desk, email="aDA@example.COM")) == (409, "email_taken")
    assert await accounts(desk) == 1


async def test_registered_twenty_times_at_once_it_is_one_account(desk: FrontDesk) -> None:
    answers = await asyncio.gather(*(register(desk) for _ in range(20)))

    assert sorted(each.status_code for each in answers) == [201] + 19 * [409]
    assert await accounts(desk) == 1
    async with desk.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(EventRow)) == 1


@pytest.mark.parametrize("status", [AccountStatus.ACTIVE, AccountStatus.BLOCKED, AccountStatus.PENDING_APPROVAL, None])
async def test_without_the_password_every_account_and_none_are_the_same(
    desk: FrontDesk, status: AccountStatus | None
) -> None:
    email = "nobody@example.com" if status is None else await desk.account(status=status)
    someone = await desk.person()

    refused = await someone.log_in(email, WRONG)

    assert told(refused) == (401, "credentials_wrong")
    assert set(refused.json()) == {"type", "title", "status", "detail", "code", "request_id"}
    assert "set-cookie" not in refused.headers


async def test_a_blocked_account_is_told_so_with_its_password_and_gets_nothing(desk: FrontDesk) -> None:
    email = await desk.account(status=AccountStatus.BLOCKED)
    someone = await desk.person()

    assert told(await someone.log_in(email)) == (403, "account_blocked")
    assert told(await someone.open_session(email)) == (403, "account_blocked")
    assert not someone.http.cookies


async def test_an_account_that_nobody_can_log_in_to_is_no_fault_of_ours(desk: FrontDesk) -> None:
    email = await desk.account()
    async with desk.database.transaction() as session:
        await session.execute(update(Account).values(password_hash="unused"))

    assert told(await (await desk.person()).log_in(email)) == (401, "credentials_wrong")


async def test_an_older_hash_is_made_anew_at_the_next_login(desk: FrontDesk) -> None:
    email, weak = await desk.account(), Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    todays = await parameters(desk)
    async with desk.database.transaction() as session:
        await session.execute(update(Account).values(password_hash=weak))
    assert await parameters(desk) == "m=8,t=1,p=1"

    assert (await (await desk.person()).log_in(email)).status_code == 200

    assert await parameters(desk) == todays
    assert (await (await desk.person()).log_in(email)).status_code == 200


async def parameters(desk: FrontDesk) -> str:
    """With what the one account's password was hashed."""
    async with desk.database.transaction() as session:
        kept = await session.scalar(select(Account.password_hash))
    return str(kept).split("$")[3]


async def test_a_name_is_changed_without_the_password(desk: FrontDesk) -> None:
    someone = await desk.logged_in()

    changed = await someone.call("PATCH", "/v1/me", {"name": " Ada Lovelace "})

    assert (changed.status_code, changed.json()["name"]) == (200, "Ada Lovelace")
    assert await desk.events(someone.email) == [("account.updated", {"fields": ["name"]})]


@pytest.mark.parametrize("change", [{"email": "new@example.com"}, {"password": "another horse battery staple"}])
async def test_what_others_log_in_with_needs_the_current_password(desk: FrontDesk, change: dict[str, str]) -> None:
    someone = await desk.logged_in()

    without = await someone.call("PATCH", "/v1/me", change)
    wrong = await someone.call("PATCH", "/v1/me", {**change, "current_password": WRONG})

    assert (told(without), told(wrong)) == ((422, "body_invalid"), (403, "password_wrong"))
    assert (await (await desk.person()).log_in(someone.email)).status_code == 200
    assert await desk.events(someone.email) == []


async def elsewhere(desk: FrontDesk, email: str) -> tuple[Person, Person]:
    """The same account, logged in by another program and in a browser."""
    program, browser = await desk.person(), await desk.person()
    await program.log_in(email)
    await browser.open_session(email)
    return program, browser


@pytest.mark.parametrize("change", [{"email": "new@example.com"}, {"password": "another horse battery staple"}])
async def test_a_new_password_or_e_mail_logs_out_everywhere_else(desk: FrontDesk, change: dict[str, str]) -> None:
    someone = await desk.logged_in()
    program, browser = await elsewhere(desk, someone.email)

    changed = await someone.call("PATCH", "/v1/me", {**change, "current_password": PASSWORD})

    assert changed.status_code == 200, changed.text
    assert told(await program.refresh()) == (401, "refresh_token_invalid")
    assert told(await browser.click("GET", "/v1/me")) == (401, "session_ended")
    assert (await someone.refresh()).status_code == 200
    again = {"email": changed.json()["email"], "password": change.get("password", PASSWORD)}
    assert (await program.log_in(**again)).status_code == 200
    before = await program.log_in(someone.email)
    assert told(before) == (401, "credentials_wrong")


async def test_changed_in_a_browser_the_browser_stays_logged_in(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    _, browser = await elsewhere(desk, someone.email)

    body = {"password": "another horse battery staple", "current_password": PASSWORD}
    assert (await browser.click("PATCH", "/v1/me", body)).status_code == 200

    assert (await browser.click("GET", "/v1/me")).status_code == 200
    assert told(await someone.refresh()) == (401, "refresh_token_invalid")


async def test_another_s_e_mail_is_not_taken_over(desk: FrontDesk) -> None:
    someone, other = await desk.logged_in(), await desk.account()

    refused = await someone.call("PATCH", "/v1/me", {"email": other.upper(), "current_password": PASSWORD})

    assert told(refused) == (409, "email_taken")
    assert (await someone.call("GET", "/v1/me")).json()["email"] == someone.email
    assert (await someone.refresh()).status_code == 200


async def test_a_new_password_is_refused_that_is_the_new_e_mail(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    change = {"email": "lovelace@example.com", "password": "Lovelace@example.com", "current_password": PASSWORD}

    assert told(await someone.call("PATCH", "/v1/me", change)) == (422, "password_unfit")
    assert (await someone.call("GET", "/v1/me")).json()["email"] == someone.email


async def test_of_two_new_passwords_at_once_one_counts(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    wanted = ["first horse battery staple", "second horse battery staple"]

    answers = await asyncio.gather(
        *(someone.call("PATCH", "/v1/me", {"password": each, "current_password": PASSWORD}) for each in wanted)
    )

    assert sorted(each.status_code for each in answers) == [200, 403]
    winner = wanted[[each.status_code for each in answers].index(200)]
    fresh = await desk.person()
    assert (await fresh.log_in(someone.email, winner)).status_code == 200


async def test_a_token_of_an_account_that_is_blocked_by_now_reads_nothing_of_it(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    async with desk.database.transaction() as session:
        await session.execute(
            update(Account).where(Account.id == account_of(someone.email)).values(status=AccountStatus.BLOCKED)
        )

    seen = await someone.call("GET", "/v1/me")
    changed = await someone.call("PATCH", "/v1/me", {"name": "Somebody"})

    assert {told(seen), told(changed)} == {(401, "token_invalid")}


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_has_a_profile(desk: FrontDesk, role: Role) -> None:
    someone = await desk.logged_in(role)

    assert (await someone.call("GET", "/v1/me")).json()["role"] == role
