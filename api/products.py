"""A product on its way in and out: what is sent of it, and how it is shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AnyUrl, BaseModel, Field, StrictBool, StringConstraints, UrlConstraints
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.schemas import Sent, Slug, absent
from db.tables import Category, Product, Stock
from domain.catalogue import Actor
from domain.errors import ResourceNotFound
from domain.ids import AccountId, ProductId
from domain.money import EXPONENTS, Currency, Money
from domain.values import TEXT, WORD, Value

# No piece costs more: a whole order of them still fits what one order may cost.
MAX_PRICE = 10**10

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=WORD)]
Description = Annotated[str, StringConstraints(max_length=10_000, pattern=TEXT)]
# None is never said.
Threshold = Annotated[int, Field(strict=True, ge=0, le=10**9)] | None
TaxCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
CurrencyCode = Annotated[Currency, Field(json_schema_extra={"enum": sorted(EXPONENTS)})]


def _without_credentials(url: AnyUrl) -> AnyUrl:
    if url.username is not None or url.password is not None:
        raise ValueError("The address names a user or a password")
    return url


# Shown in pages of ours: nothing that a browser would run or fetch unencrypted.
ImageUrl = Annotated[
    AnyUrl,
    UrlConstraints(max_length=2000, allowed_schemes=["https"], host_required=True),
    AfterValidator(_without_credentials),
]


class Price(BaseModel):
    """In minor units of the currency."""

    amount: Annotated[int, Field(strict=True, ge=1, le=MAX_PRICE)]
    currency: CurrencyCode


class NewProduct(Sent):
    """`category` is a slug."""

    name: Name
    description: Description = ""
    price: Price
    category: Slug | None = None
    image_url: ImageUrl | None = None
    active: StrictBool = True
    stock: Annotated[int, Field(strict=True, ge=0, le=10**9)] = 0
    tax_code: TaxCode = "standard"
    low_stock_threshold: Threshold = None

    def columns(self) -> dict[str, Any]:
        return _columns(self)


class ProductChange(Sent):
    """What is left out stays as it is; `null` takes category, image or threshold away."""

    name: Name = Field(default_factory=absent)
    description: Description = Field(default_factory=absent)
    price: Price = Field(default_factory=absent)
    category: Slug | None = None
    image_url: ImageUrl | None = None
    active: StrictBool = Field(default_factory=absent)
    tax_code: TaxCode = Field(default_factory=absent)
    low_stock_threshold: Threshold = None

    def columns(self) -> dict[str, Any]:
        sent = _columns(self)
        return {name: sent[name] for name in sent if name in self.model_fields_set | {"currency"}}


_AS_THEY_ARE = ("name", "description", "category", "active", "tax_code", "low_stock_threshold")


def _columns(body: NewProduct | ProductChange) -> dict[str, Any]:
    """The body as columns of the product's row, the category by its slug; and the threshold, which is its stock's."""
    image = body.image_url
    columns = {name: getattr(body, name) for name in _AS_THEY_ARE}
    columns["image_url"] = None if image is None else str(image)
    if body.price is not None:
        columns |= {"price": body.price.amount, "currency": body.price.currency}
    return columns


class ProductView(Value):
    """`category` is a slug, `stock` what can still be sold: on hand less held.

    `version` is the ETag, of what its seller changes: stock is no part of it. At `low_stock_threshold` there is
    little: that is logged (the event `stock.low`), and `low_stock=true` lists it. Only its seller and staff see it.
    """

    id: ProductId
    object: Literal["product"] = "product"
    created: datetime
    updated: datetime
    version: int
    seller_id: AccountId
    name: str
    description: str
    category: str | None
    image_url: str | None
    tax_code: str
    price: Money
    active: bool
    stock: int
    low_stock_threshold: int | None = None

    def for_everybody(self) -> Self:
        return self.model_copy(update={"low_stock_threshold": None})


async def shown(session: AsyncSession, product_id: str, actor: Actor | None = None) -> ProductView:
    """The product, if it is for sale or the actor's own. Raises ResourceNotFound."""
    for view in await shown_page(session, [product_id]):
        if actor is not None and actor.may_change(view.seller_id):
            return view
        if view.active:
            return view.for_everybody()
    raise ResourceNotFound(resource="product", id=product_id)


async def shown_page(session: AsyncSession, ids: Sequence[str]) -> list[ProductView]:
    """The products with these ids, in the given order; deleted ones are left out."""
    rows = await session.execute(
        select(Product, Stock, Category.slug)
        .join(Stock, Stock.product_id == Product.id)
        .outerjoin(Category, Category.id == Product.category_id)
        .where(Product.id.in_(ids), Product.archived.is_(None))
    )
    found = {product.id: _shown(product, level, category) for product, level, category in rows}
    return [found[each] for each in ids if each in found]


def _shown(product: Product, level: Stock, category: str | None) -> ProductView:
    return ProductView(
        id=product.id,
        created=product.created,
        updated=product.updated,
        version=product.version,
        seller_id=product.seller_id,
        name=product.name,
        description=product.description,
        category=category,
        image_url=product.image_url,
        tax_code=product.tax_code,
        price=Money(amount=product.price, currency=product.currency),
        active=product.active,
        stock=level.on_hand - level.held,
        low_stock_threshold=level.low_at,
    )
