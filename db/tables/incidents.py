"""What a person has to look at."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import AccountKey, IncidentKey, Table, Time, status_of
from domain.incidents import IncidentKind


class Incident(Table):
    """Open until a person closes it; who, when and why stay."""

    __tablename__ = "incidents"

    id: Mapped[IncidentKey] = mapped_column(primary_key=True)
    kind: Mapped[IncidentKind] = mapped_column(status_of(IncidentKind, "kind"))
    subject: Mapped[str]
    details: Mapped[str | None]
    opened: Mapped[Time]
    closed: Mapped[Time | None]
    closed_by: Mapped[AccountKey | None] = mapped_column(ForeignKey("accounts.id"))
    note: Mapped[str | None]

    __table_args__ = (Index("uq_incidents_open", "kind", "subject", unique=True, postgresql_where="closed IS NULL"),)
