"""What an order costs: lines, tax by (seller, rate), shipping, totals. The client never sends an amount."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from domain.errors import PriceChanged, TotalTooLarge
from domain.ids import AccountId, ProductId
from domain.money import MAX_AMOUNT, Currency, Minor, allocate, round_half_up
from domain.values import Value

# The tax code under which shipping itself is taxed.
SHIPPING_TAX_CODE = "shipping"


class TaxRate(Value):
    """A rate as a fraction (0.19), and whether prices already contain it. Frozen on the line at sale."""

    rate: Decimal
    inclusive: bool = False


NO_TAX = TaxRate(rate=Decimal(0))


class Sale(Value):
    """One line to price: so many pieces of a product at the seller's unit price."""

    product_id: ProductId
    name: str
    seller_id: AccountId
    own_sale: bool
    quantity: int
    unit_price: Minor
    tax: TaxRate


class PricedLine(Value):
    """A priced line in minor units: `net` + `tax` = `total`, `discount` already taken off."""

    sale: Sale
    subtotal: Minor
    discount: Minor
    tax: Minor
    total: Minor


class Totals(Value):
    """The sums of an order in minor units.

    `total` = `subtotal` - `discount` + `shipping` + the part of `tax` that the prices do not contain already; `tax`
    is all tax, on goods and on shipping.
    """

    subtotal: Minor
    discount: Minor
    tax: Minor
    shipping: Minor
    total: Minor


class Quote(Value):
    """A priced order: what is shown, charged, taxed and later refunded."""

    currency: Currency
    lines: tuple[PricedLine, ...]
    shipping_tax: Minor
    totals: Totals


def _tax_on(amount: int, tax: TaxRate) -> int:
    base = Decimal(amount) * tax.rate
    return round_half_up(base / (1 + tax.rate) if tax.inclusive else base)


def _line_taxes(sales: Sequence[Sale]) -> list[int]:
    """Tax by (seller, rate) on the sum, given back to the lines by largest remainder (EN 16931 sums the same way)."""
    groups: dict[tuple[str, TaxRate], list[int]] = defaultdict(list)
    for index, sale in enumerate(sales):
        groups[sale.seller_id, sale.tax].append(index)
    taxes = [0] * len(sales)
    for (_, tax), indexes in groups.items():
        subtotals = [sales[index].unit_price * sales[index].quantity for index in indexes]
        for index, share in zip(indexes, allocate(_tax_on(sum(subtotals), tax), subtotals), strict=True):
            taxes[index] = share
    return taxes


def _priced(sale: Sale, tax: int) -> PricedLine:
    subtotal = sale.unit_price * sale.quantity
    added = 0 if sale.tax.inclusive else tax
    return PricedLine(sale=sale, subtotal=subtotal, discount=0, tax=tax, total=subtotal + added)


def quote(currency: str, sales: Sequence[Sale], shipping: int, shipping_rate: TaxRate = NO_TAX) -> Quote:
    """Price an order; amounts in minor units of the currency.

    Raises TotalTooLarge when the sum passes what one order may cost.
    """
    if sum(sale.unit_price * sale.quantity for sale in sales) + shipping > MAX_AMOUNT // 2:
        raise TotalTooLarge(limit=MAX_AMOUNT // 2)
    lines = tuple(_priced(sale, tax) for sale, tax in zip(sales, _line_taxes(sales), strict=True))
    shipping_tax = _tax_on(shipping, shipping_rate)
    shipping_total = shipping + (0 if shipping_rate.inclusive else shipping_tax)
    totals = Totals(
        subtotal=sum(line.subtotal for line in lines),
        discount=sum(line.discount for line in lines),
        tax=sum(line.tax for line in lines) + shipping_tax,
        shipping=shipping,
        total=sum(line.total for line in lines) + shipping_total,
    )
    return Quote(currency=currency, lines=lines, shipping_tax=shipping_tax, totals=totals)


def check_expected(quoted: Quote, expected_total: int | None) -> None:
    """Raise PriceChanged when the buyer agreed to another total (M1)."""
    if expected_total is not None and expected_total != quoted.totals.total:
        raise PriceChanged(total=quoted.totals.total, expected=expected_total, currency=quoted.currency)
