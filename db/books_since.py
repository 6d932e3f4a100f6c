"""The books after a restore: what a provider knows of the payments since a time, and our rows don't, or otherwise."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from db.books import records
from db.books_audit import PROVIDER_ONLY
from db.condition import DatabaseUnreadable
from db.session import Database
from db.tables import Order, Payment, Refund
from domain.books import Finding, Invariant, ProviderTruth, payment_findings
from domain.payments import TAKEN, PaymentStatus

# A bank may send a refund back for so long after it was paid.
_REFUNDS_MAY_FAIL = timedelta(days=30)


async def unsettled(database: Database, provider: str, since: datetime) -> list[str]:
    """The provider's ids of the payments, whenever they were begun, that may have moved on since without our knowing.

    Raises DatabaseUnreadable.
    """
    query = select(Payment.reference).where(Payment.provider == provider, _may_have_moved(since))
    async with _snapshot(database) as session:
        return [each for each in await session.scalars(query) if each is not None]


async def compare(database: Database, provider: str, truth: ProviderTruth, since: datetime) -> tuple[Finding, ...]:
    """What differs between a provider's payments and ours, of those that moved since a time or may have.

    Nothing is changed, and nothing may be under way: run it before the workers start. Raises DatabaseUnreadable.
    """
    async with _snapshot(database) as session:
        known = await _known(session, truth.payments.keys())
        which = or_(Payment.created >= since, _may_have_moved(since), Payment.order_id.in_(known))
        ours = [each for each in await records(session, {}, which) if each.provider == provider]
    found = [finding for each in ours for finding in payment_findings(each, truth.payments.get(each.order_id))]
    found += [_lost(order_id, provider) for order_id in sorted(truth.payments.keys() - known)]
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
    """Asked for at the provider, and not at an end; or refunded so lately that the bank may have sent it back."""
    settled = TAKEN | {PaymentStatus.CANCELLED}
    refunded = select(Refund.payment_id).where(Refund.created >= since - _REFUNDS_MAY_FAIL)
    return Payment.reference.is_not(None) & or_(Payment.status.not_in(settled), Payment.id.in_(refunded))


async def _known(session: AsyncSession, order_ids: Collection[str]) -> set[str]:
    kind = Order.id.type
    asked = [each for each in order_ids if kind.reads(each)]
    return set(await session.scalars(select(Order.id).where(Order.id.in_(asked))))


def _lost(order_id: str, provider: str) -> Finding:
    sentence = f"{provider} has a payment for it; we have no such order."
    return Finding(invariant=Invariant.KNOWN_TO_US, subject=order_id, sentence=sentence)
