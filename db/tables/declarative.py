"""What every table is declared with: naming, id, money, status and time columns."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Enum, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from db.ids import TypeIdColumn

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

AccountKey = Annotated[str, mapped_column(TypeIdColumn("acc"))]
CartItemKey = Annotated[str, mapped_column(TypeIdColumn("cit"))]
CartKey = Annotated[str, mapped_column(TypeIdColumn("crt"))]
CategoryKey = Annotated[str, mapped_column(TypeIdColumn("cat"))]
DiscountKey = Annotated[str, mapped_column(TypeIdColumn("dsc"))]
EventKey = Annotated[str, mapped_column(TypeIdColumn("evt"))]
FamilyKey = Annotated[str, mapped_column(TypeIdColumn("fam"))]
FulfilmentKey = Annotated[str, mapped_column(TypeIdColumn("ful"))]
IncidentKey = Annotated[str, mapped_column(TypeIdColumn("inc"))]
LineKey = Annotated[str, mapped_column(TypeIdColumn("lin"))]
MailKey = Annotated[str, mapped_column(TypeIdColumn("mai"))]
OrderKey = Annotated[str, mapped_column(TypeIdColumn("ord"))]
PaymentKey = Annotated[str, mapped_column(TypeIdColumn("pay"))]
ProductKey = Annotated[str, mapped_column(TypeIdColumn("prd"))]
RefundKey = Annotated[str, mapped_column(TypeIdColumn("ref"))]
RequestKey = Annotated[str, mapped_column(TypeIdColumn("req"))]

# Minor units of the row's currency.
Amount = Annotated[int, mapped_column(BigInteger)]
CurrencyCode = Annotated[str, mapped_column(String(3))]
Time = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]


class Table(DeclarativeBase):
    """The registry of all tables."""

    metadata = MetaData(naming_convention=NAMING)


def status_of(enum: type[StrEnum], name: str) -> Enum:
    """A text column whose check constraint is generated from the domain's enum."""
    return Enum(
        enum,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )
