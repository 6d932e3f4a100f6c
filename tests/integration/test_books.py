"""The books check on real rows: right books are right, and each kind of tampering is found for what it is."""

from string import Template
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio
from typeid import TypeID

from activities.refunds import RecordRefund, RefundActivities
from db.books import check
from db.books_audit import TEMPORAL_ONLY
from db.ids import new_id
from db.session import Database
from domain.books import Finding, Invariant, ProviderTruth
from domain.gateway import RefundPending
from domain.payments import OperationKind
from tests.support.trade import Trade, authorized, captured, declined, provider_payment

I = Invariant  # noqa: E741 - a table of them follows


@pytest_asyncio.fixture
async def trade(database: Database) -> Trade:
    """A completed, a refunded, a paid, an authorised, a voided and a declined order."""
    trade = Trade(database)
    await trade.open()
    await trade.offer("QUAY")
    for name in ("completed", "refunded", "paid"):
        await trade.pay(name, captured, authorized=True, captured=True)
    await trade.pay("held", authorized, authorized=True)
    await trade.pay("voided", authorized, authorized=True, voided=True)
    await trade.pay("declined", declined)
    await trade.deliver("completed")
    await trade.cancel("voided")
    await trade.refund(await trade.cancel("refunded"))
    trade.tell("refunded", refunded=TOTAL, refunds=1)
    return trade


# Two pieces of 19.99 less 1.00 by the code, 7.25 % tax, 5.00 shipping.
TOTAL = 4681


ENTRY = "entry_id = (SELECT id FROM ledger_entries WHERE source_id = %({})s AND kind = '{}')"
WHERE = {
    "paid_charge": ENTRY.format("paid_charge", "capture"),
    "refunded_refund": ENTRY.format("refunded_refund", "refund"),
    "sale": ENTRY.format("completed_id", "sale"),
}


async def tamper(owner_dsn: str, trade: Trade, statements: list[str]) -> None:
    """Change rows behind the back of every guard.

    Of the order named paid, `%(paid)s` is the key, `%(paid_id)s` the outer id and `%(paid_charge)s` its charge's key.
    """
    values: dict[str, Any] = {}
    for name, order in trade.orders.items():
        values |= {f"{name}_id": order, name: UUID(int=TypeID.from_string(order).uuid.int)}
        values |= {f"{name}_{kind}": f"{order}:pay:1:{kind}" for kind in OperationKind}
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        await connection.execute("SET session_replication_role = replica")
        for statement in statements:
            changed = await connection.execute(Template(statement).substitute(WHERE).encode(), values)
            assert changed.rowcount != 0, statement


async def test_right_books_have_no_findings(trade: Trade) -> None:
    assert await trade.findings() == ()


async def test_empty_books_have_no_findings(database: Database) -> None:
    assert await check(database, {"stripe": ProviderTruth(payments={})}) == ()


@pytest.mark.parametrize("truth", [{}, {"authorized": TOTAL, "captured": TOTAL, "captures": 1}])
async def test_a_payment_in_flight_may_or_may_not_have_happened(trade: Trade, truth: dict[str, int]) -> None:
    await trade.place("in flight")

    trade.tell("in flight", **truth)

    assert await trade.findings() == ()


@pytest.mark.parametrize("refunded", [0, TOTAL])
async def test_a_refund_under_way_outlives_its_cancelled_order(trade: Trade, refunded: int) -> None:
    refund = (await trade.cancel("paid")).refund
    assert refund is not None
    pending = RecordRefund(refund=refund, outcome=RefundPending(reference="re_2"), at=trade.at)
    await RefundActivities(trade.database).record(pending)

    trade.tell("paid", refunded=refunded)

    assert await trade.findings() == ()


async def test_a_finding_names_the_order_and_says_what_is_off(trade: Trade) -> None:
    trade.tell("paid", captured=TOTAL - 1)

    found = {finding.invariant: finding for finding in await trade.findings()}

    assert found == {
        I.SAME_AMOUNTS: Finding(
            invariant=I.SAME_AMOUNTS,
            subject=trade.orders["paid"],
            sentence="stripe has captured 4680, our operations 4681.",
        ),
        I.CLEARING_AT_PROVIDER: Finding(
            invariant=I.CLEARING_AT_PROVIDER,
            subject="stripe USD",
            sentence="The ledger says that it owes us 9362; it says 9361.",
        ),
    }


OTHERWISE: list[tuple[str, dict[str, Any], set[Invariant]]] = [
    ("paid", {"currency": "EUR"}, {I.SAME_CURRENCY, I.CLEARING_AT_PROVIDER}),
    ("paid", {"captured": 2 * TOTAL, "captures": 2}, {I.SAME_AMOUNTS, I.CHARGED_ONCE, I.CLEARING_AT_PROVIDER}),
    ("paid", {"intents": 2}, {I.CHARGED_ONCE}),
    ("paid", {"refunded": 1}, {I.SAME_AMOUNTS, I.CLEARING_AT_PROVIDER}),
    ("held", {"voided": TOTAL}, {I.SAME_AMOUNTS}),
    ("voided", {"voided": 0}, {I.SAME_AMOUNTS}),
    ("held", {"authorized": TOTAL + 1}, {I.SAME_AMOUNTS}),
    ("declined", {"captured": TOTAL, "captures": 1}, {I.SAME_AMOUNTS, I.CLEARING_AT_PROVIDER}),
    ("refunded", {"refunded": 0}, {I.SAME_AMOUNTS, I.CLEARING_AT_PROVIDER}),
    (
        "refunded",
        {"refunded": TOTAL + 1},
        {I.SAME_AMOUNTS, I.REFUNDS_WITHIN_CAPTURES, I.CLEARING_AT_PROVIDER},
    ),
]


@pytest.mark.parametrize(("name", "other", "expected"), OTHERWISE)
async def test_the_provider_says_otherwise(
    trade: Trade, name: str, other: dict[str, Any], expected: set[Invariant]
) -> None:
    trade.tell(name, **other)

    findings = await trade.findings()

    assert {finding.invariant for finding in findings} == expected
    assert {f.subject for f in findings if f.invariant is not I.CLEARING_AT_PROVIDER} == {trade.orders[name]}


async def test_a_payment_that_only_we_know(trade: Trade) -> None:
    del trade.truth[trade.orders["held"]]

    assert [(each.invariant, each.subject) for each in await trade.findings()] == [
        (I.KNOWN_TO_PROVIDER, trade.orders["held"])
    ]


async def test_a_payment_that_only_the_provider_knows(trade: Trade) -> None:
    stranger = new_id("ord")
    trade.truth[stranger] = provider_payment()

    assert [(each.invariant, each.subject) for each in await trade.findings()] == [(I.KNOWN_TO_US, stranger)]


async def test_without_a_providers_truth_none_of_its_payments_pass(trade: Trade) -> None:
    found = await check(trade.database, {"another": ProviderTruth(payments={})})

    unknown = {each.subject for each in found if each.invariant is I.KNOWN_TO_PROVIDER}
    assert unknown == set(trade.orders.values())


HELD, END = I.CUSTOMER_FUNDS_HELD, I.NOTHING_HELD_AFTER_END
# What was done behind every guard's back, and what of it must be found.
TAMPERING: list[tuple[set[Invariant], list[str]]] = [
    (
        {I.ENTRY_BALANCED, I.LEDGER_SUMS_TO_ZERO},
        # The tax, after funds held, seller and shipping.
        ["UPDATE postings SET amount = amount + 1 WHERE $sale AND position = 3"],
    ),
    ({I.ENTRY_BALANCED, I.OPERATION_POSTED, I.CLEARING_AT_PROVIDER, HELD}, ["DELETE FROM postings WHERE $paid_charge"]),
    (
        {I.OPERATION_POSTED, I.CLEARING_AT_PROVIDER, HELD},
        ["UPDATE postings SET amount = 2 * amount WHERE $paid_charge"],
    ),
    (
        {I.OPERATION_POSTED, I.CLEARING_AT_PROVIDER, HELD},
        ["UPDATE postings SET amount = -amount WHERE $refunded_refund"],
    ),
    ({I.GUARDED_BALANCE}, ["UPDATE ledger_accounts SET balance = balance + 1 WHERE balance IS NOT NULL"]),
    (
        {I.SALE_POSTED, I.GUARDED_BALANCE, END},
        ["DELETE FROM postings WHERE $sale", "DELETE FROM ledger_entries WHERE kind = 'sale'"],
    ),
    ({I.SALE_POSTED, END}, ["UPDATE ledger_entries SET source_id = %(paid_id)s WHERE kind = 'sale'"]),
    ({I.SALE_POSTED, END, HELD}, ["UPDATE ledger_entries SET source_id = 'ord_x' WHERE kind = 'sale'"]),
    (
        {I.ONE_PAYMENT_PER_ORDER, I.SAME_AMOUNTS, I.KNOWN_TO_US, I.CAPTURES_LOGGED},
        ["UPDATE payments SET order_id = %(paid)s WHERE order_id = %(declined)s"],
    ),
    ({I.STATUS_DERIVED}, ["UPDATE payments SET status = 'refunded' WHERE order_id = %(paid)s"]),
    (
        {I.SAME_AMOUNTS, I.OPERATION_POSTED, I.STATUS_DERIVED, HELD, I.CAPTURES_LOGGED},
        ["UPDATE payment_operations SET state = 'failed' WHERE key = %(paid_charge)s"],
    ),
    (
        {I.SAME_AMOUNTS, I.OPERATION_POSTED, I.REFUNDS_WITHIN_CAPTURES, END, HELD},
        ["UPDATE payment_operations SET amount = amount + 1 WHERE key = %(refunded_refund)s"],
    ),
    ({I.SHIPPED_MEANS_PAID, I.EVENTS_LEGAL}, ["UPDATE orders SET status = 'shipped' WHERE id = %(held)s"]),
    (
        {
            I.NOTHING_LEFT_OPEN,
            I.SHIPPED_MEANS_PAID,
            I.OPERATION_POSTED,
            I.STATUS_DERIVED,
            I.SALE_POSTED,
            END,
            HELD,
            I.CAPTURES_LOGGED,
        },
        ["UPDATE payment_operations SET state = 'intended' WHERE key = %(completed_charge)s"],
    ),
    (
        {I.NOTHING_LEFT_OPEN, I.OPERATION_POSTED, I.STATUS_DERIVED, HELD, I.REFUNDS_LOGGED},
        [
            "UPDATE payment_operations SET state = 'unknown' WHERE key = %(refunded_refund)s",
            "UPDATE refunds SET status = 'processing'",
        ],
    ),
    (
        {END, I.HOLDS_ENDED, I.DISCOUNT_USES_ENDED, I.EVENTS_LEGAL},
        ["UPDATE orders SET status = 'cancelled' WHERE id = %(paid)s"],
    ),
    (
        {END, I.HOLDS_ENDED, I.DISCOUNT_USES_ENDED, I.EVENTS_LEGAL},
        ["UPDATE orders SET status = 'failed' WHERE id = %(held)s"],
    ),
    (
        {I.SALE_POSTED, I.DISCOUNT_USES_ENDED, I.EVENTS_LEGAL},
        ["UPDATE orders SET status = 'completed' WHERE id = %(refunded)s"],
    ),
    ({I.STOCK_ON_HAND}, ["UPDATE stock SET on_hand = on_hand - 1"]),
    ({I.STOCK_ON_HAND}, ["DELETE FROM stock_movements WHERE delta < 0"]),
    ({I.STOCK_HELD}, ["UPDATE stock SET held = held + 1"]),
    ({I.STOCK_HELD}, ["UPDATE holds SET state = 'released' WHERE order_id = %(paid)s"]),
    ({I.STOCK_ON_HAND, I.STOCK_HELD}, ["DELETE FROM stock"]),
    (
        {I.STOCK_IN_RANGE, I.STOCK_HELD},
        ["ALTER TABLE stock DROP CONSTRAINT ck_stock_never_oversold", "UPDATE stock SET held = on_hand + 1"],
    ),
    (
        {I.HOLDS_ENDED},
        ["UPDATE holds SET state = 'held' WHERE order_id = %(completed)s", "UPDATE stock SET held = held + 2"],
    ),
    ({I.PLACED_LOGGED}, ["DELETE FROM events WHERE subject = %(paid_id)s AND type = 'order.placed'"]),
    ({I.PLACED_LOGGED, I.CAPTURES_LOGGED}, ["DELETE FROM events WHERE subject = %(paid_id)s"]),
    ({I.CAPTURES_LOGGED}, ["DELETE FROM events WHERE subject = %(paid_id)s AND type = 'payment.captured'"]),
    (
        {I.CAPTURES_LOGGED},
        ["""UPDATE events SET data = data || '{"amount": 1}' WHERE type = 'payment.captured'"""],
    ),
    ({I.REFUNDS_LOGGED}, ["DELETE FROM events WHERE type = 'refund.completed'"]),
    ({I.REFUNDS_LOGGED}, ["UPDATE refunds SET status = 'failed' WHERE order_id = %(refunded)s"]),
    ({I.REFUNDS_LOGGED}, ["UPDATE refunds SET amount = amount - 1 WHERE order_id = %(refunded)s"]),
    ({I.REFUNDS_LOGGED}, ["DELETE FROM refunds WHERE order_id = %(refunded)s"]),
    ({I.REFUNDS_LOGGED}, ["UPDATE events SET data = data - 'refund_id' WHERE type = 'refund.completed'"]),
    ({I.PLACED_LOGGED}, ["UPDATE events SET subject = 'ord_x' WHERE subject = %(declined_id)s"]),
    ({I.EVENTS_LEGAL}, ["DELETE FROM events WHERE type = 'order.shipped'"]),
    ({I.EVENTS_LEGAL}, ["DELETE FROM events WHERE type = 'order.completed'"]),
    ({I.EVENTS_LEGAL}, ["UPDATE events SET type = 'order.sold' WHERE type = 'order.completed'"]),
    ({I.DISCOUNT_USES_COUNTED}, ["UPDATE discounts SET taken = taken + 1"]),
    ({I.DISCOUNT_USES_COUNTED}, ["DELETE FROM discount_uses WHERE order_id = %(completed)s"]),
    ({I.DISCOUNT_USES_ENDED}, ["UPDATE discount_uses SET state = 'used' WHERE order_id = %(held)s"]),
    (
        {I.DISCOUNT_USES_ENDED},
        [
            "UPDATE discount_uses SET state = 'held' WHERE order_id = %(voided)s",
            "UPDATE discounts SET taken = taken + 1",
        ],
    ),
    ({I.EVENTS_IN_ORDER}, ["UPDATE events SET time = time - interval '1 hour' WHERE type = 'order.completed'"]),
]


@pytest.mark.parametrize(
    ("expected", "statements"), TAMPERING, ids=lambda each: each[-1] if isinstance(each, list) else ""
)
async def test_tampering_is_found_for_what_it_is(
    trade: Trade, owner_dsn: str, expected: set[Invariant], statements: list[str]
) -> None:
    await tamper(owner_dsn, trade, statements)

    assert {finding.invariant for finding in await trade.findings()} == expected


async def test_the_check_writes_nothing(trade: Trade, owner_dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        await connection.execute("REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM holdfast_app")

    assert await trade.findings() == ()


def test_every_invariant_is_broken_by_some_test() -> None:
    broken = [expected for expected, _ in TAMPERING] + [expected for _, _, expected in OTHERWISE]

    # What breaks between database and Temporal is in tests/workflows/test_audit.py.
    assert set().union(*broken) == set(Invariant) - {I.KNOWN_TO_PROVIDER} - TEMPORAL_ONLY
