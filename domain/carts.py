"""Carts: what one holds, and what stands in the way of ordering it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal

from domain.errors import CartEmpty, HoldfastError, MixedCurrencies, OutOfStock, ProductUnavailable, TotalTooLarge
from domain.ids import CartId, CartItemId, OrderId, ProductId
from domain.money import MAX_AMOUNT, Money
from domain.values import Value

# As many lines as an order takes, and as many pieces as a line does.
MAX_ITEMS = 200
MAX_PIECES = 100_000
# Open carts of one buyer: what is never ordered is kept, and is not to grow without end.
MAX_OPEN = 20


class CartStatus(StrEnum):
    OPEN = "open"
    CHECKED_OUT = "checked_out"


class CartItemView(Value):
    """`unit_price` is what it cost when it was put in or its quantity chosen; `price` is today's."""

    id: CartItemId
    object: Literal["cart_item"] = "cart_item"
    created: datetime
    product_id: ProductId
    name: str
    quantity: int
    unit_price: Money
    price: Money
    active: bool


class CartView(Value):
    """`version` is the ETag; a cart that is checked out changes no more and keeps it."""

    id: CartId
    object: Literal["cart"] = "cart"
    created: datetime
    updated: datetime
    version: int
    status: CartStatus
    order_id: OrderId | None
    items: tuple[CartItemView, ...]


class ProblemCode(StrEnum):
    CART_EMPTY = "cart_empty"
    PRODUCT_UNAVAILABLE = "product_unavailable"
    OUT_OF_STOCK = "out_of_stock"
    PRICE_CHANGED = "price_changed"
    MIXED_CURRENCIES = "mixed_currencies"
    SHIPPING_UNAVAILABLE = "shipping_unavailable"
    TOTAL_TOO_LARGE = "total_too_large"


class CartProblem(Value):
    """Why a cart can't be ordered as it is, or not for what its buyer saw; of one item, or of the whole."""

    code: ProblemCode
    detail: str
    item_id: CartItemId | None = None
    product_id: ProductId | None = None

    @property
    def refuses(self) -> bool:
        """Whether an order is refused for it; a price that changed is only shown."""
        return self.code is not ProblemCode.PRICE_CHANGED


def problem_of(refusal: HoldfastError, item: CartItemView | None = None) -> CartProblem:
    """The refusal that an order would meet."""
    where = {} if item is None else {"item_id": item.id, "product_id": item.product_id}
    return CartProblem(code=ProblemCode(refusal.code), detail=str(refusal), **where)


def problems(items: Sequence[tuple[CartItemView, int]]) -> list[CartProblem]:
    """All that is wrong with items, each given with how many pieces of it can be sold."""
    found = [each for item, available in items for each in _problems_of(item, available)]
    sold = [item for item, _ in items if item.active]
    if not items:
        found.append(problem_of(CartEmpty()))
    if len({item.price.currency for item in sold}) > 1:
        found.append(problem_of(MixedCurrencies()))
    elif sum(item.price.amount * item.quantity for item in sold) > MAX_AMOUNT // 2:
        found.append(problem_of(TotalTooLarge(limit=MAX_AMOUNT // 2)))
    return found


def _problems_of(item: CartItemView, available: int) -> list[CartProblem]:
    if not item.active:
        return [problem_of(ProductUnavailable(product_id=item.product_id), item)]
    found = []
    if available < item.quantity:
        refusal = OutOfStock(product_id=item.product_id, requested=item.quantity, available=available)
        found.append(problem_of(refusal, item))
    if item.price != item.unit_price:
        now, then = item.price, item.unit_price
        detail = f"It costs {now.amount} {now.currency} by now, and {then.amount} {then.currency} when it was put in."
        changed = CartProblem(
            code=ProblemCode.PRICE_CHANGED, detail=detail, item_id=item.id, product_id=item.product_id
        )
        found.append(changed)
    return found
