"""What a completed order's money is for: the sale that the ledger allocates, from the lines as they were sold."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db import payments
from db.tables import Fulfilment, Order, OrderLine, Payment
from domain.fulfilment import FulfilmentStatus
from domain.ledger import CompletedSale, SoldLine
from domain.pricing import without_tax


async def completed(session: AsyncSession, order: Order, payment: Payment) -> CompletedSale:
    """The sale of an order, without the parts that were called off; amounts in minor units. The payment is locked."""
    query = (
        select(OrderLine, Fulfilment.status == FulfilmentStatus.CANCELLED)
        .join(Fulfilment, Fulfilment.id == OrderLine.fulfilment_id)
        .where(OrderLine.order_id == order.id)
        .order_by(OrderLine.position)
    )
    lines = (await session.execute(query)).all()
    called_off = sum(line.total for line, gone in lines if gone)
    total = await payments.totals(session, payment.id)
    return CompletedSale(
        payment_id=payment.id,
        currency=order.currency,
        # Of what was called off, the part that was only held never came, and the rest is the buyer's.
        paid=total.captured - (called_off - total.released),
        shipping_net=order.total - sum(line.total for line, _ in lines) - order.shipping_tax,
        shipping_tax=order.shipping_tax,
        lines=tuple(_sold(line) for line, gone in lines if not gone),
    )


def _sold(line: OrderLine) -> SoldLine:
    return SoldLine(
        seller_id=line.seller_id,
        own_sale=line.own_sale,
        net=line.total - line.tax,
        tax=line.tax,
        borne=without_tax(line.discount, line.tax_rate, inclusive=line.tax_inclusive),
        commission=line.commission,
    )
