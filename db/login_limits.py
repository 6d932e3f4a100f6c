"""The one writer of login counters: tries are counted before they are made, so that many at once are as few as one.

Counted in PostgreSQL: all API processes count together. Names and addresses are kept as hashes, for the window only.
"""

import hashlib
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, delete, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import CounterKind, LoginCounter
from domain.accounts import normal_email
from domain.sign_in import Limit, SignInRules

_ALL = b""


class Attempt(NamedTuple):
    """Who tries to log in as whom, hashed; it makes no difference whether there is such an account."""

    name: bytes
    address: bytes

    @classmethod
    def of(cls, email: str, address: str) -> "Attempt":
        return cls(hashed(normal_email(email)), hashed(address))


class _Counted(NamedTuple):
    kind: CounterKind
    name: bytes
    address: bytes
    limit: Limit


async def count_login(session: AsyncSession, attempt: Attempt, rules: SignInRules, at: datetime) -> int | None:
    """Count a try; in how many seconds to come again when there were too many, and then no password is looked at.

    The address is first: what it tries beyond its limit counts for nobody's name.
    """
    name, address = attempt
    return await _count(
        session,
        [
            _Counted(CounterKind.LOGIN, _ALL, address, rules.per_address),
            _Counted(CounterKind.LOGIN, name, address, rules.per_name_and_address),
            _Counted(CounterKind.LOGIN, name, _ALL, rules.per_name),
        ],
        at,
    )


async def count_registration(session: AsyncSession, address: str, rules: SignInRules, at: datetime) -> int | None:
    """Count a registration, or a change of e-mail: both tell whether an address has an account."""
    limit = rules.registrations_per_address
    return await _count(session, [_Counted(CounterKind.REGISTRATION, _ALL, hashed(address), limit)], at)


async def forgive(session: AsyncSession, attempt: Attempt) -> None:
    """The password was right: this try counts nowhere, and earlier ones for the name from here are forgotten.

    NIST SP 800-63B-4, 3.2.2.
    """
    name, address = attempt
    await session.execute(_take_back(_ALL, address))
    await session.execute(delete(LoginCounter).where(_is(CounterKind.LOGIN, name, address)))
    await session.execute(_take_back(name, _ALL))


async def take_back(session: AsyncSession, attempt: Attempt) -> None:
    """No password was compared: this try counts nowhere."""
    name, address = attempt
    for counted in (_take_back(_ALL, address), _take_back(name, address), _take_back(name, _ALL)):
        await session.execute(counted)


async def forget(session: AsyncSession, email: str) -> None:
    """Delete what was counted for a name; what was counted from one address first, as tries lock them."""
    counted = delete(LoginCounter).where(LoginCounter.name == hashed(normal_email(email)))
    await session.execute(counted.where(LoginCounter.address != _ALL))
    await session.execute(counted)


def hashed(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


async def _count(session: AsyncSession, every: Sequence[_Counted], at: datetime) -> int | None:
    """Rows are always locked in this order, address, name from there, name: no two tries wait for each other."""
    for each in every:
        fresh = insert(LoginCounter).values(
            kind=each.kind,
            name=each.name,
            address=each.address,
            times=1,
            ends=at + timedelta(seconds=each.limit.seconds),
        )
        over = LoginCounter.ends <= at
        counted = fresh.on_conflict_do_update(
            index_elements=["kind", "name", "address"],
            set_={
                "times": case((over, 1), else_=LoginCounter.times + 1),
                "ends": case((over, fresh.excluded.ends), else_=LoginCounter.ends),
            },
        ).returning(LoginCounter.times, LoginCounter.ends)
        times, ends = (await session.execute(counted)).one()
        if times > each.limit.times:
            return max(1, math.ceil((ends - at).total_seconds()))
    return None


def _take_back(name: bytes, address: bytes) -> Any:  # noqa: ANN401 - SQLAlchemy's own type of an update
    return (
        update(LoginCounter)
        .where(_is(CounterKind.LOGIN, name, address))
        .values(times=func.greatest(LoginCounter.times - 1, 0))
        .execution_options(synchronize_session=False)
    )


def _is(kind: CounterKind, name: bytes, address: bytes) -> ColumnElement[bool]:
    return and_(LoginCounter.kind == kind, LoginCounter.name == name, LoginCounter.address == address)
