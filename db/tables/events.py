"""The append-only event log: audit trail, outbox and source of live status in one."""

from typing import Any

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from db.tables.declarative import EventKey, Table, Time


class TransactionId(UserDefinedType[str]):
    """PostgreSQL's xid8, the transaction that wrote a row."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "XID8"


class EventRow(Table):
    """Sequence numbers don't commit in order: `transaction_id` lets a reader stop below the oldest running one."""

    __tablename__ = "events"

    sequence: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(TransactionId, server_default=text("pg_current_xact_id()"))
    id: Mapped[EventKey] = mapped_column(unique=True)
    type: Mapped[str]
    version: Mapped[int]
    time: Mapped[Time]
    source: Mapped[str]
    subject: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    correlation_id: Mapped[str]
    causation_id: Mapped[str | None]

    __table_args__ = (
        Index("ix_events_subject", "subject", "sequence"),
        Index("ix_events_transaction_id", "transaction_id", "sequence"),
    )


class EventCursor(Table):
    """How far a consumer has read: up to this event, in the order of transactions and, within one, of the log.

    Events up to `floor` were read before the log came here from another cluster, whose transactions count otherwise.
    """

    __tablename__ = "event_cursors"

    consumer: Mapped[str] = mapped_column(primary_key=True)
    transaction_id: Mapped[str] = mapped_column(TransactionId)
    sequence: Mapped[int] = mapped_column(BigInteger)
    floor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
