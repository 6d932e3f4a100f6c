"""Tells the workflow of a refund that its provider has news; one that has ended is begun again, to look once more."""

from db import refunds
from db.session import Database
from domain.sweep import Waker


async def tell_refund(database: Database, waker: Waker, refund_id: str) -> bool:
    """Whether anybody was there to be told, or was started. Raises WorkflowsUnavailable.

    A refund can fail after it was paid: https://docs.stripe.com/refunds#failed-refunds
    """
    if await waker.refund(refund_id):
        return True
    async with database.transaction() as session:
        known = await refunds.known_to_provider(session, refund_id, correlation_id=f"recheck {refund_id}")
    if known is not None:
        await waker.recheck(known)
    return known is not None
