"""The books after a restore: what a provider knows of the payments since a time, and our rows don't, or otherwise."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from db.books import records
from db.books_audit import PROVIDER_ONLY
from db.condition import DatabaseUnreadable
from db.session import Database
from db.tables import Order, Payment, Refund
from domain.books import Finding, Invariant, PaymentRecord, ProviderTruth, payment_findings
from domain.orders import OPEN
from domain.payments import CLOCKS_APART, OPEN_STATES, TAKEN, OperationKind, PaymentStatus
from domain.refunds import UNDER_WAY

_NOT_AT_AN_END = Payment.status.not_in(TAKEN | {PaymentStatus.CANCELLED})
# A bank may send a refund back for so long after it was paid.
_REFUNDS_MAY_FAIL = timedelta(days=30)


class Unsettled(NamedTuple):
    """What a provider has to be asked about: the payments begun since a time, and those with these ids of its own."""

    since: datetime
    references: list[str]


async def unsettled(database: Database, provider: str, since: datetime) -> Unsettled:
    """The payments, whenever they were begun, that may have moved on since without our knowing.

    One whose answer never came has no reference: it is among those that were begun since it was asked for. Raises
    DatabaseUnreadable.
    """
    of_provider = Payment.provider == provider
    moved = select(Payment.reference).where(of_provider, Payment.reference.is_not(None), _may_have_moved(since))
    lost = (
        select(func.min(Payment.created))
        .join(Order, Order.id == Payment.order_id)
        .where(of_provider, Payment.reference.is_(None), Order.status.in_(OPEN))
    )
    async with _snapshot(database) as session:
        begun = await session.scalar(lost)
        references = [each for each in await session.scalars(moved) if each is not None]
    return Unsettled(since if begun is None else min(begun - CLOCKS_APART, since), references)


async def compare(database: Database, provider: str, truth: ProviderTruth, since: datetime) -> tuple[Finding, ...]:
    """What differs between a provider's payments and ours, of those that moved since a time or may have.

    Nothing is changed, and nothing may be under way: run it before the workers start. Raises DatabaseUnreadable.
    """
    async with _snapshot(database) as session:
        known = await _known(session, truth.payments.keys())
        which = or_(Payment.created >= since, _may_have_moved(since), Payment.order_id.in_(known))
        ours = [each for each in await records(session, {}, which) if each.provider == provider]
    found = [
        finding for each in ours for finding in payment_findings(_as_written(each), truth.payments.get(each.order_id))
    ]
    strange = truth.payments.keys() - {each.order_id for each in ours}
    found += [
        _lost(order_id, provider, "payment of it" if order_id in known else "order") for order_id in sorted(strange)
    ]
    return tuple(each for each in found if each.invariant in PROVIDER_ONLY)


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[AsyncSession]:
    try:
        async with database.transaction() as session:
            await session.connection(
                execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            )
            yield session
    except (OSError, SQLAlchemyError) as error:
        raise DatabaseUnreadable(type(getattr(error, "orig", error)).__name__) from error


def _may_have_moved(since: datetime) -> ColumnElement[bool]:
    """Not at an end; or with a refund that has none, or was paid so lately that the bank may have sent it back."""
    lately = or_(Refund.updated >= since - _REFUNDS_MAY_FAIL, Refund.status.in_(UNDER_WAY))
    return or_(_NOT_AT_AN_END, Payment.id.in_(select(Refund.payment_id).where(lately)))


def _as_written(record: PaymentRecord) -> PaymentRecord:
    """Without what was under way when the backup was made: its end is news. Refunds under way are carried on anyway."""
    ended = tuple(
        each for each in record.operations if each.state not in OPEN_STATES or each.kind is OperationKind.REFUND
    )
    return record.model_copy(update={"operations": ended})


async def _known(session: AsyncSession, order_ids: Collection[str]) -> set[str]:
    kind = Order.id.type
    asked = [each for each in order_ids if kind.reads(each)]
    return set(await session.scalars(select(Order.id).where(Order.id.in_(asked))))


def _lost(order_id: str, provider: str, what: str) -> Finding:
    sentence = f"{provider} has a payment for it; we have no such {what}."
    return Finding(invariant=Invariant.KNOWN_TO_US, subject=order_id, sentence=sentence)
