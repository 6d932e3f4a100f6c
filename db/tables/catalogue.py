"""What is sold and how many: categories, products, stock on hand and held, the price tables of tax and shipping."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Identity, Index, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import (
    AccountKey,
    Amount,
    CategoryKey,
    CurrencyCode,
    OrderKey,
    ProductKey,
    Table,
    Time,
    status_of,
)


class Category(Table):
    """A node of the tree of categories; db/categories.py keeps it a tree."""

    __tablename__ = "categories"

    id: Mapped[CategoryKey] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    parent_id: Mapped[CategoryKey | None] = mapped_column(ForeignKey("categories.id"), index=True)
    created: Mapped[Time]
    updated: Mapped[Time]


class Product(Table):
    __tablename__ = "products"

    id: Mapped[ProductKey] = mapped_column(primary_key=True)
    seller_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"))
    # Sold by the merchant itself, not by a seller on its marketplace.
    own_sale: Mapped[bool]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    category_id: Mapped[CategoryKey | None] = mapped_column(ForeignKey("categories.id"), index=True)
    image_url: Mapped[str | None]
    tax_code: Mapped[str] = mapped_column(server_default="standard")
    price: Mapped[Amount] = mapped_column(CheckConstraint("price >= 0", name="price_not_negative"))
    currency: Mapped[CurrencyCode]
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    # Deleted: shown to nobody; orders and the log of stock keep referring to it.
    archived: Mapped[Time | None]
    created: Mapped[Time]
    updated: Mapped[Time]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    # Words of the name count for more than those of the description.
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed(
            "setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', description), 'C')",
            persisted=True,
        ),
        deferred=True,
    )

    # A list for every order that products are read in, whole, by seller and by category (decision 17).
    __table_args__ = (
        CheckConstraint("archived IS NULL OR NOT active", name="archived_not_active"),
        Index("ix_products_newest", "id", postgresql_where=text("active")),
        Index("ix_products_price", "currency", "price", "id", postgresql_where=text("active")),
        Index("ix_products_seller_newest", "seller_id", "id", postgresql_where=text("active")),
        Index("ix_products_seller_price", "seller_id", "currency", "price", "id", postgresql_where=text("active")),
        Index("ix_products_category_newest", "category_id", "id", postgresql_where=text("active")),
        Index("ix_products_category_price", "category_id", "currency", "price", "id", postgresql_where=text("active")),
        Index("ix_products_set_aside", "seller_id", "id", postgresql_where=text("NOT active AND archived IS NULL")),
    )


class Stock(Table):
    """`on_hand` is what lies on the shelf, `held` the part of it that open orders have promised away."""

    __tablename__ = "stock"

    product_id: Mapped[ProductKey] = mapped_column(ForeignKey("products.id"), primary_key=True)
    on_hand: Mapped[Amount]
    held: Mapped[Amount] = mapped_column(server_default=text("0"))
    # When no more than this can be sold there is little, which is logged. It stands here, for holds write this row.
    low_at: Mapped[Amount | None]

    __table_args__ = (
        CheckConstraint("held >= 0 AND held <= on_hand", name="never_oversold"),
        CheckConstraint("low_at >= 0", name="low_at_not_negative"),
    )


class StockMovement(Table):
    """Why `on_hand` changed; its sum per product is `on_hand`."""

    __tablename__ = "stock_movements"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    product_id: Mapped[ProductKey] = mapped_column(ForeignKey("products.id"), index=True)
    delta: Mapped[Amount]
    reason: Mapped[str]
    source_kind: Mapped[str]
    source_id: Mapped[str]
    created: Mapped[Time]

    __table_args__ = (UniqueConstraint("source_kind", "source_id", "product_id"),)


class HoldState(StrEnum):
    HELD = "held"
    RELEASED = "released"
    TAKEN = "taken"


class Hold(Table):
    """Pieces promised to one order. `expires_at` is a backstop for the sweep, not a business deadline."""

    __tablename__ = "holds"

    order_id: Mapped[OrderKey] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    product_id: Mapped[ProductKey] = mapped_column(ForeignKey("products.id"), primary_key=True)
    quantity: Mapped[Amount] = mapped_column(CheckConstraint("quantity > 0", name="quantity_positive"))
    state: Mapped[HoldState] = mapped_column(status_of(HoldState, "state"))
    expires_at: Mapped[Time]

    __table_args__ = (Index("ix_holds_held", "product_id", postgresql_where=text("state = 'held'")),)


class TaxRateRow(Table):
    """A tax rate of one jurisdiction and category; an empty region holds for the whole country."""

    __tablename__ = "tax_rates"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    country: Mapped[str]
    region: Mapped[str] = mapped_column(server_default="")
    tax_code: Mapped[str]
    rate: Mapped[Decimal] = mapped_column(
        Numeric(7, 6), CheckConstraint("rate >= 0 AND rate < 1", name="rate_fraction")
    )
    inclusive: Mapped[bool] = mapped_column(server_default=text("false"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    __table_args__ = (UniqueConstraint("country", "region", "tax_code", "valid_from"),)


class ShippingRate(Table):
    """What a shipping method costs; an empty country holds for every country without a row of its own."""

    __tablename__ = "shipping_rates"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    method: Mapped[str]
    country: Mapped[str] = mapped_column(server_default="")
    currency: Mapped[CurrencyCode]
    price: Mapped[Amount] = mapped_column(CheckConstraint("price >= 0", name="price_not_negative"))

    __table_args__ = (UniqueConstraint("method", "country", "currency"),)
