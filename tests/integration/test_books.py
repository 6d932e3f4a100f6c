"""The books check on real rows: right books are right, and each kind of tampering is found for what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from string import Template
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio
from typeid import TypeID

from activities.attempts import AttemptActivities, RecordAttempt
from activities.cancellation import Cancellation, CancellationActivities
from activities.fulfilment import FulfilmentActivities, FulfilmentStep
from activities.orders import CompleteOrder, OrderActivities, PlacedOrder, PlaceOrder
from activities.refunds import RecordRefund, RefundActivities
from db import stock
from db.books import check
from db.ids import new_id
from db.seed import seed_prices
from db.session import Database
from db.tables import Account, Product, Request
from domain.books import Finding, Invariant, ProviderPayment, ProviderTruth
from domain.orders import CancelReason, Command, Destination, Item, Placement, Policy, Role
from domain.payments import (
    Authorized,
    Captured,
    CaptureMode,
    Choice,
    Declined,
    OperationKind,
    PaymentMethod,
    PaymentOutcome,
    Refunded,
    RefundPending,
)
from domain.refunds import ApprovedRefund
from tests.support.arena import ADDRESS

I = Invariant  # noqa: E741 - a table of them follows


@dataclass
class Trade:
    """Orders driven by the activities themselves, and what the provider would know of them."""

    database: Database
    orders: dict[str, str] = field(default_factory=dict)
    truth: dict[str, ProviderPayment] = field(default_factory=dict)
    people: dict[Role, str] = field(default_factory=dict)
    product: str = ""
    time: datetime = datetime(2026, 3, 1, tzinfo=UTC)

    @property
    def at(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    async def open(self) -> None:
        async with self.database.transaction() as session:
            await seed_prices(session)
            for role in Role:
                self.people[role] = account = new_id("acc")
                email = f"{role}@example.com"
                row = Account(id=account, email=email, name=role, role=role, password_hash="unused", created=self.at)
                session.add(row)
            await session.flush()
            product = Product(
                id=new_id("prd"),
                seller_id=self.people[Role.SELLER],
                own_sale=False,
                name="Anchor shackle",
                price=1999,
                currency="USD",
                created=self.at,
                updated=self.at,
            )
            session.add(product)
            await session.flush()
            stock.open_stock(session, product.id, 100, self.at)
            self.product = product.id

    async def claim(self, body: Mapping[str, Any]) -> str:
        async with self.database.transaction() as session:
            row = Request(
                id=new_id("req"),
                account_id=self.people[Role.BUYER],
                route="POST /v1/orders",
                key=str(uuid4()),
                fingerprint=b"",
                resource_id="",
                body=dict(body),
                created=self.at,
            )
            session.add(row)
        return row.id

    async def place(self, name: str, capture: CaptureMode = CaptureMode.AUTOMATIC) -> tuple[Placement, PlacedOrder]:
        self.orders[name] = new_id("ord")
        placement = Placement(
            order_id=self.orders[name],
            request_id=await self.claim({"shipping_address": ADDRESS}),
            buyer_id=self.people[Role.BUYER],
            items=(Item(product_id=self.product, quantity=2),),
            currency="USD",
            destination=Destination(country="US", region="CA", postal_code="94601"),
            shipping_method="standard",
            payment=Choice(method=PaymentMethod.CARD, payment_method_id="pm_card_visa", capture=capture),
            policy=Policy(payment_deadline=1800, inspection_window=3600),
            correlation_id="test",
        )
        step = PlaceOrder(placement=placement, run_id=name, at=self.at)
        return placement, await OrderActivities(self.database).place(step)

    async def pay(self, name: str, outcome: Callable[[int], PaymentOutcome], **truth: int) -> None:
        capture = CaptureMode.MANUAL if isinstance(outcome(0), Authorized) else CaptureMode.AUTOMATIC
        placement, placed = await self.place(name, capture)
        request = placed.first_attempt
        step = RecordAttempt(
            request=request,
            number=1,
            outcome=outcome(request.amount),
            request_id=placement.request_id,
            correlation_id="test",
            at=self.at,
        )
        await AttemptActivities(self.database).record(step)
        self.truth[self.orders[name]] = provider_payment(
            **{key: request.amount if value else 0 for key, value in truth.items()}
        )

    async def deliver(self, name: str) -> None:
        order = self.orders[name]
        fulfilment = FulfilmentActivities(self.database)
        await fulfilment.ship(await self._command(order, carrier="DHL", tracking_number="JD01"))
        await fulfilment.deliver(await self._command(order))
        await OrderActivities(self.database).complete(CompleteOrder(order_id=order, correlation_id="test", at=self.at))

    async def cancel(self, name: str) -> ApprovedRefund:
        activities = CancellationActivities(self.database)
        cancellation = Cancellation(
            order_id=self.orders[name],
            reason=CancelReason.REQUESTED,
            restock=True,
            request_id=None,
            correlation_id="test",
            at=self.at,
        )
        reversal = await activities.begin(cancellation)
        await activities.finish(cancellation)
        assert reversal.refund is not None
        return reversal.refund

    async def refund(self, refund: ApprovedRefund) -> None:
        outcome = Refunded(reference="re_1", amount=refund.amount)
        await RefundActivities(self.database).record(RecordRefund(refund=refund, outcome=outcome, at=self.at))

    def tell(self, name: str, **other: Any) -> None:
        """The provider knows something else of the order."""
        order = self.orders[name]
        self.truth[order] = self.truth.get(order, provider_payment()).model_copy(update=other)

    async def findings(self) -> tuple[Finding, ...]:
        return await check(self.database, {"stripe": ProviderTruth(payments=self.truth)})

    async def _command(self, order: str, **body: str) -> FulfilmentStep:
        command = Command(
            request_id=await self.claim(body),
            actor_id=self.people[Role.ADMIN],
            role=Role.ADMIN,
            correlation_id="test",
        )
        return FulfilmentStep(order_id=order, command=command, at=self.at)


def provider_payment(**known: int) -> ProviderPayment:
    return ProviderPayment(
        currency="USD",
        **{
            **dict.fromkeys(("authorized", "captured", "refunded", "voided"), 0),
            "intents": 1,
            "captures": int(known.get("captured", 0) > 0),
            "refunds": 0,
            **known,
        },
    )


def captured(amount: int) -> PaymentOutcome:
    return Captured(reference="pi_1", amount=amount)


def authorized(amount: int) -> PaymentOutcome:
    return Authorized(reference="pi_1", amount=amount)


def declined(_: int) -> PaymentOutcome:
    return Declined(reference="pi_1", code="insufficient_funds", soft=True, message="No.")


@pytest_asyncio.fixture
async def trade(database: Database) -> Trade:
    """A completed, a refunded, a paid, an authorised and a declined order."""
    trade = Trade(database)
    await trade.open()
    for name in ("completed", "refunded", "paid"):
        await trade.pay(name, captured, authorized=True, captured=True)
    await trade.pay("held", authorized, authorized=True)
    await trade.pay("declined", declined)
    await trade.deliver("completed")
    await trade.refund(await trade.cancel("refunded"))
    trade.tell("refunded", refunded=TOTAL, refunds=1)
    return trade


# Two pieces of 19.99, 7.25 % tax, 5.00 shipping.
TOTAL = 4788


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
    refund = await trade.cancel("paid")
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
            sentence="stripe has captured 4787, our operations 4788.",
        ),
        I.CLEARING_AT_PROVIDER: Finding(
            invariant=I.CLEARING_AT_PROVIDER,
            subject="stripe USD",
            sentence="The ledger says that it owes us 9576; it says 9575.",
        ),
    }


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("paid", {"currency": "EUR"}, {I.SAME_CURRENCY, I.CLEARING_AT_PROVIDER}),
        ("paid", {"captured": 2 * TOTAL, "captures": 2}, {I.SAME_AMOUNTS, I.CHARGED_ONCE, I.CLEARING_AT_PROVIDER}),
        ("paid", {"intents": 2}, {I.CHARGED_ONCE}),
        ("paid", {"refunded": 1}, {I.SAME_AMOUNTS, I.CLEARING_AT_PROVIDER}),
        ("held", {"voided": TOTAL}, {I.SAME_AMOUNTS}),
        ("held", {"authorized": TOTAL + 1}, {I.SAME_AMOUNTS}),
        ("declined", {"captured": TOTAL, "captures": 1}, {I.SAME_AMOUNTS, I.CLEARING_AT_PROVIDER}),
        ("refunded", {"refunded": 0}, {I.SAME_AMOUNTS, I.CLEARING_AT_PROVIDER}),
        (
            "refunded",
            {"refunded": TOTAL + 1},
            {I.SAME_AMOUNTS, I.REFUNDS_WITHIN_CAPTURES, I.CLEARING_AT_PROVIDER},
        ),
    ],
)
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
    found = await check(trade.database, {})

    unknown = {each.subject for each in found if each.invariant is I.KNOWN_TO_PROVIDER}
    assert unknown == set(trade.orders.values())


HELD, END = I.CUSTOMER_FUNDS_HELD, I.NOTHING_HELD_AFTER_END
# What was done behind every guard's back, and what of it must be found.
TAMPERING: list[tuple[set[Invariant], list[str]]] = [
    (
        {I.ENTRY_BALANCED, I.LEDGER_SUMS_TO_ZERO},
        [
            "UPDATE postings SET amount = 1 + amount FROM ledger_accounts WHERE account_id = id AND account = 'tax_payable'",
        ],
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
        {I.SALE_POSTED, I.GUARDED_BALANCE, HELD},
        ["DELETE FROM postings WHERE $sale", "DELETE FROM ledger_entries WHERE kind = 'sale'"],
    ),
    ({I.SALE_POSTED}, ["UPDATE ledger_entries SET source_id = %(paid_id)s WHERE kind = 'sale'"]),
    ({I.SALE_POSTED}, ["UPDATE ledger_entries SET source_id = 'ord_x' WHERE kind = 'sale'"]),
    ({I.ONE_PAYMENT_PER_ORDER}, ["UPDATE payments SET order_id = %(paid)s WHERE order_id = %(unpaid)s"]),
    ({I.STATUS_DERIVED}, ["UPDATE payments SET status = 'refunded' WHERE order_id = %(paid)s"]),
    (
        {I.SAME_AMOUNTS, I.OPERATION_POSTED, I.STATUS_DERIVED, HELD},
        ["UPDATE payment_operations SET state = 'failed' WHERE key = %(paid_charge)s"],
    ),
    (
        {I.SAME_AMOUNTS, I.OPERATION_POSTED, I.REFUNDS_WITHIN_CAPTURES, END, HELD},
        ["UPDATE payment_operations SET amount = amount + 1 WHERE key = %(refunded_refund)s"],
    ),
    ({I.SHIPPED_MEANS_PAID, I.EVENTS_LEGAL}, ["UPDATE orders SET status = 'shipped' WHERE id = %(held)s"]),
    (
        {I.NOTHING_LEFT_OPEN, I.SHIPPED_MEANS_PAID, I.OPERATION_POSTED, I.STATUS_DERIVED, I.SALE_POSTED},
        ["UPDATE payment_operations SET state = 'intended' WHERE key = %(completed_charge)s"],
    ),
    (
        {I.NOTHING_LEFT_OPEN, I.OPERATION_POSTED, I.STATUS_DERIVED, HELD},
        [
            "UPDATE payment_operations SET state = 'unknown' WHERE key = %(refunded_refund)s",
            "UPDATE refunds SET status = 'processing'",
        ],
    ),
    ({END, I.HOLDS_ENDED, I.EVENTS_LEGAL}, ["UPDATE orders SET status = 'cancelled' WHERE id = %(paid)s"]),
    ({END, I.HOLDS_ENDED, I.EVENTS_LEGAL}, ["UPDATE orders SET status = 'failed' WHERE id = %(held)s"]),
    ({I.SALE_POSTED, I.EVENTS_LEGAL}, ["UPDATE orders SET status = 'completed' WHERE id = %(refunded)s"]),
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
    ({I.PLACED_LOGGED}, ["DELETE FROM events WHERE subject = %(paid_id)s"]),
    ({I.PLACED_LOGGED}, ["UPDATE events SET subject = 'ord_x' WHERE subject = %(declined_id)s"]),
    ({I.EVENTS_LEGAL}, ["DELETE FROM events WHERE type = 'order.shipped'"]),
    ({I.EVENTS_LEGAL}, ["DELETE FROM events WHERE type = 'order.completed'"]),
    ({I.EVENTS_LEGAL}, ["UPDATE events SET type = 'order.sold' WHERE type = 'order.completed'"]),
    ({I.EVENTS_IN_ORDER}, ["UPDATE events SET time = time - interval '1 hour' WHERE type = 'order.completed'"]),
]


@pytest.mark.parametrize(("expected", "statements"), TAMPERING, ids=lambda value: str(value)[:80])
async def test_tampering_is_found_for_what_it_is(
    trade: Trade, owner_dsn: str, expected: set[Invariant], statements: list[str]
) -> None:
    await tamper(owner_dsn, trade, statements)

    assert {finding.invariant for finding in await trade.findings()} == expected


async def test_the_check_writes_nothing(trade: Trade, owner_dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        await connection.execute("REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM holdfast_app")

    assert await trade.findings() == ()
