"""Pages of what is for sale, by text, filters and order; no look costs more in a larger catalogue (decision 17)."""

from typing import NamedTuple

from sqlalchemy import Select, Subquery, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from db import categories
from db.looking import Look, Part
from db.tables import Product
from db.words import FEW, find_words, listed_under
from domain.errors import CursorInvalid
from domain.search import Sort, Wanted

# How many products of a list are looked at for one page when filters that the list knows nothing of let few through.
WINDOW = 1000
# With many categories below the wanted one: how many times the page are looked at in each.
_TIMES_EACH = 4


class Found(NamedTuple):
    """`resume` is the product that the look ended at before the page was full: others may follow it."""

    ids: list[str]
    has_more: bool
    resume: str | None = None


async def find(session: AsyncSession, wanted: Wanted, part: Part) -> Found:
    """The wanted products for sale. Raises CursorInvalid for a cursor that is no product."""
    words = None if wanted.text is None else await find_words(session, wanted.text)
    below = None if wanted.category is None else await categories.below(session, wanted.category)
    if below == [] or (words is None and wanted.text is not None):
        return Found([], has_more=False)
    look = Look(wanted, part, words, below)
    await _check_cursors(session, look)
    short = await _short_list(session, look)
    return await _whole(session, look, short) if short is not None else await _walk(session, look)


async def _check_cursors(session: AsyncSession, look: Look) -> None:
    """An id is a time of its own; a price or a rank is known of a product only."""
    for cursor in (look.part.after, look.part.before):
        if cursor is not None and look.wanted.sort is not Sort.NEWEST:
            known = await session.scalar(select(Product.id).where(Product.id == cursor))
            if known is None:
                raise CursorInvalid


async def _short_list(session: AsyncSession, look: Look) -> Select[str] | None:
    """A list that has all that is wanted and is short enough to be looked through whole; None when there is none.

    A text of common words is looked for among the best of the rarest one's list, unless a seller or a category is.
    """
    words = look.words
    best = None if words is None else listed_under(words.rarest)
    if words is not None and words.listed <= FEW:
        return best
    if look.crowded:
        lists = look.lists
        counts = [select(func.count()).select_from(each.limit(FEW + 1).subquery()).scalar_subquery() for each in lists]
        measured = (await session.execute(select(*counts))).one() if counts else ()
        for each, count in zip(lists, measured, strict=True):
            if count <= FEW:
                return each
    return best if look.wanted.seller is None and look.below is None else None


async def _whole(session: AsyncSession, look: Look, short: Select[str]) -> Found:
    """A page of what is wanted of a short list."""
    chosen = short.limit(FEW).subquery("chosen")
    listed = select(Product.id).join(chosen, chosen.c.id == Product.id).where(*look.filters)
    return _page(look, list(await session.scalars(look.ordered(listed, look.wanted.sort).limit(look.part.limit + 1))))


async def _walk(session: AsyncSession, look: Look) -> Found:
    """A page of what is wanted by a list in its order: as much of that as the page needs, or a window of it."""
    sort = Sort.NEWEST if look.wanted.sort is Sort.RELEVANCE else look.wanted.sort
    rest, size = look.beside(sort), look.part.limit + 1
    many = 1 if look.below is None or look.wanted.seller is not None else len(look.below)
    looked_at = max(_TIMES_EACH * size, WINDOW // many) if rest else size
    window = _window(look, sort, looked_at)
    order = look.order(window.c, sort)
    page = select(window.c.id).order_by(*order).limit(size)
    if rest:
        page = page.join(Product, Product.id == window.c.id).where(*rest)
    found = _page(look, list(await session.scalars(page)))
    if found.has_more or not rest:
        return found
    last = await session.scalar(select(window.c.id).order_by(*order).offset(looked_at - 1).limit(1))
    return Found(found.ids, has_more=last is not None, resume=last)


def _window(look: Look, sort: Sort, size: int) -> Subquery:
    """The first products of the list that is in this order, with what they are ordered by."""
    products = select(Product.id, Product.price).where(Product.active)
    if sort is not Sort.NEWEST:
        products = products.where(*look.priced)
    if look.wanted.seller is not None:
        products = products.where(Product.seller_id == look.wanted.seller)
    elif look.below is not None:
        branch = look.branches
        each = look.ordered(products.where(Product.category_id == branch.c.id), sort).limit(size)
        parts = each.correlate(branch).lateral()
        merged = select(parts.c.id, parts.c.price).select_from(branch.join(parts, true()))
        return merged.order_by(*look.order(parts.c, sort)).limit(size).subquery("window")
    return look.ordered(products, sort).limit(size).subquery("window")


def _page(look: Look, ids: list[str]) -> Found:
    """Of one more than the page has room for."""
    shown = ids[: look.part.limit]
    if look.part.backwards:
        shown.reverse()
    return Found(shown, has_more=len(ids) > look.part.limit)
