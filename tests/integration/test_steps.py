"""Steps that Temporal runs again, or twice at once, are one fact; one that can't be written whole leaves nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from activities.attempts import AttemptActivities, OpenAttempt, RecordAttempt
from activities.cancellation import Cancellation, CancellationActivities, RecordVoid
from activities.fulfilment import FulfilmentActivities
from activities.orders import CompleteOrder, OrderActivities, PlaceOrder
from activities.refunds import RecordRefund, RefundActivities
from db import payments
from db.session import Database
from db.tables import EventRow, Incident, Payment, PaymentOperation
from domain.errors import OverdrawnPayment
from domain.gateway import Declined, Refunded, RefundFailed, RefundReversed, Voided
from domain.incidents import IncidentKind
from domain.orders import CancelReason, Command, Role
from domain.payments import Choice, OperationKind, OperationState, PaymentMethod, PaymentStatus
from domain.refunds import ApprovedRefund, RefundStatus
from tests.support.locks import until_waiting
from tests.support.trade import Trade, authorized, captured

# Two pieces of 19.99, 7.25 % tax, 5.00 shipping.
TOTAL = 4788
AT_ONCE = 5


@pytest_asyncio.fixture
async def trade(database: Database) -> Trade:
    trade = Trade(database)
    await trade.open()
    return trade


async def told(trade: Trade, name: str) -> Counter[str]:
    """How often each kind of event was logged of an order."""
    async with trade.database.transaction() as session:
        types = await session.scalars(select(EventRow.type).where(EventRow.subject == trade.orders[name]))
        return Counter(types)


async def all_at_once(step: Callable[[Any], Awaitable[Any]], given: Any) -> list[Any]:
    return await asyncio.gather(*(step(given) for _ in range(AT_ONCE)))


def cancellation(trade: Trade, name: str) -> Cancellation:
    return Cancellation(
        order_id=trade.orders[name],
        reason=CancelReason.REQUESTED,
        restock=True,
        request_id=None,
        correlation_id="test",
        at=trade.at,
    )


async def approved(trade: Trade, name: str) -> ApprovedRefund:
    """The refund of a paid order that was cancelled."""
    await trade.pay(name, captured, authorized=True, captured=True)
    refund = (await trade.cancel(name)).refund
    assert refund is not None
    return refund


async def hand_over(trade: Trade, name: str) -> None:
    """Shipped and delivered."""
    steps, order = FulfilmentActivities(trade.database), trade.orders[name]
    await steps.ship(await trade._command(order, carrier="DHL", tracking_number="JD01"))
    await steps.deliver(await trade._command(order))


async def test_an_order_is_to_be_paid_by_its_deadline_to_the_second(trade: Trade) -> None:
    placement, placed = await trade.place("new")

    assert placed.payment_deadline == trade.time + timedelta(seconds=placement.policy.payment_deadline)


async def test_what_the_provider_is_to_be_asked_stands_in_the_books_before(trade: Trade) -> None:
    await trade.pay("held", authorized, authorized=True)

    reversal = await CancellationActivities(trade.database).begin(cancellation(trade, "held"))

    assert reversal.void is not None
    async with trade.database.transaction() as session:
        written = await session.get_one(PaymentOperation, reversal.void.key)
    assert (written.kind, written.state, written.amount) == (OperationKind.VOID, OperationState.INTENDED, TOTAL)
    assert written.closed is None


async def test_an_order_that_is_placed_twice_at_once_takes_the_last_use_of_its_code_once(trade: Trade) -> None:
    await trade.offer("ONCE", uses=1)
    step = PlaceOrder(placement=await trade.placement("new"), run_id="new", at=trade.at)

    first, *others = await all_at_once(OrderActivities(trade.database).place, step)

    assert others == [first] * (AT_ONCE - 1)
    assert await told(trade, "new") == {"order.placed": 1}


async def test_goods_that_are_shipped_and_delivered_twice_at_once_are_once(trade: Trade) -> None:
    await trade.pay("sold", captured, authorized=True, captured=True)
    steps, order = FulfilmentActivities(trade.database), trade.orders["sold"]

    shipped = await all_at_once(steps.ship, await trade._command(order, carrier="DHL", tracking_number="JD01"))
    delivered = await all_at_once(steps.deliver, await trade._command(order))

    assert shipped == shipped[:1] * AT_ONCE
    assert delivered == delivered[:1] * AT_ONCE
    events = await told(trade, "sold")
    assert (events["order.shipped"], events["order.delivered"]) == (1, 1)


async def test_each_attempt_has_an_age_of_its_own_however_often_it_is_opened(trade: Trade) -> None:
    await trade.pay("again", lambda _: Declined(reference=None, code="card_declined", soft=True, message="No."))
    command = Command(
        request_id=await trade.claim({}),
        actor_id=trade.people[Role.BUYER],
        role=Role.BUYER,
        payment=Choice(method=PaymentMethod.CARD, payment_method_id="pm_card_visa"),
        correlation_id="test",
    )
    later = trade.at + timedelta(minutes=5)
    step = OpenAttempt(order_id=trade.orders["again"], command=command, number=2, at=later)
    attempts = AttemptActivities(trade.database)

    first = await attempts.open(step)
    repeated = await attempts.open(step.model_copy(update={"at": later + timedelta(minutes=5)}))

    assert first.asked == later
    assert first.since < later
    assert repeated == first


async def test_an_outcome_that_is_recorded_twice_at_once_is_one(trade: Trade) -> None:
    placement, placed = await trade.place("paid")
    step = RecordAttempt(
        request=placed.first_attempt,
        number=1,
        outcome=captured(TOTAL),
        request_id=placement.request_id,
        correlation_id="test",
        at=trade.at,
    )

    states = await all_at_once(AttemptActivities(trade.database).record, step)

    assert {state.payment_status for state in states} == {PaymentStatus.COMPLETED}
    assert await told(trade, "paid") == {"order.placed": 1, "payment.captured": 1, "order.confirmed": 1}
    trade.tell("paid", authorized=TOTAL, captured=TOTAL, captures=1)
    assert await trade.findings() == ()


async def test_a_void_that_is_recorded_twice_at_once_is_one(trade: Trade) -> None:
    await trade.pay("held", authorized, authorized=True)
    activities = CancellationActivities(trade.database)
    reversal = await activities.begin(cancellation(trade, "held"))
    assert reversal.void is not None
    step = RecordVoid(request=reversal.void, outcome=Voided(reference="pi_1"), correlation_id="test", at=trade.at)

    await all_at_once(activities.record_void, step)

    assert (await told(trade, "held"))["payment.voided"] == 1
    trade.tell("held", voided=TOTAL)
    assert await trade.findings() == ()


async def test_a_capture_of_which_nobody_heard_is_over_when_its_money_is_released(trade: Trade) -> None:
    await trade.pay("held", authorized, authorized=True)
    asked = await FulfilmentActivities(trade.database).begin_shipment(await trade._command(trade.orders["held"]))
    assert asked is not None
    activities = CancellationActivities(trade.database)
    reversal = await activities.begin(cancellation(trade, "held"))
    assert reversal.void is not None

    await activities.record_void(
        RecordVoid(request=reversal.void, outcome=Voided(reference="pi_1"), correlation_id="test", at=trade.at)
    )
    await activities.finish(cancellation(trade, "held"))

    async with trade.database.transaction() as session:
        written = await session.get_one(PaymentOperation, asked.key)
    assert written.state is OperationState.FAILED
    trade.tell("held", voided=TOTAL)
    assert await trade.findings() == ()


async def test_an_order_that_is_completed_twice_at_once_is_one_sale(trade: Trade) -> None:
    await trade.pay("sold", captured, authorized=True, captured=True)
    await hand_over(trade, "sold")
    step = CompleteOrder(order_id=trade.orders["sold"], correlation_id="test", at=trade.at)

    await all_at_once(OrderActivities(trade.database).complete, step)

    assert (await told(trade, "sold"))["order.completed"] == 1
    assert await trade.findings() == ()


async def test_a_cancellation_that_is_begun_again_asks_for_the_same_refund(trade: Trade) -> None:
    await trade.pay("paid", captured, authorized=True, captured=True)
    activities = CancellationActivities(trade.database)

    first, *others = await all_at_once(activities.begin, cancellation(trade, "paid"))

    assert first.refund is not None
    assert first.refund.amount == TOTAL
    assert others == [first] * (AT_ONCE - 1)


async def test_refunds_at_once_never_pass_what_was_captured(trade: Trade, owner_dsn: str) -> None:
    await trade.pay("paid", captured, authorized=True, captured=True)

    async def intend(session: AsyncSession, key: str) -> None:
        found = await session.scalar(select(Payment.id).where(Payment.order_id == trade.orders["paid"]))
        payment = await payments.lock(session, str(found))
        await payments.intend(
            session, payment, OperationKind.REFUND, key=key, amount=TOTAL // 2, attempt=1, at=trade.at
        )

    async def refund(key: str) -> None:
        async with trade.database.transaction() as session:
            await intend(session, key)

    async with trade.database.transaction() as session:
        await intend(session, "the first")
        others = [asyncio.create_task(refund(f"refund {number}")) for number in range(1, AT_ONCE)]
        await until_waiting(owner_dsn)
    ended = await asyncio.gather(*others, return_exceptions=True)

    assert Counter(type(each) for each in ended) == {type(None): 1, OverdrawnPayment: AT_ONCE - 2}


@pytest.mark.parametrize("outcome", [RefundFailed, RefundReversed])
async def test_a_refund_that_fails_is_a_person_s_matter(
    trade: Trade, outcome: type[RefundFailed | RefundReversed]
) -> None:
    refund = await approved(trade, "paid")
    step = RecordRefund(refund=refund, outcome=outcome(reference="re_1", reason="lost_card"), at=trade.at)

    status = await RefundActivities(trade.database).record(step)

    assert status is RefundStatus.FAILED
    assert (await told(trade, "paid"))["refund.failed"] == 1
    async with trade.database.transaction() as session:
        (incident,) = await session.scalars(select(Incident))
    assert (incident.kind, incident.subject) == (IncidentKind.REFUND_FAILED, refund.refund_id)
    assert incident.details == "lost_card"


@asynccontextmanager
async def refusing(owner_dsn: str, table: str) -> AsyncIterator[None]:
    """The database takes no change of a table's rows."""
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        await connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not now''; END'"
        )
        await connection.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION refuse()".encode()
        )
        yield
        await connection.execute("DROP FUNCTION refuse CASCADE")


@pytest.mark.parametrize("table", ["payments", "payment_operations", "refunds", "events", "ledger_entries"])
async def test_a_refund_that_can_not_be_written_whole_is_not_written_at_all(
    trade: Trade, owner_dsn: str, table: str
) -> None:
    refund = await approved(trade, "paid")
    before = await told(trade, "paid")
    step = RecordRefund(refund=refund, outcome=Refunded(reference="re_1", amount=TOTAL), at=trade.at)
    activities = RefundActivities(trade.database)

    async with refusing(owner_dsn, table):
        with pytest.raises(DBAPIError, match="not now"):
            await activities.record(step)

    assert await told(trade, "paid") == before
    assert await trade.findings() == ()
    assert await activities.record(step) is RefundStatus.COMPLETED
    assert await told(trade, "paid") == before + Counter({"refund.completed": 1})
    trade.tell("paid", refunded=TOTAL, refunds=1)
    assert await trade.findings() == ()
