"""What a cart would cost as an order, and what stands in its way; prices are those that orders are placed at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from db.pricing import one_currency, price
from domain.addresses import Destination
from domain.carts import CartItemView, CartProblem, problem_of
from domain.carts import problems as problems_of
from domain.discounts import DiscountTerms
from domain.errors import CartEmpty, Unprocessable
from domain.ids import CartItemId, ProductId
from domain.money import Currency, Money
from domain.order_view import TotalsView
from domain.orders import Item
from domain.pricing import PricedLine
from domain.values import Value


class SummaryLine(Value):
    """`discount` and `tax` are in `total`."""

    item_id: CartItemId
    product_id: ProductId
    name: str
    quantity: int
    unit_price: Money
    subtotal: Money
    discount: Money
    tax: Money
    total: Money


class Summary(Value):
    """`totals.total` is what to send as `expected_total`, so that no other amount is taken."""

    object: Literal["cart_summary"] = "cart_summary"
    currency: Currency
    shipping_method: str
    lines: tuple[SummaryLine, ...]
    totals: TotalsView


async def of(
    session: AsyncSession,
    items: Sequence[CartItemView],
    to: Destination,
    method: str,
    at: datetime,
    discount: DiscountTerms | None = None,
) -> Summary:
    """Raises CartEmpty, ProductUnavailable, MixedCurrencies, ShippingUnavailable, DiscountNotApplicable or
    TotalTooLarge.
    """
    if not items:
        raise CartEmpty
    currency = await one_currency(session, {item.product_id for item in items})
    wanted = [Item(product_id=item.product_id, quantity=item.quantity) for item in items]
    quoted = await price(session, wanted, currency, to, method, at, discount=discount)
    totals = {name: Money(amount=getattr(quoted.totals, name), currency=currency) for name in TotalsView.model_fields}
    return Summary(
        currency=currency,
        shipping_method=method,
        lines=tuple(_line(item, line, currency) for item, line in zip(items, quoted.lines, strict=True)),
        totals=TotalsView(**totals),
    )


async def problems(
    session: AsyncSession,
    items: Sequence[tuple[CartItemView, int]],
    to: Destination | None,
    method: str,
    at: datetime,
) -> list[CartProblem]:
    """What is wrong with the items; when nothing is that an order is refused for, what is with shipping them."""
    found = problems_of(items)
    if to is None or any(each.refuses for each in found):
        return found
    try:
        await of(session, [item for item, _ in items], to, method, at)
    except Unprocessable as refusal:
        found.append(problem_of(refusal))
    return found


def _line(item: CartItemView, line: PricedLine, currency: str) -> SummaryLine:
    amounts = {"unit_price": line.sale.unit_price} | line.model_dump(include={"subtotal", "discount", "tax", "total"})
    return SummaryLine(
        item_id=item.id,
        product_id=item.product_id,
        name=line.sale.name,
        quantity=item.quantity,
        **{name: Money(amount=amount, currency=currency) for name, amount in amounts.items()},
    )
