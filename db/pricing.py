"""Prices an order from the server's own tables: products, tax rates, shipping rates."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import Product, ShippingRate, TaxRateRow
from domain.errors import MixedCurrencies, ProductUnavailable, ShippingUnavailable
from domain.orders import Destination, Item
from domain.pricing import NO_TAX, SHIPPING_TAX_CODE, Quote, Sale, TaxRate, quote


async def price(
    session: AsyncSession, items: Iterable[Item], currency: str, destination: Destination, method: str, on: date
) -> Quote:
    """What the items cost today, shipped to the destination.

    Raises ProductUnavailable, MixedCurrencies, ShippingUnavailable or TotalTooLarge.
    """
    wanted = tuple(items)
    products = await _products(session, {item.product_id for item in wanted}, currency)
    rates = await _tax_rates(session, {each.tax_code for each in products.values()}, destination, on)
    sales = [
        Sale(
            product_id=item.product_id,
            name=products[item.product_id].name,
            seller_id=products[item.product_id].seller_id,
            own_sale=products[item.product_id].own_sale,
            quantity=item.quantity,
            unit_price=products[item.product_id].price,
            tax=rates.get(products[item.product_id].tax_code, NO_TAX),
        )
        for item in wanted
    ]
    shipping = await _shipping(session, currency, destination, method)
    return quote(currency, sales, shipping, rates.get(SHIPPING_TAX_CODE, NO_TAX))


async def one_currency(session: AsyncSession, product_ids: set[str]) -> str:
    """The currency that all these products are sold in. Raises ProductUnavailable or MixedCurrencies."""
    rows = await session.execute(
        select(Product.id, Product.currency).where(Product.id.in_(product_ids), Product.active)
    )
    currencies = dict(rows.all())
    for identity in sorted(product_ids - currencies.keys()):
        raise ProductUnavailable(product_id=identity)
    if len(set(currencies.values())) > 1:
        raise MixedCurrencies
    return next(iter(currencies.values()))


async def _products(session: AsyncSession, ids: set[str], currency: str) -> dict[str, Product]:
    rows = await session.scalars(select(Product).where(Product.id.in_(ids), Product.active))
    found = {row.id: row for row in rows}
    for missing in sorted(ids - found.keys()):
        raise ProductUnavailable(product_id=missing)
    if any(row.currency != currency for row in found.values()):
        raise MixedCurrencies
    return found


async def _tax_rates(session: AsyncSession, codes: set[str], to: Destination, on: date) -> dict[str, TaxRate]:
    """The rate per tax code; a rate of the region goes before one of the whole country."""
    rows = await session.scalars(
        select(TaxRateRow)
        .where(
            TaxRateRow.country == to.country,
            TaxRateRow.region.in_({"", to.region}),
            TaxRateRow.tax_code.in_(codes | {SHIPPING_TAX_CODE}),
            TaxRateRow.valid_from <= on,
            or_(TaxRateRow.valid_to.is_(None), TaxRateRow.valid_to >= on),
        )
        .order_by(TaxRateRow.region, TaxRateRow.valid_from)
    )
    return {row.tax_code: TaxRate(rate=row.rate, inclusive=row.inclusive) for row in rows}


async def _shipping(session: AsyncSession, currency: str, to: Destination, method: str) -> int:
    price = await session.scalar(
        select(ShippingRate.price)
        .where(
            ShippingRate.method == method,
            ShippingRate.currency == currency,
            ShippingRate.country.in_({"", to.country}),
        )
        .order_by(ShippingRate.country.desc())
        .limit(1)
    )
    if price is None:
        raise ShippingUnavailable(country=to.country, method=method, currency=currency)
    return price
