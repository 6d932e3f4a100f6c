"""Mails: each event told once to each whom it concerns, whatever crashes and is repeated."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text, update
from structlog.testing import capture_logs

import worker as workers
from activities.mails import MailStep, Posted
from db import mails
from db.ids import new_id
from db.tables import Account, EventRow, Mail
from domain.accounts import AccountStatus
from domain.events import EventType
from domain.mails import HOUR, HOURLY, LEASE, MailKind, MailState
from domain.orders import Role
from tests.support.arena import ADDRESS, Arena, eventually
from tests.support.mail_side import (
    CONFIRMED,
    PAID,
    RECEIVED,
    SOLD,
    MailSide,
    address,
    mail_side,
    paid,
    posting,
    states,
)
from tests.support.parts import buy
from workflows import names
from workflows.mails import MailWorkflow
from workflows.policies import TASK_TIMEOUT

ENDED = "Do not ship: order has ended"


@pytest_asyncio.fixture
async def post(arena: Arena) -> AsyncIterator[MailSide]:
    async with mail_side(arena.database) as side:
        yield side


async def test_an_order_is_told_from_its_confirmation_to_its_delivery(arena: Arena, post: MailSide) -> None:
    order = await paid(arena)
    await arena.insist(order, "ship", Role.SELLER, carrier="DHL", tracking_number="JD-77")
    await arena.insist(order, "deliver")
    await post.told(PAID + 2)

    await post.send()

    assert post.subjects(address(arena, Role.BUYER)) == {
        CONFIRMED: 1,
        RECEIVED: 1,
        "Your order is on its way": 1,
        "Your order was delivered": 1,
    }
    assert post.subjects(address(arena, Role.SELLER)) == {SOLD: 1}
    # The sender's domain, käse.example, as any server takes it.
    assert {each.partition("@")[2] for each in post.ids()} == {"xn--kse-qla.example>"}
    assert all(order["number"] in mail.subject for mail in post.inbox.mails)
    (sold,) = [mail for mail in post.inbox.mails if address(arena, Role.SELLER) in mail.recipients]
    for theirs in (ADDRESS["name"], ADDRESS["line1"], address(arena, Role.BUYER), "$5.00"):
        assert theirs not in sold.text
    assert "JD-77" in next(mail.text for mail in post.inbox.mails if "on its way" in mail.subject)


async def test_a_cancellation_and_its_refund_are_told_to_the_buyer_and_its_end_to_the_seller(
    arena: Arena, post: MailSide
) -> None:
    order = await paid(arena)
    await post.told(PAID)
    await post.send()
    await arena.insist(order, "cancel")
    await arena.until(order["id"], payment_status="refunded")
    await post.told(3)

    await post.send()

    buyer = post.subjects(address(arena, Role.BUYER))
    assert buyer == {CONFIRMED: 1, RECEIVED: 1, "Your order is cancelled": 1, "Refund for your order": 1}
    assert post.subjects(address(arena, Role.SELLER)) == {SOLD: 1, ENDED: 1}
    assert "$26.44" in next(mail.text for mail in post.inbox.mails if "Refund" in mail.subject)


async def test_a_sale_that_was_put_off_is_not_told_once_its_order_has_ended(arena: Arena, post: MailSide) -> None:
    order = await paid(arena)
    await post.told(PAID)
    await arena.insist(order, "cancel")
    await arena.until(order["id"], payment_status="refunded")
    await post.told(3)

    posted = await post.send()

    assert posted.dropped == 1
    assert post.subjects(address(arena, Role.SELLER)) == {ENDED: 1}


async def test_whose_part_was_called_off_is_told_once_and_not_asked_to_ship(arena: Arena, post: MailSide) -> None:
    bought = await buy(arena)
    sellers = [each["seller_id"] for each in (await arena.order(bought.id))["lines"]]
    await bought.call_off(0)
    await arena.until(bought.id, payment_status="partially_refunded")
    await arena.insist(bought.id, "cancel")
    await arena.until(bought.id, status="cancelled", payment_status="refunded")
    # Of the sale the buyer twice, and who still had a part of it; of either part's end the buyer twice, and its seller.
    await post.told(3 + 3 + 3)

    posted = await post.send()

    assert (posted.sent, posted.dropped) == (8, 1)
    assert [post.subjects(address(arena, each)) for each in sellers] == [{ENDED: 1}, {ENDED: 1}]


async def test_an_account_is_not_written_to_without_end_and_others_are_told_all_the_same(
    arena: Arena, post: MailSide
) -> None:
    pestered, order = await arena.new_account(Role.BUYER), await paid(arena)
    theirs = await paid(arena, pestered)
    await post.told(2 * PAID)
    at = datetime.now(UTC)
    # Of the last hour: its two and these; what was made before it does not count.
    await _written_before(arena, theirs["id"], pestered, HOURLY - 3, at)
    await _written_before(arena, theirs["id"], pestered, HOURLY, at - HOUR - timedelta(minutes=1))
    for each in (theirs, order):
        await arena.insist(each, "cancel", Role.ADMIN)
        await arena.until(each["id"], payment_status="refunded")
    made, withheld = 0, 0

    async def read() -> bool:
        nonlocal made, withheld
        collected = await post.steps.collect(MailStep(at=datetime.now(UTC)))
        made, withheld = made + collected.made, withheld + collected.withheld
        return made + withheld == 6

    with capture_logs() as logs:
        await eventually(read)

    # Both buyers were to be told of the end and of the refund, and the seller twice: one place was left.
    assert (made, withheld) == (5, 1)
    (warning,) = [each for each in logs if each["log_level"] == "warning"]
    assert (warning["withheld"], warning["limit"]) == (1, HOURLY)
    async with arena.database.transaction() as session:
        recent = select(func.count()).where(Mail.account_id == pestered, Mail.created > at - HOUR)
        assert await session.scalar(recent) == HOURLY


async def _written_before(arena: Arena, order_id: str, account_id: str, count: int, at: datetime) -> None:
    """So many mails that were made for the account then, each of an event that is no news."""
    async with arena.database.transaction() as session:
        for _ in range(count):
            event = EventRow(
                id=new_id("evt"),
                type=EventType.ORDER_HELD,
                version=1,
                time=at,
                source="holdfast",
                subject=order_id,
                data={},
                correlation_id="test",
            )
            session.add(event)
            await session.flush()
            session.add(
                Mail(
                    id=new_id("mai"),
                    event_id=event.id,
                    order_id=order_id,
                    account_id=account_id,
                    kind=MailKind.ORDER_CANCELLED,
                    state=MailState.SENT,
                    attempts=1,
                    due=at,
                    created=at,
                )
            )


async def test_an_unpaid_order_s_end_is_no_news_to_its_seller(arena: Arena, post: MailSide) -> None:
    order = await paid(arena, card="pm_card_chargeDeclined")
    await post.told(1)
    await post.send()
    await arena.insist(order, "cancel")
    await post.told(1)

    await post.send()

    assert post.subjects(address(arena, Role.BUYER)) == {
        "The payment for your order was declined": 1,
        "Your order is cancelled": 1,
    }
    assert post.subjects(address(arena, Role.SELLER)) == {}


async def test_who_has_paid_by_another_card_is_not_asked_for_one(arena: Arena, post: MailSide) -> None:
    order = await paid(arena, card="pm_card_chargeDeclined")
    await arena.insist(order, "pay", payment={"method": "card", "payment_method_id": "pm_card_visa"})
    await post.told(PAID + 1)

    posted = await post.send()

    assert (posted.sent, posted.dropped) == (PAID, 1)
    assert post.subjects(address(arena, Role.BUYER)) == {CONFIRMED: 1, RECEIVED: 1}


async def test_an_event_that_is_read_again_is_not_told_again(arena: Arena, post: MailSide) -> None:
    await paid(arena)
    await post.told(PAID)
    await post.send()
    async with arena.database.transaction() as session:
        await session.execute(text("UPDATE event_cursors SET transaction_id = '0', sequence = 0"))

    # Read once more, from the beginning.
    again = await post.steps.collect(MailStep(at=datetime.now(UTC)))
    posted = await post.send()

    assert again.made == PAID
    assert posted == Posted()
    assert len(post.inbox.mails) == PAID
    assert await states(arena) == {MailState.SENT: PAID}


async def test_what_happened_before_mails_were_on_is_not_told(arena: Arena) -> None:
    await paid(arena)
    async with mail_side(arena.database) as side:
        await paid(arena)
        await side.told(PAID)

        await side.send()

        assert side.subjects(address(arena, Role.BUYER)) == {CONFIRMED: 1, RECEIVED: 1}


@pytest.mark.parametrize("ended", [{"status": AccountStatus.BLOCKED}, {"role": Role.BUYER}], ids=["blocked", "a buyer"])
async def test_who_sells_no_more_is_told_of_no_sale_but_of_what_is_not_to_be_shipped(
    arena: Arena, post: MailSide, ended: dict[str, Any]
) -> None:
    order = await paid(arena)
    seller = arena.people[Role.SELLER]
    async with arena.database.transaction() as session:
        await session.execute(update(Account).where(Account.id == seller).values(ended))
    await post.told(PAID)
    await post.send()
    assert post.subjects(address(arena, Role.SELLER)) == {}
    assert await states(arena) == {MailState.SENT: PAID - 1, MailState.DROPPED: 1}

    await arena.insist(order, "cancel")
    await arena.until(order["id"], payment_status="refunded")
    await post.told(3)
    await post.send()

    assert post.subjects(address(arena, Role.SELLER)) == {ENDED: 1}


async def test_senders_beside_each_other_send_each_mail_once(arena: Arena, post: MailSide) -> None:
    for _ in range(8):
        await paid(arena)
    await post.told(8 * PAID)

    other = posting(arena.database, post.port)
    at = MailStep(at=datetime.now(UTC))
    both = await asyncio.gather(post.steps.send(at), other.send(at))

    assert sum(each.sent for each in both) == 8 * PAID
    assert set(post.ids().values()) == {1}
    assert len(post.ids()) == 8 * PAID


async def test_a_mail_whose_sender_died_is_sent_by_another_when_its_lease_is_over(arena: Arena, post: MailSide) -> None:
    await paid(arena)
    await post.told(PAID)
    async with arena.database.transaction() as session:
        claimed = await mails.claim(session, datetime.now(UTC))
    assert claimed is not None

    at_once = await post.send()
    later = await post.send(later=LEASE + timedelta(seconds=1))

    assert (at_once.sent, later.sent) == (PAID - 1, 1)
    assert set(post.ids().values()) == {1}


async def test_the_workflow_sends_what_is_due_and_knows_nobody(arena: Arena, post: MailSide) -> None:
    await paid(arena)

    async with workers.mail_worker(arena.temporal, post.steps):
        sent, number = 0, 0
        while sent < PAID:
            number += 1
            handle = await arena.temporal.start_workflow(
                MailWorkflow.run, id=f"{names.MAILS}/{number}", task_queue=names.ORDERS, task_timeout=TASK_TIMEOUT
            )
            sent += (await handle.result()).sent
            history = b"".join(event.SerializeToString() for event in (await handle.fetch_history()).events)
            assert b"mails.collect" in history
            assert b"example.com" not in history

    assert sent == PAID
    assert set(post.ids().values()) == {1}
