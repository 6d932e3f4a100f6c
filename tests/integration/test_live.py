"""Live status: the timeline, server-sent events that miss nothing, and long poll."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from api.live import PER_ACCOUNT
from db import event_log
from db.event_tail import of_subject
from db.ids import new_id
from db.session import Database
from domain.events import Event, EventType
from domain.orders import Role
from sandbox.postgres import Postgres
from tests.support.arena import Arena, eventually
from tests.support.following import LIFE, entries


@asynccontextmanager
async def follow(
    arena: Arena, order: str, who: Role = Role.BUYER, last: str | None = None
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The entries of an order's stream, each as it comes."""
    headers = await arena.headers(who)
    if last is not None:
        headers["Last-Event-ID"] = last
    async with arena.http.stream("GET", f"/v1/orders/{order}/events", headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield entries(answer)


async def read(stream: AsyncIterator[dict[str, Any]], until: str) -> list[dict[str, Any]]:
    """The entries up to the first of a type."""
    seen = []
    async with asyncio.timeout(30):
        async for entry in stream:
            seen.append(entry)
            if entry["type"] == until:
                return seen
    raise AssertionError(seen)


async def sell(arena: Arena, order: str) -> None:
    await arena.insist(order, "ship", Role.SELLER)
    await arena.insist(order, "deliver")


def types(entries: list[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in entries]


async def test_a_stream_tells_an_order_s_life_as_it_happens(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]

    async with follow(arena, order) as stream:
        before = await read(stream, "order.confirmed")
        await sell(arena, order)
        after = await read(stream, "order.completed")

    assert types(before + after) == LIFE
    assert before[1]["sentence"] == "26.44 USD were paid."
    assert all(each["data"] == {} for each in before + after)


async def test_the_timeline_tells_the_same_to_each_in_their_own_words(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await sell(arena, order)
    await arena.until(order, status="completed")

    by_role = {who: (await arena.get(f"/v1/orders/{order}/timeline", who))["data"] for who in Role}

    assert types(by_role[Role.BUYER]) == LIFE
    assert types(by_role[Role.ADMIN]) == LIFE
    assert types(by_role[Role.SELLER]) == [each for each in LIFE if not each.startswith("payment.")]
    assert by_role[Role.ADMIN][0]["data"]["total"] == 2644
    assert "26.44" not in json.dumps(by_role[Role.SELLER])


async def test_a_client_that_comes_back_goes_on_after_what_it_saw(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    async with follow(arena, order) as stream:
        before = await read(stream, "payment.captured")
    await sell(arena, order)

    async with follow(arena, order, last=before[-1]["id"]) as stream:
        after = await read(stream, "order.completed")

    assert types(before + after) == LIFE


async def test_another_s_order_is_not_followed_and_a_foreign_cursor_is_refused(arena: Arena) -> None:
    orders = [(await arena.place(await arena.product())).json()["id"] for _ in range(2)]
    stranger = await arena.new_account(Role.BUYER)
    theirs = (await arena.get(f"/v1/orders/{orders[1]}/timeline"))["data"][0]["id"]

    for path in ("events", "timeline", "status"):
        answer = await arena.http.get(f"/v1/orders/{orders[0]}/{path}", headers=await arena.headers(stranger))
        assert answer.status_code == 404
    for cursor, status in ((theirs, 400), (new_id("evt"), 400), ("nonsense", 422)):
        headers = {**await arena.headers(Role.BUYER), "Last-Event-ID": cursor}
        answer = await arena.http.get(f"/v1/orders/{orders[0]}/events", headers=headers)
        assert answer.status_code == status, answer.text


async def test_an_event_that_commits_late_is_neither_missed_nor_told_out_of_turn(
    database: Database, postgres: Postgres, database_name: str
) -> None:
    subject = new_id("ord")
    async with await psycopg.AsyncConnection.connect(postgres.app_dsn_of(database_name)) as slow:
        await slow.execute("SELECT pg_current_xact_id()")
        await slow.execute(_INSERT, {"id": uuid4(), "subject": subject, "type": "order.placed"})
        await log(database, subject, EventType.ORDER_CONFIRMED)

        async with database.transaction() as session:
            before = await of_subject(session, subject, None, 10)
        await slow.commit()

    async def both() -> list[str] | None:
        async with database.transaction() as session:
            found = [each.event.type for each in await of_subject(session, subject, None, 10)]
        return found if len(found) == 2 else None

    # The second is held back until the first, which may still come, is there.
    assert before == []
    assert await eventually(both) == ["order.placed", "order.confirmed"]


async def log(database: Database, subject: str, kind: EventType) -> None:
    async with database.transaction() as session:
        event_log.append(
            session, Event(type=kind, time=datetime.now(UTC), subject=subject, data={}, correlation_id="test")
        )


async def test_long_poll_answers_when_something_changes_and_304_when_nothing_does(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    path, headers = f"/v1/orders/{order}", await arena.headers(Role.BUYER)
    first = await arena.http.get(path, headers=headers)
    known = {**headers, "If-None-Match": first.headers["etag"]}

    same = await arena.http.get(path, headers=known)
    nothing = await arena.http.get(path, params={"wait": 1}, headers=known)
    waiting = asyncio.create_task(arena.http.get(path, params={"wait": 30}, headers=known))
    await eventually(lambda: arena.app.state.wiring.live._open.total() == 1)
    await arena.insist(order, "ship", Role.SELLER)
    changed = await waiting

    assert (same.status_code, same.content, nothing.status_code) == (304, b"", 304)
    assert (changed.status_code, changed.json()["status"]) == (200, "shipped")
    assert changed.headers["etag"] != first.headers["etag"]


async def test_a_seller_s_tag_is_of_what_the_seller_sees(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]

    tags = {
        who: (await arena.http.get(f"/v1/orders/{order}", headers=await arena.headers(who))).headers["etag"]
        for who in Role
    }

    assert tags[Role.SELLER] != tags[Role.BUYER]


@pytest.mark.parametrize("wait", ["-1", "31", "soon"])
async def test_a_wait_that_makes_no_sense_is_refused(arena: Arena, wait: str) -> None:
    order = (await arena.place(await arena.product())).json()["id"]

    refused = await arena.http.get(
        f"/v1/orders/{order}", params={"wait": wait}, headers=await arena.headers(Role.BUYER)
    )

    assert refused.status_code == 422


async def test_the_short_form_says_where_an_order_stands(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), card="pm_card_chargeDeclined")).json()

    short = await arena.get(f"/v1/orders/{order['id']}/status")

    assert (short["object"], short["status"], short["payment_status"]) == ("order_status", "pending", "failed")
    assert short["next_action"] == order["next_action"]
    assert [each["status"] for each in short["fulfilments"]] == ["pending"]


async def test_an_account_has_a_limit_of_open_streams_and_gets_its_places_back(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    path, headers = f"/v1/orders/{order}/events", await arena.headers(Role.BUYER)

    async with AsyncExitStack() as streams:
        # They are kept: one that nobody holds closes its connection.
        held = [await streams.enter_async_context(follow(arena, order)) for _ in range(PER_ACCOUNT)]
        for stream in held:
            await read(stream, "order.confirmed")
        refused = await arena.http.get(path, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (429, "streams_exhausted")
    assert int(refused.headers["retry-after"]) > 0
    await eventually(lambda: arena.app.state.wiring.live._open.total() == 0)
    async with follow(arena, order) as again:
        await read(again, "order.confirmed")


_INSERT = (
    "INSERT INTO events (id, type, version, time, source, subject, data, correlation_id)"
    " VALUES (%(id)s, %(type)s, 1, now(), 'holdfast', %(subject)s, '{}', 'test')"
)
