"""Who buys, sells and operates."""

from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import AccountKey, Table, Time, status_of
from domain.orders import Role


class Account(Table):
    __tablename__ = "accounts"

    id: Mapped[AccountKey] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(status_of(Role, "role"))
    password_hash: Mapped[str]
    # What the deployment keeps of this seller's sales, where that was agreed; otherwise its own rate counts.
    commission_rate: Mapped[Decimal | None] = mapped_column(
        Numeric(7, 6), CheckConstraint("commission_rate >= 0 AND commission_rate < 1", name="commission_rate_fraction")
    )
    created: Mapped[Time]

    __table_args__ = (Index("uq_accounts_email", text("lower(email)"), unique=True),)
