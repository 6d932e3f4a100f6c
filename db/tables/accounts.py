"""Who buys, sells and operates, and what staff changed of it."""

from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import AccountKey, Table, Time, status_of
from domain.accounts import AccountStatus, ChangeReason
from domain.orders import Role


class Account(Table):
    """An erased account is an id, a role and a date: the books refer to it."""

    __tablename__ = "accounts"

    id: Mapped[AccountKey] = mapped_column(primary_key=True)
    email: Mapped[str | None]
    name: Mapped[str | None]
    role: Mapped[Role] = mapped_column(status_of(Role, "role"))
    status: Mapped[AccountStatus] = mapped_column(
        status_of(AccountStatus, "status"), server_default=AccountStatus.ACTIVE.value
    )
    password_hash: Mapped[str | None]
    # What the deployment keeps of this seller's sales, where that was agreed; otherwise its own rate counts.
    commission_rate: Mapped[Decimal | None] = mapped_column(
        Numeric(7, 6), CheckConstraint("commission_rate >= 0 AND commission_rate < 1", name="commission_rate_fraction")
    )
    created: Mapped[Time]

    __table_args__ = (
        Index("uq_accounts_email", text("lower(email)"), unique=True),
        Index("ix_accounts_administrators", "id", postgresql_where="role = 'admin'"),
        CheckConstraint(
            "num_nonnulls(email, name, password_hash) = CASE status WHEN 'erased' THEN 0 ELSE 3 END",
            name="erased_is_blank",
        ),
    )


class AccountChangeRow(Table):
    """What staff changed of an account: the value that is set from then on, why, and their note."""

    __tablename__ = "account_changes"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"), index=True)
    actor_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"))
    role: Mapped[Role | None] = mapped_column(status_of(Role, "role"))
    status: Mapped[AccountStatus | None] = mapped_column(status_of(AccountStatus, "status"))
    reason: Mapped[ChangeReason] = mapped_column(status_of(ChangeReason, "reason"))
    note: Mapped[str | None]
    created: Mapped[Time]
