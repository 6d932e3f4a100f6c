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
    # The deployment's part of what its seller earns by the line, as a fraction; nothing of the merchant's own sales.
    commission_rate: Decimal = Decimal(0)

    @property
    def subtotal(self) -> int:
        return self.unit_price * self.quantity


class PricedLine(Value):
    """A priced line in minor units: `net` + `tax` = `total`, `discount` already taken off.

    `commission` is the deployment's part, of what the line would be without the discount.
    """

    sale: Sale
    subtotal: Minor
    discount: Minor
    tax: Minor
    total: Minor
    commission: Minor = 0


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


def without_tax(amount: int, rate: Decimal, *, inclusive: bool) -> int:
    """What an amount in prices is without the tax that they contain."""
    return amount - _tax_on(amount, TaxRate(rate=rate, inclusive=True)) if inclusive else amount


def subtotal_of(sales: Sequence[Sale]) -> int:
    return sum(sale.subtotal for sale in sales)


def _line_taxes(sales: Sequence[Sale], prices: Sequence[int]) -> list[int]:
    """Tax by (seller, rate) on the sum, given back to the lines by largest remainder (EN 16931 sums the same way)."""
    groups: dict[tuple[str, TaxRate], list[int]] = defaultdict(list)
    for index, sale in enumerate(sales):
        groups[sale.seller_id, sale.tax].append(index)
    taxes = [0] * len(sales)
    for (_, tax), indexes in groups.items():
        charged = [prices[index] for index in indexes]
        for index, share in zip(indexes, allocate(_tax_on(sum(charged), tax), charged), strict=True):
            taxes[index] = share
    return taxes


def _priced(sale: Sale, discount: int, tax: int) -> PricedLine:
    added = 0 if sale.tax.inclusive else tax
    total = sale.subtotal - discount + added
    earned = total - tax + without_tax(discount, sale.tax.rate, inclusive=sale.tax.inclusive)
    commission = 0 if sale.own_sale else round_half_up(earned * sale.commission_rate)
    return PricedLine(sale=sale, subtotal=sale.subtotal, discount=discount, tax=tax, total=total, commission=commission)


def check_payable(amount: int) -> None:
    """Raise TotalTooLarge for what passes what one order may cost."""
    if amount > MAX_AMOUNT // 2:
        raise TotalTooLarge(limit=MAX_AMOUNT // 2)


def quote(
    currency: str, sales: Sequence[Sale], shipping: int, shipping_rate: TaxRate = NO_TAX, *, reduction: int = 0
) -> Quote:
    """Price an order; amounts in minor units of the currency. The reduction is taken off the goods, before tax.

    Raises TotalTooLarge when the sum passes what one order may cost.
    """
    subtotal = subtotal_of(sales)
    check_payable(subtotal + shipping)
    assert 0 <= reduction <= subtotal, "no more is taken off than the goods cost"
    discounts = allocate(reduction, [sale.subtotal for sale in sales])
    prices = [sale.subtotal - discount for sale, discount in zip(sales, discounts, strict=True)]
    lines = tuple(map(_priced, sales, discounts, _line_taxes(sales, prices)))
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
