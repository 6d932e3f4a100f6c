"""What a deployment's database is like: what the doctor judges."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import exists, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from db.cursors import FOREIGN
from db.migrate import versions
from db.session import Database
from db.tables import Account, Incident, ShippingRate
from domain.accounts import AccountStatus
from domain.orders import Role


class DatabaseUnreadable(Exception):
    """It could not be looked at; `kind` is the driver's word for why, which tells no password and no address."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"The database could not be read: {kind}.")


class Condition(NamedTuple):
    """`behind` when the schema is older than what this release needs, or none.

    `restored` when the event log has events of another cluster: a dump was restored into this one.
    """

    version: int
    schema: str | None
    newest_schema: str
    behind: bool
    superuser: bool
    clocks_apart: timedelta
    restored: bool
    open_incidents: int
    shipping_rates: int
    administrators: int


async def condition(database: Database) -> Condition:
    """Raises DatabaseUnreadable, also for one that was never migrated."""
    try:
        async with database.transaction() as session:
            return await _seen(session)
    except (OSError, SQLAlchemyError) as error:
        raise DatabaseUnreadable(type(getattr(error, "orig", error)).__name__) from error


async def _seen(session: AsyncSession) -> Condition:
    theirs: datetime = (await session.scalars(select(func.clock_timestamp()))).one()
    apart = abs(datetime.now(UTC) - theirs)
    schema, (newest, *older) = await session.scalar(text("SELECT version_num FROM alembic_version")), versions()
    is_open = select(func.count()).select_from(Incident).where(Incident.closed.is_(None))
    administrates = select(func.count()).where(Account.role == Role.ADMIN, Account.status == AccountStatus.ACTIVE)
    return Condition(
        version=int(str(await session.scalar(text("SHOW server_version_num")))) // 10_000,
        schema=schema,
        newest_schema=newest,
        behind=schema is None or schema in older,
        superuser=bool(await session.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))),
        clocks_apart=apart,
        restored=bool(await session.scalar(select(exists().where(FOREIGN)))),
        open_incidents=await session.scalar(is_open) or 0,
        shipping_rates=await session.scalar(select(func.count()).select_from(ShippingRate)) or 0,
        administrators=await session.scalar(administrates) or 0,
    )
