"""Who buys, sells and operates."""

from sqlalchemy import Index, text
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
    created: Mapped[Time]

    __table_args__ = (Index("uq_accounts_email", text("lower(email)"), unique=True),)
