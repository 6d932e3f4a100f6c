"""Products and their stock (C2, as far as orders need it)."""

from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, HttpUrl, StrictBool, StringConstraints
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import CorrelationId, Principal, Staff, Wired, now
from api.idempotency import Answer, Call, Claim, Once
from api.lists import Page, Paging, page_of
from api.schemas import Sent
from db import event_log, stock
from db.ids import new_id
from db.pricing import ON_SALE
from db.tables import Account, Product, Stock
from domain.errors import ResourceNotFound
from domain.events import Event, EventType
from domain.ids import AccountId, ProductId
from domain.money import EXPONENTS, Currency, Money
from domain.orders import Role
from domain.values import TEXT, WORD, Value

router = APIRouter(prefix="/v1/products", tags=["Catalogue"])

# No piece costs more: a whole order of them still fits what one order may cost.
MAX_PRICE = 10**10

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=WORD)]


class Price(BaseModel):
    """In minor units of the currency."""

    amount: Annotated[int, Field(strict=True, ge=1, le=MAX_PRICE)]
    currency: Annotated[Currency, Field(json_schema_extra={"enum": sorted(EXPONENTS)})]


class NewProduct(Sent):
    name: Name
    description: Annotated[str, StringConstraints(max_length=10_000, pattern=TEXT)] = ""
    price: Price
    category: Name | None = None
    image_url: HttpUrl | None = None
    active: StrictBool = True
    stock: Annotated[int, Field(strict=True, ge=0, le=10**9)] = 0
    tax_code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")] = "standard"


class StockChange(Sent):
    """`delta` is what came in (positive) or went out."""

    delta: Annotated[int, Field(strict=True, ge=-(10**9), le=10**9)]
    reason: Name


class ProductView(Value):
    """`stock` is what can still be sold: on hand less held."""

    id: ProductId
    object: Literal["product"] = "product"
    created: datetime
    seller_id: AccountId
    name: str
    description: str
    category: str | None
    image_url: str | None
    tax_code: str
    price: Money
    active: bool
    stock: int


class ProductFilter(BaseModel):
    seller: AccountId | None = Query(default=None)


@router.get("", operation_id="listProducts")
async def list_products(wired: Wired, paging: Paging, wanted: Annotated[ProductFilter, Query()]) -> Page[ProductView]:
    """What is for sale, newest first."""
    query = select(Product.id).join(Account, Account.id == Product.seller_id).where(ON_SALE)
    if wanted.seller is not None:
        query = query.where(Product.seller_id == wanted.seller)
    async with wired.database.transaction() as session:
        return await page_of(session, query, Product.id, paging, partial(_views, session))


@router.get("/{product_id}", operation_id="getProduct")
async def get_product(product_id: ProductId, wired: Wired) -> ProductView:
    """One product."""
    async with wired.database.transaction() as session:
        return await _view(session, product_id)


@router.post("", operation_id="createProduct", status_code=201)
async def create_product(body: NewProduct, caller: Staff, wired: Wired, correlation: CorrelationId) -> ProductView:
    """Put a product up for sale; a seller's own, or the merchant's when staff create it."""
    at = now()
    async with wired.database.transaction() as session:
        product = Product(
            id=new_id("prd"),
            seller_id=caller.account_id,
            own_sale=caller.role is Role.ADMIN,
            name=body.name,
            description=body.description,
            category=body.category,
            image_url=body.image_url and str(body.image_url),
            tax_code=body.tax_code,
            price=body.price.amount,
            currency=body.price.currency,
            active=body.active,
            created=at,
            updated=at,
        )
        session.add(product)
        await session.flush()
        stock.open_stock(session, product.id, body.stock, at)
        data = {"seller_id": product.seller_id, "price": product.price, "currency": product.currency}
        event = Event(
            type=EventType.PRODUCT_CREATED, time=at, subject=product.id, data=data, correlation_id=correlation
        )
        event_log.append(session, event)
        await session.flush()
        return await _view(session, product.id)


@router.post("/{product_id}/stock", operation_id="adjustStock")
async def adjust_stock(
    product_id: ProductId, body: StockChange, caller: Staff, wired: Wired, once: Once, correlation: CorrelationId
) -> Response:
    """Change what lies on the shelf; never below what orders hold."""

    async def not_before(_: AsyncSession, __: Claim) -> Answer | None:
        return None

    async def owned(session: AsyncSession) -> None:
        await _own(session, caller, product_id)

    async def act(claim: Claim, _: None) -> Answer:
        async with wired.database.transaction() as session:
            source = ("request", claim.request_id)
            if not await stock.adjusted(session, source):
                await stock.adjust(session, product_id, body.delta, reason=body.reason, source=source, at=claim.created)
                event_log.append(session, _adjusted(product_id, body, claim, correlation))
                await session.flush()
            view = await _view(session, product_id)
        return Answer(status=200, body=view.model_dump_json().encode(), headers={})

    call = Call(
        caller=caller,
        route=f"POST /v1/products/{product_id}/stock",
        body=body.model_dump(mode="json"),
        resource_id=product_id,
        recall=not_before,
        prepare=owned,
        act=act,
    )
    return await once.once(call)


def _adjusted(product_id: str, body: StockChange, claim: Claim, correlation: str) -> Event:
    return Event(
        type=EventType.STOCK_ADJUSTED,
        time=claim.created,
        subject=product_id,
        data={"delta": body.delta},
        correlation_id=correlation,
        causation_id=claim.request_id,
    )


async def _own(session: AsyncSession, caller: Principal, product_id: str) -> None:
    product = await session.get(Product, product_id)
    if product is None or (caller.role is Role.SELLER and product.seller_id != caller.account_id):
        raise ResourceNotFound(resource="product", id=product_id)


async def _view(session: AsyncSession, product_id: str) -> ProductView:
    for view in await _views(session, [product_id]):
        return view
    raise ResourceNotFound(resource="product", id=product_id)


async def _views(session: AsyncSession, ids: list[str]) -> list[ProductView]:
    rows = await session.execute(
        select(Product, Stock).join(Stock, Stock.product_id == Product.id).where(Product.id.in_(ids))
    )
    found = {product.id: _shown(product, level) for product, level in rows}
    return [found[each] for each in ids if each in found]


def _shown(product: Product, level: Stock) -> ProductView:
    return ProductView(
        id=product.id,
        created=product.created,
        seller_id=product.seller_id,
        name=product.name,
        description=product.description,
        category=product.category,
        image_url=product.image_url,
        tax_code=product.tax_code,
        price=Money(amount=product.price, currency=product.currency),
        active=product.active,
        stock=level.on_hand - level.held,
    )
