"""The one writer of products: new ones, changes and deletion, each with its event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Update, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db import categories, event_log, standing, stock
from db.ids import new_id
from db.tables import Product
from domain.catalogue import Actor
from domain.errors import ResourceNotFound
from domain.events import Event, EventType
from domain.orders import Role

# What a product says of its stock; the level itself is changed by db/stock.py alone.
THRESHOLD = "low_stock_threshold"


async def add(session: AsyncSession, actor: Actor, fields: Mapping[str, Any], on_hand: int) -> Product:
    """Put a product up for sale: a seller's own, or the merchant's when staff do it.

    `fields` are columns, the category's slug, and from which level on there is little. Raises CategoryUnknown.
    """
    await standing.check(session, actor.account_id, actor.role)
    columns = await _columns(session, fields)
    low_at = columns.pop(THRESHOLD, None)
    product = Product(
        id=new_id("prd"),
        seller_id=actor.account_id,
        own_sale=actor.role is Role.ADMIN,
        created=actor.at,
        updated=actor.at,
        **columns,
    )
    session.add(product)
    await session.flush()
    stock.open_stock(session, product.id, on_hand, actor.at, low_at=low_at)
    event_log.append(session, _event(EventType.PRODUCT_CREATED, product, actor))
    await session.flush()
    return product


async def own(session: AsyncSession, actor: Actor, product_id: str, *, lock: bool = False) -> Product:
    """The product, when the actor may change it. A lock keeps other changes away; orders may still refer to it.

    Raises ResourceNotFound, also for another seller's and for a deleted one.
    """
    if lock:
        await standing.check(session, actor.account_id, actor.role)
    product = await session.get(Product, product_id, with_for_update={"key_share": True} if lock else None)
    if product is None or product.archived is not None or not actor.may_change(product.seller_id):
        raise ResourceNotFound(resource="product", id=product_id)
    return product


async def change(session: AsyncSession, actor: Actor, product: Product, fields: Mapping[str, Any]) -> None:
    """Change a locked product; what is as it was makes no new version and no event. Raises CategoryUnknown."""
    columns = await _columns(session, fields)
    watched = THRESHOLD in columns and await stock.watch(session, product.id, columns.pop(THRESHOLD))
    changed = {name: value for name, value in columns.items() if getattr(product, name) != value}
    if not changed and not watched:
        return
    for name, value in changed.items():
        setattr(product, name, value)
    names = sorted([*changed, *([THRESHOLD] if watched else [])])
    _touch(product, actor.at)
    event_log.append(session, _event(EventType.PRODUCT_UPDATED, product, actor, changed=names))
    await session.flush()


async def archive(session: AsyncSession, actor: Actor, product: Product) -> None:
    """Delete a locked product: from now on nobody finds or orders it; orders keep their lines."""
    product.active = False
    product.archived = actor.at
    # What is deleted keeps no category in use.
    product.category_id = None
    _touch(product, actor.at)
    event_log.append(session, _event(EventType.PRODUCT_DELETED, product, actor))
    await session.flush()


def withdrawal(seller_id: str) -> Update:
    """Takes what somebody sells off sale, who may sell no more or is gone; the merchant's own goods stay."""
    return (
        update(Product)
        .where(Product.seller_id == seller_id, Product.active, ~Product.own_sale)
        .values(active=False, version=Product.version + 1)
        .execution_options(synchronize_session=False)
    )


async def sold_for_merchant(session: AsyncSession, account_id: str) -> bool:
    """Whether the account ever put up goods of the merchant's own: orders refer to deleted ones, too."""
    found = select(Product.id).where(Product.seller_id == account_id, Product.own_sale).limit(1)
    return await session.scalar(found) is not None


async def _columns(session: AsyncSession, fields: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(fields)
    if "category" in columns:
        columns["category_id"] = await categories.id_of(session, columns.pop("category"))
    return columns


def _touch(product: Product, at: datetime) -> None:
    product.updated = at
    product.version += 1


def _event(kind: EventType, product: Product, actor: Actor, **more: Any) -> Event:  # noqa: ANN401 - JSON
    return Event(
        type=kind,
        time=actor.at,
        subject=product.id,
        data={
            "actor_id": actor.account_id,
            "seller_id": product.seller_id,
            "price": product.price,
            "currency": product.currency,
            "active": product.active,
            **more,
        },
        correlation_id=actor.correlation_id,
    )
