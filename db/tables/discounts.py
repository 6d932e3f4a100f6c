"""Discount codes, and which order uses which."""

from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import AccountKey, Amount, CurrencyCode, DiscountKey, OrderKey, Table, Time, status_of
from domain.discounts import DiscountKind, UseState


class Discount(Table):
    """The constraints are those of `DiscountTerms`: every row makes terms. Amounts in minor units."""

    __tablename__ = "discounts"

    id: Mapped[DiscountKey] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(
        CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9_-]{2,39}$'", name="code_as_typed"), unique=True
    )
    kind: Mapped[DiscountKind] = mapped_column(status_of(DiscountKind, "kind"))
    percent: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    amount: Mapped[Amount | None]
    currency: Mapped[CurrencyCode | None]
    minimum: Mapped[Amount | None]
    cap: Mapped[Amount | None]
    starts: Mapped[Time | None]
    ends: Mapped[Time | None]
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    # Shown to every buyer, not only to those who were told the code.
    listed: Mapped[bool] = mapped_column(server_default=text("false"))
    uses: Mapped[int | None]
    uses_per_buyer: Mapped[int | None]
    # How many uses are held or used; moved under lock with the uses themselves.
    taken: Mapped[int] = mapped_column(server_default=text("0"))
    created: Mapped[Time]
    updated: Mapped[Time]

    __table_args__ = (
        CheckConstraint("(kind = 'percentage') = (percent IS NOT NULL)", name="percent_of_a_percentage"),
        CheckConstraint("(kind = 'fixed') = (amount IS NOT NULL)", name="amount_of_a_fixed_one"),
        CheckConstraint("kind <> 'fixed' OR cap IS NULL", name="no_cap_on_a_fixed_one"),
        CheckConstraint("currency IS NOT NULL OR num_nonnulls(amount, minimum, cap) = 0", name="amounts_in_a_currency"),
        CheckConstraint("percent > 0 AND percent <= 100", name="percent_in_range"),
        CheckConstraint("amount > 0 AND minimum > 0 AND cap > 0", name="amounts_positive"),
        CheckConstraint("ends > starts", name="period_not_empty"),
        CheckConstraint("uses > 0 AND uses_per_buyer > 0", name="limits_positive"),
        CheckConstraint("taken >= 0", name="taken_not_negative"),
    )


class DiscountUse(Table):
    """One order's use of a code."""

    __tablename__ = "discount_uses"

    order_id: Mapped[OrderKey] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    discount_id: Mapped[DiscountKey] = mapped_column(ForeignKey("discounts.id"))
    buyer_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"))
    state: Mapped[UseState] = mapped_column(status_of(UseState, "state"))
    created: Mapped[Time]
    updated: Mapped[Time]

    __table_args__ = (Index("ix_discount_uses_buyer", "discount_id", "buyer_id"),)
