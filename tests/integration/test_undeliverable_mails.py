"""Mails that can't be sent: one of them stops no other, an outage loses none, and what is given up is reported."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest_asyncio
from sqlalchemy import select

from activities.mails import Posted
from db import erasure
from db.accounts import Cause
from db.ids import new_id
from db.tables import EventRow, Mail
from domain.events import EventType
from domain.mails import STALE, MailKind, MailState, pause
from domain.orders import Role
from sandbox.mail.inbox import Do
from sandbox.mail.smtp import serving_smtp
from tests.support.arena import Arena
from tests.support.mail_side import (
    CONFIRMED,
    PAID,
    RECEIVED,
    SOLD,
    MailSide,
    address,
    mail_side,
    paid,
    quiet_side,
    states,
)


@pytest_asyncio.fixture
async def post(arena: Arena) -> AsyncIterator[MailSide]:
    async with mail_side(arena.database) as side:
        yield side


async def test_a_mail_that_the_server_took_without_saying_so_comes_twice_under_one_id(
    arena: Arena, post: MailSide
) -> None:
    await paid(arena)
    await post.told(PAID)
    post.misbehave(address(arena, Role.SELLER), Do.DROP_AFTER, times=1)

    for minutes in range(3):
        await post.send(later=timedelta(minutes=minutes))

    assert sorted(post.ids().values()) == [1, 1, 2]
    assert post.subjects(address(arena, Role.SELLER)) == {SOLD: 2}
    assert await states(arena) == {MailState.SENT: PAID}


async def test_a_refused_address_stops_no_other_mail_and_is_a_person_s_matter(arena: Arena, post: MailSide) -> None:
    bad = await arena.new_account(Role.BUYER)
    post.misbehave(address(arena, bad), Do.REJECT)
    await paid(arena, bad)
    await paid(arena)
    await post.told(2 * PAID)

    posted = await post.send()

    assert (posted.sent, posted.failed) == (2 * PAID - 2, 2)
    assert post.subjects(address(arena, Role.BUYER)) == {CONFIRMED: 1, RECEIVED: 1}
    assert {kind for kind, _ in await arena.incidents()} == {"mail_failed"}
    listed = (await arena.get("/v1/incidents?kind=mail_failed", Role.ADMIN))["data"]
    assert len(listed) == 2
    assert all("550" in each["details"] and "@" not in each["details"] for each in listed)
    assert await post.send(later=timedelta(days=1)) == Posted()


async def test_a_mail_that_can_t_be_written_stops_no_other_and_is_given_up_in_the_end(
    arena: Arena, post: MailSide
) -> None:
    order = await paid(arena)
    await post.told(PAID)
    await _unwritable(arena, order["id"])

    first = await post.send()

    assert (first.sent, first.put_off, first.failed) == (PAID, 1, 0)
    later = timedelta(0)
    for attempt in count(1):
        later += pause(attempt) + timedelta(seconds=1)
        again = await post.send(later)
        if later > STALE:
            break
        assert (again.put_off, again.failed) == (1, 0)
    assert (again.put_off, again.failed) == (0, 1)
    assert await states(arena) == {MailState.SENT: PAID, MailState.FAILED: 1}
    ((kind, _),) = await arena.incidents()
    assert kind == "mail_failed"


async def _unwritable(arena: Arena, order: str) -> None:
    """A mail about money, due before all others, whose event tells of none."""
    async with arena.database.transaction() as session:
        event = await session.scalar(
            select(EventRow.id).where(EventRow.subject == order, EventRow.type == EventType.ORDER_CONFIRMED)
        )
        at = datetime.now(UTC) - timedelta(minutes=1)
        session.add(
            Mail(
                id=new_id("mai"),
                event_id=event,
                order_id=order,
                account_id=arena.people[Role.BUYER],
                kind=MailKind.REFUND_PAID,
                state=MailState.WAITING,
                attempts=0,
                due=at,
                created=at,
            )
        )


async def test_a_mail_that_the_server_hangs_up_on_does_not_keep_the_others_back(arena: Arena, post: MailSide) -> None:
    bad = await arena.new_account(Role.BUYER)
    post.misbehave(address(arena, bad), Do.DROP)
    await paid(arena, bad)
    for _ in range(3):
        await paid(arena)
    await post.told(4 * PAID)

    for number in range(6):
        await post.send(later=timedelta(seconds=number))

    assert await states(arena) == {MailState.SENT: 4 * PAID - 2, MailState.WAITING: 2}
    assert await arena.incidents() == []


async def test_mails_wait_for_a_server_that_is_away_and_are_then_sent_once(arena: Arena) -> None:
    side = await quiet_side(arena.database)
    await paid(arena)
    await paid(arena)
    await side.told(2 * PAID)
    tries, later = 24, timedelta(0)
    for number in range(1, tries):
        later += pause(number)
        posted = await side.send(later)
        # The rest is left alone for now: each would wait for the same server.
        assert 0 < posted.put_off < 2 * PAID
        assert not posted.more
        if later > timedelta(days=2):
            break
    assert await states(arena) == {MailState.WAITING: 2 * PAID}

    async with serving_smtp(side.inbox, side.port):
        await side.send(later + pause(tries))

    assert await states(arena) == {MailState.SENT: 2 * PAID}
    assert set(side.ids().values()) == {1}
    assert await arena.incidents() == []


async def test_who_was_erased_is_told_nothing_more(arena: Arena, post: MailSide) -> None:
    buyer = await arena.new_account(Role.BUYER)
    order = await paid(arena, buyer, card="pm_card_chargeDeclined")
    await arena.insist(order, "cancel", buyer)
    await arena.until(order["id"], status="cancelled")
    # Of the decline and of the end.
    await post.told(2)
    async with arena.database.transaction() as session:
        assert await erasure.erase(session, buyer, Cause(datetime.now(UTC), "test"))

    posted = await post.send()

    assert (posted.sent, posted.dropped) == (0, 2)
    assert post.inbox.mails == []
