"""Priced lines for tests: a few ids to sell under, a builder of one line, and a strategy for whole orders."""

from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from domain.ledger import CompletedSale, SoldLine
from domain.pricing import NO_TAX, Quote, Sale, TaxRate, quote, subtotal_of, without_tax

ANN, BEN, CAT = (f"acc_0000000000000000000000000{letter}" for letter in "abc")
PRODUCT = "prd_00000000000000000000000000"
ORDER = "ord_00000000000000000000000000"
PAYMENT = "pay_00000000000000000000000000"

# A busy machine is no reason to fail.
unhurried = settings(deadline=None)

VAT = TaxRate(rate=Decimal("0.19"), inclusive=True)
REDUCED_VAT = TaxRate(rate=Decimal("0.07"), inclusive=True)
SALES_TAX = TaxRate(rate=Decimal("0.0725"))
RATES = (NO_TAX, VAT, REDUCED_VAT, SALES_TAX, TaxRate(rate=Decimal("0.19")), TaxRate(rate=Decimal("0.333333")))


def sale(
    price: int,
    quantity: int = 1,
    *,
    seller: str = ANN,
    own: bool = False,
    tax: TaxRate = NO_TAX,
    commission: str = "0",
) -> Sale:
    return Sale(
        product_id=PRODUCT,
        name="Shackle",
        seller_id=seller,
        own_sale=own,
        quantity=quantity,
        unit_price=price,
        tax=tax,
        commission_rate=Decimal(commission),
    )


def any_sale() -> st.SearchStrategy[Sale]:
    """One line; what CAT sells is the merchant's own."""
    return st.builds(
        lambda price, quantity, seller, tax, commission: sale(
            price, quantity, seller=seller, own=seller == CAT, tax=tax, commission=commission
        ),
        price=st.integers(1, 10**6) | st.integers(1, 10**9),
        quantity=st.integers(1, 200),
        seller=st.sampled_from([ANN, BEN, CAT]),
        tax=st.sampled_from(RATES),
        commission=st.sampled_from(["0", "0.1", "0.333333"]),
    )


def any_quote(currency: str = "EUR") -> st.SearchStrategy[tuple[Quote, TaxRate]]:
    """A priced order, some with a discount of up to all of its goods, and the rate at which its shipping is taxed."""
    return st.builds(
        lambda sales, shipping, rate, off: (
            quote(currency, sales, shipping, rate, reduction=subtotal_of(sales) * off // 1000),
            rate,
        ),
        sales=st.lists(any_sale(), min_size=1, max_size=12),
        shipping=st.just(0) | st.integers(0, 10_000),
        rate=st.sampled_from(RATES),
        off=st.just(0) | st.integers(0, 1000),
    )


def completed(quoted: Quote, shipping_rate: TaxRate = NO_TAX, **changes: Any) -> CompletedSale:
    """The order when it is paid in full and delivered: tax is taken out of every total, what is left is net."""
    lines = tuple(
        SoldLine(
            seller_id=line.sale.seller_id,
            own_sale=line.sale.own_sale,
            net=line.total - line.tax,
            tax=line.tax,
            borne=without_tax(line.discount, line.sale.tax.rate, inclusive=line.sale.tax.inclusive),
            commission=line.commission,
        )
        for line in quoted.lines
    )
    contained = quoted.shipping_tax if shipping_rate.inclusive else 0
    whole = {
        "payment_id": PAYMENT,
        "currency": quoted.currency,
        "paid": quoted.totals.total,
        "shipping_net": quoted.totals.shipping - contained,
        "shipping_tax": quoted.shipping_tax,
        "lines": lines,
    }
    return CompletedSale.model_validate({**whole, **changes})
