"""Reads of refunds."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import Refund
from domain.refunds import RefundStatus

_OPEN = (RefundStatus.APPROVED, RefundStatus.PROCESSING)


class OpenRefund(NamedTuple):
    order_id: str
    refund_id: str


async def open_of(session: AsyncSession, order_ids: Collection[str]) -> list[OpenRefund]:
    """The refunds of these orders that the provider has not ended."""
    rows = await session.execute(
        select(Refund.order_id, Refund.id).where(Refund.order_id.in_(order_ids), Refund.status.in_(_OPEN))
    )
    return [OpenRefund(*row) for row in rows]
