"""Double entry: accounts, entries and postings. Entries are never changed or deleted (triggers, revoked rights)."""

from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Identity, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import AccountKey, Table, Time, status_of
from domain.ledger import Account, EntryKind


class LedgerAccount(Table):
    """An account of the chart, per owner and asset. Only guarded accounts carry a balance (credit is positive)."""

    __tablename__ = "ledger_accounts"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[Account] = mapped_column(status_of(Account, "account"))
    owner_id: Mapped[AccountKey | None] = mapped_column(ForeignKey("accounts.id"))
    asset: Mapped[str]
    balance: Mapped[Decimal | None] = mapped_column(Numeric(78, 0))

    __table_args__ = (
        Index(
            "uq_ledger_accounts_owner", "account", "owner_id", "asset", unique=True, postgresql_nulls_not_distinct=True
        ),
        UniqueConstraint("id", "asset"),
        CheckConstraint("(owner_id IS NULL) = (balance IS NULL)", name="only_guarded_accounts_have_a_balance"),
        CheckConstraint("account <> 'buyer_wallet' OR balance >= 0", name="wallet_not_overdrawn"),
    )


class LedgerEntry(Table):
    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[EntryKind] = mapped_column(status_of(EntryKind, "kind"))
    source_kind: Mapped[str]
    source_id: Mapped[str]
    time: Mapped[Time]

    __table_args__ = (UniqueConstraint("source_kind", "source_id", "kind"),)


class LedgerPosting(Table):
    """Debit positive, credit negative, in the asset's smallest unit; an entry sums to zero per asset (trigger)."""

    __tablename__ = "postings"

    entry_id: Mapped[int] = mapped_column(ForeignKey("ledger_entries.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(index=True)
    asset: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(Numeric(78, 0), CheckConstraint("amount <> 0", name="amount_not_zero"))

    __table_args__ = (ForeignKeyConstraint(["account_id", "asset"], ["ledger_accounts.id", "ledger_accounts.asset"]),)
