"""The one writer of carts; a cart is changed under its lock, and never again once it is checked out."""

from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import new_id
from db.tables import Account, Cart, CartItem, Product, Stock
from domain.accounts import AccountStatus
from domain.carts import MAX_ITEMS, MAX_OPEN, MAX_PIECES, CartItemView, CartStatus, CartView
from domain.errors import (
    CartChanged,
    CartCheckedOut,
    CartFull,
    CartsExhausted,
    ProductUnavailable,
    ResourceNotFound,
)
from domain.money import Money

# A cart that nobody touched for so long is no longer counted.
_FORGOTTEN = timedelta(days=1)


async def begin(session: AsyncSession, buyer_id: str, at: datetime) -> Cart:
    """A new cart of the buyer's. Raises CartsExhausted.

    Open ones that were touched within a day are counted, for whoever lost the id of one is not to be barred for ever;
    under the lock of the buyer's account: of calls at once each counts those before it.
    """
    await session.execute(select(Account.id).where(Account.id == buyer_id).with_for_update(key_share=True))
    used = Cart.updated > at - _FORGOTTEN
    mine = select(func.count()).where(Cart.buyer_id == buyer_id, Cart.order_id.is_(None), used)
    if (await session.scalar(mine) or 0) >= MAX_OPEN:
        raise CartsExhausted(limit=MAX_OPEN)
    cart = Cart(id=new_id("crt"), buyer_id=buyer_id, created=at, updated=at)
    session.add(cart)
    await session.flush()
    return cart


async def own(session: AsyncSession, buyer_id: str, cart_id: str, *, lock: bool = False) -> Cart:
    """Raises ResourceNotFound, also for another's cart.

    To be locked, it has to be somebody's: its account is locked against an erasure, which empties the cart.
    """
    gone = lock and not await _lives(session, buyer_id)
    cart = await session.get(Cart, cart_id, with_for_update=lock or None)
    if gone or cart is None or cart.buyer_id != buyer_id:
        raise ResourceNotFound(resource="cart", id=cart_id)
    return cart


async def _lives(session: AsyncSession, buyer_id: str) -> bool:
    living = select(Account.id).where(Account.id == buyer_id, Account.status != AccountStatus.ERASED)
    return await session.scalar(living.with_for_update(read=True, key_share=True)) is not None


async def put(session: AsyncSession, cart: Cart, product_id: str, quantity: int, at: datetime) -> None:
    """Put pieces of a product into a locked cart, beside those that are in it, at today's price.

    Raises CartCheckedOut, ProductUnavailable or CartFull.
    """
    check_open(cart)
    product = await _for_sale(session, product_id)
    items = {item.product_id: item for item in await session.scalars(_of(cart))}
    item = items.get(product_id)
    if item is None:
        if len(items) >= MAX_ITEMS:
            raise CartFull(limit=MAX_ITEMS, what="products")
        item = CartItem(id=new_id("cit"), cart_id=cart.id, product_id=product_id, quantity=0, created=at)
        session.add(item)
    _choose(item, item.quantity + quantity, product)
    await _touch(session, cart, at)


async def change(session: AsyncSession, cart: Cart, item_id: str, quantity: int, at: datetime) -> None:
    """Choose how many pieces, at today's price. Raises CartCheckedOut, ResourceNotFound or ProductUnavailable."""
    check_open(cart)
    item = await _item(session, cart, item_id)
    _choose(item, quantity, await _for_sale(session, item.product_id))
    await _touch(session, cart, at)


async def take_out(session: AsyncSession, cart: Cart, item_id: str, at: datetime) -> None:
    """Raises CartCheckedOut or ResourceNotFound."""
    check_open(cart)
    await session.delete(await _item(session, cart, item_id))
    await _touch(session, cart, at)


async def check_out(session: AsyncSession, cart_id: str, version: int, order_id: str) -> None:
    """Bind the cart to the order that is being placed: with that it is checked out, or without it stays open.

    Raises CartCheckedOut when another order was first, CartChanged when it is no longer what the order was made of.
    """
    cart = await session.get_one(Cart, cart_id, with_for_update=True)
    check_open(cart)
    if cart.version != version:
        raise CartChanged(cart_id=cart_id)
    cart.order_id = order_id


async def view(session: AsyncSession, cart: Cart) -> CartView:
    return CartView(
        id=cart.id,
        created=cart.created,
        updated=cart.updated,
        version=cart.version,
        status=CartStatus.OPEN if cart.order_id is None else CartStatus.CHECKED_OUT,
        order_id=cart.order_id,
        items=tuple(item for item, _ in await stocked_items(session, cart)),
    )


async def stocked_items(session: AsyncSession, cart: Cart) -> list[tuple[CartItemView, int]]:
    """The items, in the order that they were put in, each with how many pieces of it can be sold."""
    rows = await session.execute(
        select(CartItem, Product, Stock.on_hand - Stock.held)
        .join(Product, Product.id == CartItem.product_id)
        .join(Stock, Stock.product_id == CartItem.product_id)
        .where(CartItem.cart_id == cart.id)
        .order_by(CartItem.id)
    )
    return [(_item_view(item, product), available) for item, product, available in rows]


def _item_view(item: CartItem, product: Product) -> CartItemView:
    return CartItemView(
        id=item.id,
        created=item.created,
        product_id=item.product_id,
        name=product.name,
        quantity=item.quantity,
        unit_price=Money(amount=item.unit_price, currency=item.currency),
        price=Money(amount=product.price, currency=product.currency),
        active=product.active,
    )


def check_open(cart: Cart) -> None:
    """Raises CartCheckedOut."""
    if cart.order_id is not None:
        raise CartCheckedOut(cart_id=cart.id, order_id=cart.order_id)


def _of(cart: Cart) -> Select[CartItem]:
    return select(CartItem).where(CartItem.cart_id == cart.id)


async def _item(session: AsyncSession, cart: Cart, item_id: str) -> CartItem:
    item = await session.scalar(_of(cart).where(CartItem.id == item_id))
    if item is None:
        raise ResourceNotFound(resource="item", id=item_id)
    return item


async def _for_sale(session: AsyncSession, product_id: str) -> Product:
    product = await session.get(Product, product_id)
    if product is None or not product.active:
        raise ProductUnavailable(product_id=product_id)
    return product


def _choose(item: CartItem, quantity: int, product: Product) -> None:
    if quantity > MAX_PIECES:
        raise CartFull(limit=MAX_PIECES, what="pieces of a product")
    item.quantity, item.unit_price, item.currency = quantity, product.price, product.currency


async def _touch(session: AsyncSession, cart: Cart, at: datetime) -> None:
    cart.version += 1
    cart.updated = at
    await session.flush()
