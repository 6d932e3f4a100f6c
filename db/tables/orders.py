"""Orders, their lines, their fulfilments, and the personal data that is kept apart."""

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import (
    AccountKey,
    Amount,
    CurrencyCode,
    FulfilmentKey,
    LineKey,
    OrderKey,
    ProductKey,
    RequestKey,
    Table,
    Time,
    status_of,
)
from domain.fulfilment import FulfilmentStatus
from domain.orders import CancelReason, OrderStatus


class Order(Table):
    __tablename__ = "orders"

    id: Mapped[OrderKey] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True, start=100001), unique=True)
    buyer_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"), index=True)
    request_id: Mapped[RequestKey] = mapped_column(ForeignKey("requests.id"), unique=True)
    # The only workflow run that may act on this order, for ever: Temporal forgets closed runs, this row does not.
    first_run_id: Mapped[str]
    status: Mapped[OrderStatus] = mapped_column(status_of(OrderStatus, "status"), index=True)
    cancel_reason: Mapped[CancelReason | None] = mapped_column(status_of(CancelReason, "cancel_reason"))
    # An operator's word: the order goes no further until it is released.
    held: Mapped[bool] = mapped_column(server_default=text("false"))
    currency: Mapped[CurrencyCode]
    subtotal: Mapped[Amount]
    discount: Mapped[Amount]
    tax: Mapped[Amount]
    shipping: Mapped[Amount]
    shipping_tax: Mapped[Amount]
    total: Mapped[Amount] = mapped_column(CheckConstraint("total >= 0", name="total_not_negative"))
    discount_code: Mapped[str | None]
    country: Mapped[str]
    region: Mapped[str]
    shipping_method: Mapped[str]
    # The choice of another method stays open until here after a decline.
    payment_deadline: Mapped[Time]
    created: Mapped[Time] = mapped_column(index=True)
    updated: Mapped[Time]


class OrderContact(Table):
    """All personal data of an order; blanked when its account is erased."""

    __tablename__ = "order_contacts"

    order_id: Mapped[OrderKey] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    account_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"), index=True)
    shipping_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    billing_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    notes: Mapped[str | None]
    # By the part that its seller noted them on.
    seller_notes: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))


class Fulfilment(Table):
    __tablename__ = "fulfilments"

    id: Mapped[FulfilmentKey] = mapped_column(primary_key=True)
    order_id: Mapped[OrderKey] = mapped_column(ForeignKey("orders.id"))
    seller_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"), index=True)
    status: Mapped[FulfilmentStatus] = mapped_column(status_of(FulfilmentStatus, "status"))
    carrier: Mapped[str | None]
    tracking_number: Mapped[str | None] = mapped_column(index=True)
    tracking_url: Mapped[str | None]
    shipped: Mapped[Time | None]
    delivered: Mapped[Time | None]
    # The buyer said that it arrived; until then the seller's word is waited out.
    accepted: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (UniqueConstraint("order_id", "seller_id"),)


class OrderLine(Table):
    """A line as it was sold: price, discount, rates of tax and commission are frozen here. Amounts in minor units."""

    __tablename__ = "order_lines"

    id: Mapped[LineKey] = mapped_column(primary_key=True)
    order_id: Mapped[OrderKey] = mapped_column(ForeignKey("orders.id"))
    position: Mapped[int]
    product_id: Mapped[ProductKey] = mapped_column(ForeignKey("products.id"), index=True)
    seller_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"))
    fulfilment_id: Mapped[FulfilmentKey] = mapped_column(ForeignKey("fulfilments.id"), index=True)
    own_sale: Mapped[bool]
    name: Mapped[str]
    quantity: Mapped[Amount] = mapped_column(CheckConstraint("quantity > 0", name="quantity_positive"))
    unit_price: Mapped[Amount]
    tax_rate: Mapped[Decimal] = mapped_column(Numeric(7, 6))
    tax_inclusive: Mapped[bool]
    subtotal: Mapped[Amount]
    discount: Mapped[Amount]
    tax: Mapped[Amount]
    total: Mapped[Amount]
    commission_rate: Mapped[Decimal] = mapped_column(Numeric(7, 6), server_default=text("0"))
    commission: Mapped[Amount] = mapped_column(server_default=text("0"))

    __table_args__ = (UniqueConstraint("order_id", "position"),)
