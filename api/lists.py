"""Lists as Stripe has them: newest first, `limit`, `starting_after`, `ending_before`, `has_more`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from db.ids import TypeIdColumn
from domain.errors import CursorInvalid
from domain.values import Value

Item = TypeVar("Item", bound=BaseModel)


class Page(Value, Generic[Item]):
    """One page; `has_more` tells whether more lie in the direction asked for."""

    object: Literal["list"] = "list"
    data: tuple[Item, ...]
    has_more: bool


class PageQuery(BaseModel):
    """Where in a list to read; both cursors are ids of items and exclude them."""

    limit: int = Query(default=20, ge=1, le=100)
    starting_after: str | None = Query(default=None, max_length=64, description="An id: older items follow it.")
    ending_before: str | None = Query(default=None, max_length=64, description="An id: newer items lead up to it.")


Paging = Annotated[PageQuery, Query()]


async def page_of(
    session: AsyncSession,
    query: Select[str],
    key: InstrumentedAttribute[str],
    paging: PageQuery,
    read: Callable[[list[str]], Awaitable[list[Item]]],
) -> Page[Item]:
    """Run a query of time-ordered ids as a page of what `read` makes of them."""
    backwards = paging.ending_before is not None
    if paging.starting_after is not None:
        query = query.where(key < cursor_of(key, paging.starting_after))
    if paging.ending_before is not None:
        query = query.where(key > cursor_of(key, paging.ending_before))
    ordered = query.order_by(key if backwards else key.desc()).limit(paging.limit + 1)
    ids = list(await session.scalars(ordered))
    shown = ids[: paging.limit]
    if backwards:
        shown.reverse()
    return Page[Item](data=tuple(await read(shown)), has_more=len(ids) > paging.limit)


def cursor_of(key: InstrumentedAttribute[str], given: str) -> str:
    """The cursor, if it is an id of the list's kind. Raises CursorInvalid."""
    kind = key.type
    assert isinstance(kind, TypeIdColumn), "lists are ordered by their ids"
    if not kind.reads(given):
        raise CursorInvalid
    return given
