"""The books check over one database: reads everything in one snapshot, changes nothing, and says what is off."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import BigInteger, ColumnElement, Subquery, case, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from db.books_log import log_findings
from db.books_rules import CLEARING, RULES
from db.session import Database
from db.tables import (
    Fulfilment,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    Order,
    OrderLine,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    Refund,
)
from domain.books import (
    Finding,
    Invariant,
    PaymentRecord,
    ProviderTruth,
    payment_findings,
)
from domain.fulfilment import FulfilmentStatus
from domain.ledger import Account, EntryKind
from domain.payments import Operation
from domain.refunds import UNDER_WAY


async def check(database: Database, truths: Mapping[str, ProviderTruth]) -> tuple[Finding, ...]:
    """Everything that is off, given each provider's own truth by its name; empty when the books are right.

    Truths must be as old as the rows: on a system at work, operations that are still open may differ either way.
    """
    async with database.transaction() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        sales = await _sales(session)
        every = await records(session, sales)
        balances = await _balances(session)
        found = [finding for rule in RULES for finding in await rule.findings(session)]
        found += await log_findings(session, every)
    found += _payments(every, truths)
    found += _strangers(every, sales, truths)
    found += _clearing(every, balances, truths)
    found += _funds_held(every, balances)
    return tuple(found)


async def _sales(session: AsyncSession) -> dict[str, int]:
    """What each order's sale entry takes out of the customer funds held: nothing when a discount bore all of it."""
    taken = case((LedgerAccount.account == Account.CUSTOMER_FUNDS_HELD, LedgerPosting.amount), else_=0)
    rows = await session.execute(
        select(LedgerEntry.source_id, func.sum(taken))
        .join(LedgerPosting, LedgerPosting.entry_id == LedgerEntry.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerEntry.kind == EntryKind.SALE)
        .group_by(LedgerEntry.source_id)
    )
    return {order_id: int(amount) for order_id, amount in rows}


async def _balances(session: AsyncSession) -> dict[tuple[Account, str], int]:
    """What the postings of each account make, by account and asset; debit positive."""
    rows = await session.execute(
        select(LedgerAccount.account, LedgerPosting.asset, func.sum(LedgerPosting.amount))
        .join(LedgerPosting, LedgerPosting.account_id == LedgerAccount.id)
        .group_by(LedgerAccount.account, LedgerPosting.asset)
    )
    return {(account, asset): int(amount) for account, asset, amount in rows}


async def records(
    session: AsyncSession, sales: Mapping[str, int], which: ColumnElement[bool] | None = None
) -> list[PaymentRecord]:
    """What our rows say of each order's money: of all payments, or of some."""
    operations = await _operations(session)
    refunding = set(await session.scalars(select(Refund.payment_id).where(Refund.status.in_(UNDER_WAY))))
    last, gone = _last_attempts(), _called_off()
    query = (
        select(
            Payment.id,
            Payment.order_id,
            Order.status.label("order_status"),
            Payment.provider,
            Payment.currency,
            Order.total.label("amount"),
            (Order.subtotal + Order.shipping).label("worth"),
            cast(func.coalesce(gone.c.called_off, 0), BigInteger).label("called_off"),
            Payment.status,
            Payment.reference,
            last.c.last_attempt,
        )
        .join(Order, Order.id == Payment.order_id)
        .outerjoin(last, last.c.payment_id == Payment.id)
        .outerjoin(gone, gone.c.order_id == Order.id)
    )
    rows = await session.execute(query if which is None else query.where(which))
    return [
        PaymentRecord(
            operations=tuple(operations[row["id"]]),
            refunding=row["id"] in refunding,
            sale=sales.get(row["order_id"]),
            **row,
        )
        for row in rows.mappings()
    ]


def _last_attempts() -> Subquery:
    return (
        select(PaymentAttempt.payment_id, PaymentAttempt.status.label("last_attempt"))
        .ext(distinct_on(PaymentAttempt.payment_id))
        .order_by(PaymentAttempt.payment_id, PaymentAttempt.number.desc())
        .subquery()
    )


def _called_off() -> Subquery:
    """What the parts of each order cost that were called off."""
    return (
        select(OrderLine.order_id, func.sum(OrderLine.total).label("called_off"))
        .join(Fulfilment, Fulfilment.id == OrderLine.fulfilment_id)
        .where(Fulfilment.status == FulfilmentStatus.CANCELLED)
        .group_by(OrderLine.order_id)
        .subquery()
    )


async def _operations(session: AsyncSession) -> defaultdict[str, list[Operation]]:
    """Operations by payment, summed by kind and state."""
    operations: defaultdict[str, list[Operation]] = defaultdict(list)
    rows = await session.execute(
        select(
            PaymentOperation.payment_id,
            PaymentOperation.kind,
            PaymentOperation.state,
            cast(func.sum(PaymentOperation.amount), BigInteger),
        ).group_by(PaymentOperation.payment_id, PaymentOperation.kind, PaymentOperation.state)
    )
    for payment_id, kind, state, amount in rows:
        operations[payment_id].append(Operation(kind=kind, state=state, amount=amount))
    return operations


def _payments(records: Sequence[PaymentRecord], truths: Mapping[str, ProviderTruth]) -> Iterator[Finding]:
    for record in records:
        truth = truths.get(record.provider)
        yield from payment_findings(record, truth.payments.get(record.order_id) if truth else None, asked=bool(truths))


def _strangers(
    records: Sequence[PaymentRecord], sales: Mapping[str, int], truths: Mapping[str, ProviderTruth]
) -> Iterator[Finding]:
    ours = {(record.provider, record.order_id) for record in records}
    for provider, truth in truths.items():
        for order_id in truth.payments:
            if (provider, order_id) not in ours:
                sentence = f"{provider} has a payment for it; we have no such order."
                yield Finding(invariant=Invariant.KNOWN_TO_US, subject=order_id, sentence=sentence)
    for order_id in sales.keys() - {record.order_id for record in records}:
        sentence = "A sale is posted for it; we have no such order."
        yield Finding(invariant=Invariant.SALE_POSTED, subject=order_id, sentence=sentence)


def _clearing(
    records: Sequence[PaymentRecord],
    balances: Mapping[tuple[Account, str], int],
    truths: Mapping[str, ProviderTruth],
) -> Iterator[Finding]:
    """A provider owes us what it captured less what it refunded; what is still open may have happened there."""
    theirs: Counter[tuple[str, str]] = Counter()
    open_in: Counter[tuple[str, str]] = Counter()
    open_out: Counter[tuple[str, str]] = Counter()
    for provider, truth in truths.items():
        for payment in truth.payments.values():
            theirs[provider, payment.currency] += payment.captured - payment.refunded
    for record in records:
        open_in[record.provider, record.currency] += record.open("captured")
        open_out[record.provider, record.currency] += record.open("refunded")
    ours = {(CLEARING[account], asset): total for (account, asset), total in balances.items() if account in CLEARING}
    for key in sorted(theirs.keys() | ours.keys()):
        stands = ours.get(key, 0)
        if not theirs[key] - open_in[key] <= stands <= theirs[key] + open_out[key]:
            sentence = f"The ledger says that it owes us {stands}; it says {theirs[key]}."
            yield Finding(invariant=Invariant.CLEARING_AT_PROVIDER, subject=" ".join(key), sentence=sentence)


def _funds_held(records: Sequence[PaymentRecord], balances: Mapping[tuple[Account, str], int]) -> Iterator[Finding]:
    held: Counter[str] = Counter()
    for record in records:
        held[record.currency] += record.held
    stands = {asset: -total for (account, asset), total in balances.items() if account is Account.CUSTOMER_FUNDS_HELD}
    for asset in sorted(held.keys() | stands.keys()):
        if stands.get(asset, 0) != held[asset]:
            sentence = (
                f"The ledger holds {stands.get(asset, 0)}; orders that are not completed were paid {held[asset]}."
            )
            yield Finding(invariant=Invariant.CUSTOMER_FUNDS_HELD, subject=asset, sentence=sentence)
