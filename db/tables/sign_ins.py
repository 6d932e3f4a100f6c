"""Who is signed in: refresh tokens by family and browser sessions, secrets as hashes; and how often it was tried."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import AccountKey, FamilyKey, Table, Time, status_of


class TokenFamily(Table):
    """One login by tokens. Its row is gone, with its tokens, as soon as it ends before its time."""

    __tablename__ = "token_families"

    id: Mapped[FamilyKey] = mapped_column(primary_key=True)
    account_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"), index=True)
    created: Mapped[Time]
    expires: Mapped[Time] = mapped_column(index=True)


class RefreshToken(Table):
    """Used ones are kept as long as their family, so that a stolen one is noticed however old it is.

    `salt` makes the successor of a used token from the token itself, which is not stored: a lost answer can be given
    again, and nobody who reads the database can make it.
    """

    __tablename__ = "refresh_tokens"

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    family_id: Mapped[FamilyKey] = mapped_column(ForeignKey("token_families.id", ondelete="CASCADE"))
    number: Mapped[int]
    created: Mapped[Time]
    expires: Mapped[Time]
    used: Mapped[Time | None]
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (
        UniqueConstraint("family_id", "number"),
        Index("uq_refresh_tokens_current", "family_id", unique=True, postgresql_where="used IS NULL"),
    )


class BrowserSession(Table):
    """One login by cookie."""

    __tablename__ = "sessions"

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"), index=True)
    created: Mapped[Time]
    used: Mapped[Time]
    expires: Mapped[Time] = mapped_column(index=True)


class CounterKind(StrEnum):
    LOGIN = "login"
    REGISTRATION = "registration"


class LoginCounter(Table):
    """How often something was tried in a window. An empty name or address counts for all of them."""

    __tablename__ = "login_counters"

    kind: Mapped[CounterKind] = mapped_column(status_of(CounterKind, "kind"), primary_key=True)
    name: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True, index=True)
    address: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    times: Mapped[int]
    ends: Mapped[Time] = mapped_column(index=True)
