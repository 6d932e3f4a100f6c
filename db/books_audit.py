"""One look at the books of a database: what was checked, how much there was to look at, and what is off."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from db.books import check
from db.books_roll import mismatches
from db.session import Database
from db.tables import (
    DiscountUse,
    EventRow,
    Hold,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    Order,
    Payment,
    PaymentOperation,
    Refund,
    Stock,
)
from domain.books import Finding, Invariant, ProviderTruth
from domain.sweep import Roll
from domain.values import Value

# What nothing can be said of without a provider's own truth.
PROVIDER_ONLY = frozenset(
    {
        Invariant.CLEARING_AT_PROVIDER,
        Invariant.KNOWN_TO_PROVIDER,
        Invariant.KNOWN_TO_US,
        Invariant.SAME_CURRENCY,
        Invariant.SAME_AMOUNTS,
        Invariant.CHARGED_ONCE,
    }
)


# What Temporal has to be asked for.
TEMPORAL_ONLY = frozenset({Invariant.OPEN_MEANS_RUNNING})


class BooksUnreadable(Exception):
    """Nothing can be said of the books; neither `what` nor `why` tells a password or an address."""

    def __init__(self, what: str, why: str) -> None:
        self.what = what
        self.why = why
        super().__init__(f"{what} could not be read: {why}.")


class Records(StrEnum):
    """What an invariant is checked on, in a person's words."""

    ORDERS = "orders"
    PAYMENTS = "payments"
    OPERATIONS = "operations"
    ENTRIES = "ledger entries"
    POSTINGS = "postings"
    GUARDED_ACCOUNTS = "guarded accounts"
    STOCK = "products in stock"
    HOLDS = "holds"
    DISCOUNT_USES = "discount uses"
    REFUNDS = "refunds"
    EVENTS = "order events"
    PROVIDER_PAYMENTS = "payments there"


class Audit(Value):
    """What a look found, and whether a provider and Temporal were asked.

    `records` are counted after the check, in a snapshot of their own.
    """

    findings: tuple[Finding, ...]
    records: dict[Records, int]
    provider: bool
    workflows: bool

    @property
    def right(self) -> bool:
        return not self.findings

    @property
    def checked(self) -> tuple[Invariant, ...]:
        left_out = (frozenset() if self.provider else PROVIDER_ONLY) | (
            frozenset() if self.workflows else TEMPORAL_ONLY
        )
        return tuple(each for each in Invariant if each not in left_out)


def own_findings(url: str) -> tuple[Finding, ...]:
    """What is off in our own rows, judged against each other; it blocks, and takes minutes for millions of orders."""

    async def judged() -> tuple[Finding, ...]:
        database = Database(url, pool_size=1)
        try:
            return tuple(each for each in await check(database, {}) if each.invariant not in PROVIDER_ONLY)
        finally:
            await database.close()

    return asyncio.run(judged())


async def audit(url: str, truths: Mapping[str, ProviderTruth], roll: Roll | None) -> Audit:
    """Check the books of the database at `url`, changing nothing.

    With truths (by provider) a payment at a provider whose truth is missing counts as unknown to it; without any, only
    our own rows are judged, against each other. Without a roll nothing is said of workflows.

    Raises BooksUnreadable when the database can't be read, WorkflowsUnavailable when the roll can't be.
    """
    try:
        database = Database(url, pool_size=1)
    except (ArgumentError, ValueError):
        # Their text may be a piece of the password.
        raise BooksUnreadable("The database", "DATABASE_URL is not the address of one") from None
    try:
        findings = await check(database, truths)
        if roll is not None:
            findings += tuple((await mismatches(database, roll, datetime.now(UTC))).findings())
        records = await _count(database)
    except SQLAlchemyError as failure:
        raise BooksUnreadable("The database", _reason(failure)) from failure
    finally:
        await database.close()
    records[Records.PROVIDER_PAYMENTS] = sum(len(truth.payments) for truth in truths.values())
    judged = tuple(each for each in findings if truths or each.invariant not in PROVIDER_ONLY)
    return Audit(findings=judged, records=records, provider=bool(truths), workflows=roll is not None)


async def _count(database: Database) -> dict[Records, int]:
    counts = {
        Records.ORDERS: select(func.count(Order.id)),
        Records.PAYMENTS: select(func.count(Payment.id)),
        Records.OPERATIONS: select(func.count()).select_from(PaymentOperation),
        Records.ENTRIES: select(func.count(LedgerEntry.id)),
        Records.POSTINGS: select(func.count()).select_from(LedgerPosting),
        Records.GUARDED_ACCOUNTS: select(func.count(LedgerAccount.balance)),
        Records.STOCK: select(func.count(Stock.product_id)),
        Records.HOLDS: select(func.count()).select_from(Hold),
        Records.DISCOUNT_USES: select(func.count(DiscountUse.order_id)),
        Records.REFUNDS: select(func.count(Refund.id)),
        Records.EVENTS: select(func.count(EventRow.sequence)).where(EventRow.type.startswith("order.")),
    }
    async with database.transaction() as session:
        row = (await session.execute(select(*map(_column, counts.values())))).one()
    return dict(zip(counts, row, strict=True))


def _column(count: Select[int]) -> ColumnElement[int]:
    return count.scalar_subquery()


def _reason(failure: SQLAlchemyError) -> str:
    """The end of the driver's first line: what went wrong, without where."""
    told = str(failure.orig if isinstance(failure, DBAPIError) else failure).strip()
    return told.partition("\n")[0].rpartition(": ")[2].strip().rstrip(".") or type(failure).__name__
