"""Prices an order from the server's own tables: products, tax rates, shipping rates."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import ARRAY, ColumnElement, ScalarSelect, and_, any_, bindparam, func, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import LateralFromClause

from db.tables import Account, Product, ShippingRate, TaxRateRow
from domain.accounts import AccountStatus
from domain.addresses import Destination
from domain.discounts import DiscountTerms
from domain.errors import MixedCurrencies, ProductUnavailable, ShippingUnavailable
from domain.orders import Item, Role
from domain.pricing import NO_TAX, SHIPPING_TAX_CODE, Quote, Sale, TaxRate, check_payable, quote, subtotal_of

# What is for sale, of a product joined with its seller's account.
# The merchant's own goods stay, whatever becomes of the account of staff that put them up.
ON_SALE = and_(
    Product.active, or_(Product.own_sale, and_(Account.status == AccountStatus.ACTIVE, Account.role != Role.BUYER))
)
_SELLER = Account.id == Product.seller_id


async def price(
    session: AsyncSession,
    items: Iterable[Item],
    currency: str,
    destination: Destination,
    method: str,
    at: datetime,
    *,
    discount: DiscountTerms | None = None,
    commission_rate: Decimal = Decimal(0),
) -> Quote:
    """What the items cost at a time, shipped to the destination; sellers without a rate of their own pay the given.

    Raises ProductUnavailable, MixedCurrencies, ShippingUnavailable, DiscountNotApplicable or TotalTooLarge.
    """
    wanted = tuple(items)
    offers = await _offers(session, {item.product_id for item in wanted}, currency, destination, method, at.date())
    sales = [offers[item.product_id].sale(item.quantity, commission_rate) for item in wanted]
    terms = next(iter(offers.values()))
    if terms.shipping is None:
        raise ShippingUnavailable(country=destination.country, method=method, currency=currency)
    reduction = 0 if discount is None else discount.reduction(currency, subtotal_of(sales), at)
    return quote(currency, sales, terms.shipping, terms.shipping_tax, reduction=reduction)


async def goods_of(session: AsyncSession, items: Iterable[Item]) -> tuple[str, int]:
    """The currency of goods and what they cost before discount, tax and shipping, in minor units.

    Raises ProductUnavailable, MixedCurrencies or TotalTooLarge.
    """
    wanted = tuple(items)
    ids = {item.product_id for item in wanted}
    currency = await one_currency(session, ids)
    rows = await session.execute(select(Product.id, Product.price).where(Product.id.in_(ids)))
    prices = dict(rows.all())
    cost = sum(prices[item.product_id] * item.quantity for item in wanted)
    check_payable(cost)
    return currency, cost


async def one_currency(session: AsyncSession, product_ids: set[str]) -> str:
    """The currency that all these products are sold in. Raises ProductUnavailable or MixedCurrencies."""
    rows = await session.execute(
        select(Product.id, Product.currency).join(Account, _SELLER).where(Product.id.in_(product_ids), ON_SALE)
    )
    currencies = dict(rows.all())
    for identity in sorted(product_ids - currencies.keys()):
        raise ProductUnavailable(product_id=identity)
    if len(set(currencies.values())) > 1:
        raise MixedCurrencies
    return next(iter(currencies.values()))


class _Offer(NamedTuple):
    """A product, the tax on it, the rate that its seller agreed to, and what is the same for all products of an order:
    shipping and the tax on that.
    """

    product: Product
    commission_rate: Decimal | None
    tax: TaxRate
    shipping: int | None
    shipping_tax: TaxRate

    def sale(self, quantity: int, usual_rate: Decimal) -> Sale:
        product = self.product
        agreed = usual_rate if self.commission_rate is None else self.commission_rate
        return Sale(
            product_id=product.id,
            name=product.name,
            seller_id=product.seller_id,
            own_sale=product.own_sale,
            quantity=quantity,
            unit_price=product.price,
            tax=self.tax,
            commission_rate=Decimal(0) if product.own_sale else agreed,
        )


async def _offers(
    session: AsyncSession, ids: set[str], currency: str, to: Destination, method: str, on: date
) -> dict[str, _Offer]:
    goods = {"ids": list(ids), "currency": currency, "day": on}
    where = {"country": to.country, "region": to.region, "method": method}
    rows = await session.execute(_OFFERS, goods | where)
    found = {
        product.id: _Offer(product, agreed, _rate(rate, inclusive), shipping, _rate(shipping_rate, shipping_inclusive))
        for product, agreed, shipping, rate, inclusive, shipping_rate, shipping_inclusive in rows
    }
    for missing in sorted(ids - found.keys()):
        raise ProductUnavailable(product_id=missing)
    if any(offer.product.currency != currency for offer in found.values()):
        raise MixedCurrencies
    return found


def _rate(rate: Decimal | None, inclusive: bool | None) -> TaxRate:
    return NO_TAX if rate is None else TaxRate(rate=rate, inclusive=bool(inclusive))


def _tax(code: ColumnElement[str]) -> LateralFromClause:
    """The rate of a tax code, beside each product; a rate of the region goes before one of the whole country."""
    return (
        select(TaxRateRow.rate, TaxRateRow.inclusive)
        .where(
            TaxRateRow.country == bindparam("country"),
            or_(TaxRateRow.region == "", func.lower(TaxRateRow.region) == func.lower(bindparam("region"))),
            TaxRateRow.tax_code == code,
            TaxRateRow.valid_from <= bindparam("day"),
            or_(TaxRateRow.valid_to.is_(None), TaxRateRow.valid_to >= bindparam("day")),
        )
        .order_by(TaxRateRow.region.desc(), TaxRateRow.valid_from.desc())
        .limit(1)
        .lateral()
    )


def _shipping() -> ScalarSelect[int]:
    """The price of shipping; one of the country goes before one of the whole world."""
    return (
        select(ShippingRate.price)
        .where(
            ShippingRate.method == bindparam("method"),
            ShippingRate.currency == bindparam("currency"),
            or_(ShippingRate.country == "", ShippingRate.country == bindparam("country")),
        )
        .order_by(ShippingRate.country.desc())
        .limit(1)
        .scalar_subquery()
    )


_ON_GOODS, _ON_SHIPPING = _tax(Product.tax_code.expression), _tax(literal(SHIPPING_TAX_CODE))
# Built once, at import: decision 6.
_OFFERS = (
    select(
        Product,
        Account.commission_rate,
        _shipping(),
        _ON_GOODS.c.rate,
        _ON_GOODS.c.inclusive,
        _ON_SHIPPING.c.rate,
        _ON_SHIPPING.c.inclusive,
    )
    .select_from(Product)
    .join(Account, _SELLER)
    .outerjoin(_ON_GOODS, true())
    .outerjoin(_ON_SHIPPING, true())
    .where(Product.id == any_(bindparam("ids", type_=ARRAY(Product.id.type))), ON_SALE)
    # As the order that refers to its sellers will lock them anyway: none is erased while it is being placed.
    .with_for_update(read=True, key_share=True, of=Account)
)
