"""Mails that events gave rise to: who is told what, and how far that has come. Addresses stand elsewhere."""

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import AccountKey, EventKey, MailKey, OrderKey, Table, Time, status_of
from domain.mails import MailKind, MailState


class Mail(Table):
    """One for each event, recipient and kind, whatever is repeated. `due` is when it is anybody's to send.

    `attempts` counts the claims: who claimed it says how that ended only as long as nobody claimed it after.
    """

    __tablename__ = "mails"

    id: Mapped[MailKey] = mapped_column(primary_key=True)
    event_id: Mapped[EventKey] = mapped_column(ForeignKey("events.id"))
    order_id: Mapped[OrderKey] = mapped_column(ForeignKey("orders.id"), index=True)
    account_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[MailKind] = mapped_column(status_of(MailKind, "kind"))
    state: Mapped[MailState] = mapped_column(status_of(MailState, "state"))
    attempts: Mapped[int]
    reason: Mapped[str | None]
    due: Mapped[Time]
    created: Mapped[Time]
    settled: Mapped[Time | None]

    __table_args__ = (
        UniqueConstraint("event_id", "account_id", "kind"),
        # However often a card is declined, its buyer hears of it once: nobody is to be pestered in another's name.
        Index("uq_mails_declined", "order_id", unique=True, postgresql_where="kind = 'payment_declined'"),
        Index("ix_mails_unsent", "due", "id", postgresql_where="state IN ('waiting', 'sending')"),
    )
