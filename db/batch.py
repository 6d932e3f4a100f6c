"""Writes all that a session holds in one statement, where SQLAlchemy's own flush takes one for every table and level.

An order is a dozen rows in nine tables and its outcome changes four of them: on the way to the buyer's answer the
round trips were half of a worker's work.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import ARRAY, Executable, Insert, Update, bindparam, func, insert, inspect, literal, select, update
from sqlalchemy import Table as SqlTable
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import make_transient, make_transient_to_detached

from db.tables.declarative import Table


class _Rows(NamedTuple):
    """Rows of one table that are written alike: the columns that new ones have, or that changed."""

    table: SqlTable
    verb: Literal["insert", "update"]
    columns: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.key for column in self.table.primary_key)

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.columns if self.verb == "insert" else self.key + self.columns


async def flush(session: AsyncSession) -> None:
    """Write new and changed rows, as `session.flush` does; rows may refer to each other in any order.

    PostgreSQL checks foreign keys at the end of a statement. A changed row must be locked: that it is still there is
    not looked at. What the server fills in by itself is not read back.
    """
    parts = _parts(session)
    if not parts:
        return
    values: dict[str, Any] = {}
    for number, (part, rows) in enumerate(parts.items()):
        for name in part.parameters:
            given = [getattr(row, name) for row in rows]
            values[f"{name}_{number}"] = given if len(given) > 1 else given[0]
    await session.execute(_statement(tuple((part, len(rows) > 1) for part, rows in parts.items())), values)
    for rows in parts.values():
        for row in rows:
            _settle(session, row)


def _parts(session: AsyncSession) -> Mapping[_Rows, list[Table]]:
    parts: defaultdict[_Rows, list[Table]] = defaultdict(list)
    for row in cast("list[Table]", list(session.new)):
        mapper = inspect(row).mapper
        for column in mapper.columns:
            if column.nullable and column.server_default is None:
                row.__dict__.setdefault(column.key, None)
        columns = tuple(column.key for column in mapper.columns if column.key in row.__dict__)
        parts[_Rows(cast("SqlTable", mapper.local_table), "insert", columns)].append(row)
    for row in cast("list[Table]", list(session.dirty)):
        state = inspect(row)
        columns = tuple(column.key for column in state.mapper.columns if column.key not in state.unmodified)
        if columns:
            parts[_Rows(cast("SqlTable", state.mapper.local_table), "update", columns)].append(row)
    return parts


def _settle(session: AsyncSession, row: Table) -> None:
    """Make the row, to the session, one that was read; a row whose key only the server knows leaves it."""
    make_transient(row)
    if all(column.key in row.__dict__ for column in inspect(row).mapper.primary_key):
        make_transient_to_detached(row)
        session.add(row)


# One for every mixture of tables and columns that is written together. The number of rows makes no other, but for one
# row, whose parameters are plain values, where those of several are arrays.
@lru_cache(maxsize=256)
def _statement(parts: tuple[tuple[_Rows, bool], ...]) -> Executable:
    return select(literal(1)).add_cte(
        *(
            (_many(number, part) if several else _one(number, part)).cte(f"part_{number}")
            for number, (part, several) in enumerate(parts)
        )
    )


def _one(number: int, part: _Rows) -> Insert | Update:
    types = {name: part.table.c[name].type for name in part.parameters}
    given = {name: bindparam(f"{name}_{number}", type_=kind) for name, kind in types.items()}
    return insert(part.table).values(given) if part.verb == "insert" else _update(part, given)


def _many(number: int, part: _Rows) -> Insert | Update:
    types = {name: part.table.c[name].type for name in part.parameters}
    given = select(
        *(func.unnest(bindparam(f"{name}_{number}", type_=ARRAY(kind))).label(name) for name, kind in types.items())
    )
    if part.verb == "insert":
        return insert(part.table).from_select(part.columns, given)
    return _update(part, dict(given.subquery().c.items()))


def _update(part: _Rows, given: Mapping[str, Any]) -> Update:
    return (
        update(part.table)
        .where(*(part.table.c[name] == given[name] for name in part.key))
        .values({name: given[name] for name in part.columns})
    )
