"""What buyers have put together and not ordered yet."""

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import (
    AccountKey,
    Amount,
    CartItemKey,
    CartKey,
    CurrencyCode,
    OrderKey,
    ProductKey,
    Table,
    Time,
)


class Cart(Table):
    __tablename__ = "carts"

    id: Mapped[CartKey] = mapped_column(primary_key=True)
    buyer_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"), index=True)
    # The one order that it became, written in that order's transaction.
    order_id: Mapped[OrderKey | None] = mapped_column(ForeignKey("orders.id"), unique=True)
    created: Mapped[Time]
    updated: Mapped[Time]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class CartItem(Table):
    """`unit_price` is what the product cost when it was put in, in minor units of `currency`."""

    __tablename__ = "cart_items"

    id: Mapped[CartItemKey] = mapped_column(primary_key=True)
    cart_id: Mapped[CartKey] = mapped_column(ForeignKey("carts.id"))
    product_id: Mapped[ProductKey] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[Amount] = mapped_column(CheckConstraint("quantity > 0", name="quantity_positive"))
    unit_price: Mapped[Amount] = mapped_column(CheckConstraint("unit_price >= 0", name="unit_price_not_negative"))
    currency: Mapped[CurrencyCode]
    created: Mapped[Time]

    __table_args__ = (UniqueConstraint("cart_id", "product_id"),)
