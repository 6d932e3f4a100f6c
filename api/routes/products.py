"""Products and their stock (C2)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from api import products
from api.deps import CorrelationId, Principal, Staff, Visitor, Wired, now
from api.idempotency import Answer, Call, Claim, Once
from api.lists import Paging, page_of
from api.product_lists import ProductFilter, ProductPage, part_of, whose
from api.products import NewProduct, ProductChange, ProductView
from api.schemas import Sent
from api.versions import IfMatch, etag
from db import catalogue, event_log, search, stock
from db.tables import Product, Stock
from domain.catalogue import Actor, StockReason
from domain.events import Cause, Event, EventType
from domain.ids import ProductId
from domain.values import TEXT

router = APIRouter(prefix="/v1/products", tags=["Catalogue"])


class StockChange(Sent):
    """`delta` is what came in (positive) or went out; `note` stays with the request and is shown to nobody else."""

    delta: Annotated[int, Field(strict=True, ge=-(10**9), le=10**9)]
    reason: StockReason
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=TEXT)] = ""


def actor_of(caller: Principal, correlation: str) -> Actor:
    return Actor(account_id=caller.account_id, role=caller.role, at=now(), correlation_id=correlation)


def _acting(caller: Staff, correlation: CorrelationId) -> Actor:
    return actor_of(caller, correlation)


def _looking(caller: Visitor, correlation: CorrelationId) -> Actor | None:
    return None if caller is None else actor_of(caller, correlation)


Acting = Annotated[Actor, Depends(_acting)]
Looking = Annotated[Actor | None, Depends(_looking)]


@router.get("", operation_id="listProducts", responses={403: {}})
async def list_products(
    wired: Wired, paging: Paging, asked: Annotated[ProductFilter, Query()], caller: Visitor
) -> ProductPage:
    """What is for sale; or what the caller does not offer at the moment (`active=false`), or has little of.

    Newest first, or by price, or by how well a text fits. A text is looked for among the 500 products that it fits
    best, when there are more.
    """
    if asked.of_one_seller:
        query = asked.of(whose(asked, caller))
        async with wired.database.transaction() as session:
            page = await page_of(session, query, Product.id, paging, partial(products.shown_page, session))
        return ProductPage(data=page.data, has_more=page.has_more)
    async with wired.database.transaction() as session:
        found = await search.find(session, asked.wanted, part_of(paging))
        views = await products.shown_page(session, found.ids)
    shown = tuple(view.for_everybody() for view in views)
    return ProductPage(data=shown, has_more=found.has_more, resume=found.resume)


@router.get("/{product_id}", operation_id="getProduct")
async def get_product(product_id: ProductId, wired: Wired, looking: Looking, response: Response) -> ProductView:
    """One product; one that is not for sale is shown to its seller and to staff only."""
    async with wired.database.transaction() as session:
        view = await products.shown(session, product_id, looking)
    response.headers.update(etag(view.version))
    return view


@router.post("", operation_id="createProduct", status_code=201)
async def create_product(body: NewProduct, acting: Acting, wired: Wired, response: Response) -> ProductView:
    """Put a product up for sale; a seller's own, or the merchant's when staff create it."""
    async with wired.database.transaction() as session:
        product = await catalogue.add(session, acting, body.columns(), body.stock)
        view = await products.shown(session, product.id, acting)
    response.headers.update({"Location": f"/v1/products/{view.id}", **etag(view.version)})
    return view


@router.patch("/{product_id}", operation_id="changeProduct")
async def change_product(
    product_id: ProductId, body: ProductChange, acting: Acting, match: IfMatch, wired: Wired, response: Response
) -> ProductView:
    """Change what is sent of a product; orders that stand keep what they were sold for."""
    async with wired.database.transaction() as session:
        product = await catalogue.own(session, acting, product_id, lock=True)
        match.check(product.version)
        await catalogue.change(session, acting, product, body.columns())
        view = await products.shown(session, product_id, acting)
    response.headers.update(etag(view.version))
    return view


@router.delete("/{product_id}", operation_id="deleteProduct", status_code=204)
async def delete_product(product_id: ProductId, acting: Acting, match: IfMatch, wired: Wired) -> None:
    """Take a product away for good: nobody finds or orders it any more; orders that stand keep their lines."""
    async with wired.database.transaction() as session:
        product = await catalogue.own(session, acting, product_id, lock=True)
        match.check(product.version)
        await catalogue.archive(session, acting, product)


@router.post("/{product_id}/stock", operation_id="adjustStock", responses={200: {"model": ProductView}})
async def adjust_stock(
    product_id: ProductId, body: StockChange, caller: Staff, wired: Wired, once: Once, correlation: CorrelationId
) -> Response:
    """Change what lies on the shelf; never below what orders hold."""
    acting = actor_of(caller, correlation)

    async def not_before(_: AsyncSession, __: Claim) -> Answer | None:
        return None

    async def owned(session: AsyncSession, _: Claim) -> None:
        await catalogue.own(session, acting, product_id)

    async def act(claim: Claim, _: None) -> Answer:
        source = ("request", claim.request_id)
        cause = Cause(at=claim.created, correlation_id=correlation, causation_id=claim.request_id)
        async with wired.database.transaction() as session:
            level = await stock.adjust(session, product_id, body.delta, reason=body.reason, source=source, cause=cause)
            if level is not None:
                event_log.append(session, _adjusted(level, body, acting, cause))
                await session.flush()
            view = await products.shown(session, product_id, acting)
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


def _adjusted(level: Stock, body: StockChange, acting: Actor, cause: Cause) -> Event:
    return Event(
        type=EventType.STOCK_ADJUSTED,
        time=cause.at,
        subject=level.product_id,
        data={
            "actor_id": acting.account_id,
            "delta": body.delta,
            "reason": body.reason,
            "on_hand": level.on_hand,
            "held": level.held,
        },
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
    )
