"""Wrong passwords are counted before they are compared, over all processes, whether there is such an account or not."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy import func, select

from api.passwords import Passwords
from db.tables import LoginCounter
from domain.sign_in import Limit
from tests.support.front_desk import PASSWORD, FrontDesk, Person, open_desk, told

WRONG = "wrong horse battery staple"
LIMITED = (429, "rate_limited")
REFUSED = (401, "credentials_wrong")
MINUTES = 15 * 60
TIGHT = {
    "per_name_and_address": Limit(times=3, seconds=MINUTES),
    "per_name": Limit(times=5, seconds=MINUTES),
    "per_address": Limit(times=8, seconds=MINUTES),
    "registrations_per_address": Limit(times=2, seconds=3600),
}


@pytest_asyncio.fixture
async def tight(desk: FrontDesk) -> FrontDesk:
    desk.rule(**TIGHT)
    return desk


async def guesses(someone: Person, email: str, times: int) -> list[tuple[int, str]]:
    return [told(await someone.log_in(email, WRONG)) for _ in range(times)]


@pytest.mark.parametrize("exists", [True, False])
async def test_after_three_wrong_passwords_none_is_looked_at(tight: FrontDesk, exists: bool) -> None:
    email = await tight.account() if exists else "nobody@example.com"
    someone = await tight.person()

    assert await guesses(someone, email, 5) == 3 * [REFUSED] + 2 * [LIMITED]

    right = await someone.log_in(email)
    assert told(right) == LIMITED
    assert 0 < int(right.headers["Retry-After"]) <= MINUTES
    assert told(await someone.open_session(email)) == LIMITED


async def test_whether_there_is_an_account_can_t_be_told_from_the_limit(tight: FrontDesk) -> None:
    async def answers(email: str, address: str) -> list[tuple[int, str, str]]:
        someone = await tight.person(address)
        found = [await someone.log_in(email, WRONG) for _ in range(5)]
        return [(each.status_code, each.json()["detail"], str(sorted(each.headers))) for each in found]

    there, not_there = await answers(await tight.account(), "192.0.2.1"), await answers("a@example.com", "192.0.2.2")

    assert there == not_there


async def test_the_owner_at_another_address_is_let_in(tight: FrontDesk) -> None:
    email = await tight.account()
    await guesses(await tight.person("198.51.100.9"), email, 5)

    assert (await (await tight.person()).log_in(email)).status_code == 200


async def test_many_addresses_that_guess_one_name_are_bounded(tight: FrontDesk) -> None:
    email = await tight.account()
    seen = [await guesses(await tight.person(f"198.51.100.{number}"), email, 2) for number in range(4)]

    assert [each for many in seen for each in many] == 5 * [REFUSED] + 3 * [LIMITED]


async def test_one_address_that_tries_many_names_is_bounded(tight: FrontDesk) -> None:
    someone = await tight.person()
    seen = [told(await someone.log_in(f"{number}@example.com", WRONG)) for number in range(10)]

    assert seen == 8 * [REFUSED] + 2 * [LIMITED]
    email = await tight.account()
    assert told(await someone.log_in(email)) == LIMITED
    assert (await (await tight.person("192.0.2.2")).log_in(email)).status_code == 200


async def test_an_ipv6_network_counts_as_one_address(tight: FrontDesk) -> None:
    email = await tight.account()
    seen = [await guesses(await tight.person(f"2001:db8::{number}"), email, 1) for number in range(1, 6)]

    assert [each for many in seen for each in many] == 3 * [REFUSED] + 2 * [LIMITED]


async def test_the_right_password_forgets_the_wrong_ones_before_it(tight: FrontDesk) -> None:
    email = await tight.account()
    someone = await tight.person()
    await guesses(someone, email, 2)

    assert (await someone.log_in(email)).status_code == 200

    assert await guesses(someone, email, 3) == 3 * [REFUSED]


async def test_right_passwords_count_for_nothing(tight: FrontDesk) -> None:
    emails = [await tight.account() for _ in range(2)]
    someone = await tight.person()

    answers = [await someone.log_in(email) for _ in range(6) for email in emails]

    assert {each.status_code for each in answers} == {200}


async def test_a_password_that_nobody_had_time_to_compare_counts_for_nothing(tight: FrontDesk) -> None:
    email, someone, go_on = await tight.account(), await tight.person(), threading.Event()
    busy = Passwords(at_once=1, patience_seconds=0.05)
    tight.app.state.wiring = replace(tight.wiring, passwords=busy)
    first = asyncio.create_task(busy._in_turn(go_on.wait))
    await asyncio.sleep(0)

    answers = [await someone.log_in(email) for _ in range(4)]
    go_on.set()
    await first

    assert {told(each) for each in answers} == {LIMITED}
    assert (await someone.log_in(email)).status_code == 200


async def test_the_name_is_one_whatever_its_case(tight: FrontDesk) -> None:
    email = await tight.account()
    someone = await tight.person()
    await guesses(someone, email.upper(), 2)

    assert await guesses(someone, f"  {email} ", 2) == [REFUSED, LIMITED]


async def test_after_the_window_it_begins_anew(tight: FrontDesk) -> None:
    email = await tight.account()
    someone = await tight.person()
    await guesses(someone, email, 5)

    await tight.age(timedelta(seconds=MINUTES + 1))

    assert (await someone.log_in(email)).status_code == 200


async def test_many_guesses_at_once_are_as_few_as_one_after_another(tight: FrontDesk) -> None:
    email = await tight.account()
    someone = await tight.person()

    answers = await asyncio.gather(*(someone.log_in(email, WRONG) for _ in range(20)))

    assert sorted(map(told, answers)) == 3 * [REFUSED] + 17 * [LIMITED]


async def test_two_processes_count_together(tight: FrontDesk) -> None:
    email = await tight.account()
    await guesses(await tight.person(), email, 2)

    async with open_desk(tight.database) as other:
        other.rule(**TIGHT)
        assert await guesses(await other.person(), email, 2) == [REFUSED, LIMITED]


@pytest.mark.parametrize(("method", "field"), [("PATCH", "current_password"), ("DELETE", "password")])
async def test_a_stolen_token_does_not_find_out_the_password(tight: FrontDesk, method: str, field: str) -> None:
    someone = await tight.logged_in()
    change = {"email": "mine@example.com"} if method == "PATCH" else {}

    async def attempt(password: str) -> httpx2.Response:
        return await someone.call(method, "/v1/me", {**change, field: password})

    assert [told(await attempt(WRONG)) for _ in range(4)] == 3 * [(403, "password_wrong")] + [LIMITED]
    assert told(await attempt(PASSWORD)) == LIMITED
    assert (await someone.call("GET", "/v1/me")).json()["email"] == someone.email


async def test_registrations_of_one_address_are_bounded(tight: FrontDesk) -> None:
    someone = await tight.person()

    async def register(number: int) -> httpx2.Response:
        body = {"email": f"{number}@example.com", "password": PASSWORD, "name": "Ada"}
        return await someone.http.post("/v1/auth/register", json=body)

    answers = [await register(number) for number in (1, 1, 2)]

    assert [each.status_code for each in answers] == [201, 409, 429]
    assert told(answers[2]) == LIMITED
    assert 0 < int(answers[2].headers["Retry-After"]) <= 3600


async def test_counters_hold_hashes_and_go_when_they_are_over(tight: FrontDesk) -> None:
    someone = await tight.person()
    await guesses(someone, "ada@example.com", 2)
    async with tight.database.transaction() as session:
        kept = (await session.execute(select(LoginCounter.name, LoginCounter.address))).all()
    assert {len(part) for row in kept for part in row} == {0, 32}
    await tight.age(timedelta(seconds=MINUTES + 1))

    await guesses(someone, "grace@example.com", 1)

    async with tight.database.transaction() as session:
        left = await session.scalar(select(func.count()).select_from(LoginCounter))
    # Of this try: for the address, for the name from there, for the name.
    assert left == 3
