"""Refresh tokens: each is exchanged once, a lost answer is given again for a while, a stolen one ends the login."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from db import refresh_tokens
from db.tables import Account, RefreshToken, TokenFamily
from domain.accounts import AccountStatus
from domain.orders import Role
from domain.sign_in import SignInRules
from tests.support.front_desk import FrontDesk, Person, account_of, told
from tests.support.locks import until_waiting

REFUSED = (401, "refresh_token_invalid")
RULES = SignInRules()


async def exchanged(someone: Person, token: str | None = None) -> str:
    """The successor; raises what is no success."""
    answer = await someone.refresh(token)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


async def rows(desk: FrontDesk) -> tuple[int, int]:
    """How many families and tokens there are."""
    async with desk.database.transaction() as session:
        families = await session.scalar(select(func.count()).select_from(TokenFamily))
        tokens = await session.scalar(select(func.count()).select_from(RefreshToken))
    return families or 0, tokens or 0


async def test_a_token_is_exchanged_for_its_successor_and_a_new_access_token(desk: FrontDesk) -> None:
    someone = await desk.logged_in()

    answer = await someone.refresh()

    fresh = answer.json()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (fresh["token_type"], fresh["expires_in"]) == ("bearer", 900)
    assert fresh["refresh_token"] != someone.tokens["refresh_token"]
    someone.tokens = fresh
    assert (await someone.call("GET", "/v1/me")).status_code == 200
    assert (await someone.refresh()).status_code == 200


async def test_a_token_is_long_and_kept_as_its_hash_only(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    tokens = [someone.tokens["refresh_token"], await exchanged(someone)]

    async with desk.database.transaction() as session:
        kept = list(await session.scalars(select(RefreshToken).order_by(RefreshToken.number)))
    assert [row.hash for row in kept] == [hashlib.sha256(each.encode()).digest() for each in tokens]
    # 256 bits as base64, after four letters that say what it is.
    assert {(each[:4], len(each)) for each in tokens} == {("hfr_", 47)}
    assert not any(each.encode() in (row.salt or b"") for each in tokens for row in kept)


async def test_a_token_that_was_used_before_ends_the_whole_login(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    first = someone.tokens["refresh_token"]
    second = await exchanged(someone)
    third = await exchanged(someone, second)

    assert told(await someone.refresh(first)) == REFUSED

    assert told(await someone.refresh(third)) == REFUSED
    assert await rows(desk) == (0, 0)
    [(kind, data)] = await desk.events(someone.email)
    assert (kind, set(data)) == ("account.token_reused", {"family_id"})


async def test_a_thief_and_the_owner_can_t_both_go_on(desk: FrontDesk) -> None:
    owner, thief = await desk.logged_in(), await desk.person("198.51.100.9")
    stolen = owner.tokens["refresh_token"]

    await exchanged(thief, stolen)
    await desk.age(timedelta(seconds=RULES.refresh_grace + 1))
    assert told(await owner.refresh()) == REFUSED

    assert await rows(desk) == (0, 0)


async def test_a_thief_who_comes_soon_is_noticed_at_the_next_exchange(desk: FrontDesk) -> None:
    owner, thief = await desk.logged_in(), await desk.person("198.51.100.9")
    stolen = owner.tokens["refresh_token"]
    own, taken = await exchanged(owner), await exchanged(thief, stolen)
    assert own == taken, "they are told the same one, so that one of them will have used it when the other comes"

    await exchanged(owner, own)
    await desk.age(timedelta(seconds=RULES.refresh_grace + 1))

    assert told(await thief.refresh(taken)) == REFUSED
    assert await rows(desk) == (0, 0)


async def test_another_login_of_the_account_goes_on(desk: FrontDesk) -> None:
    someone, elsewhere = await desk.logged_in(), await desk.person()
    await elsewhere.log_in(someone.email)
    first = someone.tokens["refresh_token"]
    await exchanged(someone, await exchanged(someone))

    assert told(await someone.refresh(first)) == REFUSED

    assert (await elsewhere.refresh()).status_code == 200


async def test_a_lost_answer_is_given_again_for_a_while(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    lost = await exchanged(someone)

    await desk.age(timedelta(seconds=RULES.refresh_grace // 2))
    assert await exchanged(someone) == lost

    assert await rows(desk) == (1, 2)
    assert (await someone.refresh(lost)).status_code == 200


async def test_a_lost_answer_is_not_given_again_after_the_while(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    lost = await exchanged(someone)
    await desk.age(timedelta(seconds=RULES.refresh_grace + 1))

    assert told(await someone.refresh()) == REFUSED
    assert told(await someone.refresh(lost)) == REFUSED


async def test_an_answer_that_was_used_was_not_lost(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    second = await exchanged(someone)
    await exchanged(someone, second)

    assert told(await someone.refresh()) == REFUSED
    assert await rows(desk) == (0, 0)


async def test_twenty_exchanges_at_once_make_one_successor(desk: FrontDesk) -> None:
    someone = await desk.logged_in()

    answers = await asyncio.gather(*(someone.refresh() for _ in range(20)))

    assert {each.status_code for each in answers} == {200}
    assert len({each.json()["refresh_token"] for each in answers}) == 1
    assert await rows(desk) == (1, 2)


async def test_an_exchange_waits_for_another_of_the_same_token(desk: FrontDesk, owner_dsn: str) -> None:
    someone = await desk.logged_in()
    token = someone.tokens["refresh_token"]

    async with desk.database.transaction() as session:
        first = await refresh_tokens.exchange(session, token, SignInRules(), datetime.now(UTC), "test")
        second = asyncio.create_task(someone.refresh(token))
        await until_waiting(owner_dsn)

    assert first is not None
    assert (await second).json()["refresh_token"] == first.token


async def test_an_exchange_and_a_theft_at_once_leave_one_chain_or_none(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    first = someone.tokens["refresh_token"]
    second = await exchanged(someone)
    await desk.age(timedelta(seconds=RULES.refresh_grace + 1))

    good, bad = await asyncio.gather(someone.refresh(second), someone.refresh(first))

    assert told(bad) == REFUSED
    assert good.status_code in {200, 401}
    assert await rows(desk) == (0, 0), "whoever came first, the old token ended all that there was"


async def test_logging_out_ends_the_login_by_any_of_its_tokens(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    first, second = someone.tokens["refresh_token"], await exchanged(someone)

    out = await someone.http.post("/v1/auth/logout", json={"refresh_token": first})
    again = await someone.http.post("/v1/auth/logout", json={"refresh_token": first})

    assert (out.status_code, again.status_code) == (204, 204)
    assert told(await someone.refresh(second)) == REFUSED


async def test_a_login_that_lies_idle_ends(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    await desk.age(timedelta(seconds=RULES.refresh_idle + 1))

    assert told(await someone.refresh()) == REFUSED


async def test_a_login_that_is_used_ends_at_its_time_all_the_same(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    token, step = someone.tokens["refresh_token"], RULES.refresh_idle // 2
    for _ in range(RULES.refresh_lifetime // step):
        token = await exchanged(someone, token)
        await desk.age(timedelta(seconds=step))

    await desk.age(timedelta(seconds=step))
    assert told(await someone.refresh(token)) == REFUSED


async def test_an_exchange_sees_the_role_that_the_account_has_now(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    await change(desk, someone, role=Role.SELLER)

    someone.tokens = (await someone.refresh()).json()

    assert (await someone.call("GET", "/v1/auth/verify")).json()["role"] == "seller"


async def test_an_exchange_sees_that_the_account_is_not_active_any_more(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    await change(desk, someone, status=AccountStatus.BLOCKED)

    assert told(await someone.refresh()) == REFUSED
    assert await rows(desk) == (0, 0)


async def change(desk: FrontDesk, someone: Person, **values: Any) -> None:
    async with desk.database.transaction() as session:
        await session.execute(update(Account).where(Account.id == account_of(someone.email)).values(**values))


@pytest.mark.parametrize("token", ["", "hfr_", "hfr_" + "A" * 43, "nonsense", "x" * 201, "\u00e9"])
async def test_what_is_no_token_of_ours_is_refused(desk: FrontDesk, token: str) -> None:
    someone = await desk.logged_in()

    refused = await someone.refresh(token)

    assert refused.status_code in {401, 422}
    assert await rows(desk) == (1, 1)


async def test_a_refresh_token_opens_nothing_but_its_successor(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    token = someone.tokens["refresh_token"]

    bearer = await someone.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    cookie = await someone.http.get("/v1/me", headers={"Cookie": f"holdfast={token}"})
    access = await someone.refresh(someone.tokens["access_token"])

    assert (told(bearer), told(cookie)) == ((401, "token_invalid"), (401, "session_ended"))
    assert access.status_code in {401, 422}


async def test_what_is_over_is_cleared_away_by_later_logins(desk: FrontDesk) -> None:
    someone = await desk.logged_in()
    await desk.age(timedelta(seconds=RULES.refresh_lifetime + 1))

    await (await desk.person()).log_in(someone.email)

    assert await rows(desk) == (1, 1)
