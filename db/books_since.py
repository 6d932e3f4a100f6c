"""The books after a restore: what a provider knows of the payments since a time, and our rows don't, or otherwise."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from db.books import records
from db.books_audit import PROVIDER_ONLY
from db.condition import DatabaseUnreadable
from db.session import Database
from db.tables import Order
from domain.books import Finding, Invariant, ProviderTruth, payment_findings


async def compare(database: Database, provider: str, truth: ProviderTruth, since: datetime) -> tuple[Finding, ...]:
    """What differs between a provider's payments since a time and ours; changes nothing.

    Nothing may be under way: run it before the workers start. Raises DatabaseUnreadable.
    """
    try:
        async with database.transaction() as session:
            await session.connection(
                execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            )
            ours = [each for each in await records(session, {}, since) if each.provider == provider]
            known = await _known(session, set(truth.payments))
    except (OSError, SQLAlchemyError) as error:
        raise DatabaseUnreadable(type(getattr(error, "orig", error)).__name__) from error
    found = [finding for each in ours for finding in payment_findings(each, truth.payments.get(each.order_id))]
    found += [_lost(order_id, provider) for order_id in sorted(truth.payments.keys() - known)]
    return tuple(each for each in found if each.invariant in PROVIDER_ONLY)


async def _known(session: AsyncSession, order_ids: set[str]) -> set[str]:
    kind = Order.id.type
    asked = [each for each in order_ids if kind.reads(each)]
    return set(await session.scalars(select(Order.id).where(Order.id.in_(asked))))


def _lost(order_id: str, provider: str) -> Finding:
    sentence = f"{provider} has a payment for it; we have no such order."
    return Finding(invariant=Invariant.KNOWN_TO_US, subject=order_id, sentence=sentence)
