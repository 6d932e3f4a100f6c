"""The one writer of categories, and what is below each; who changes the tree does it alone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import new_id
from db.tables import Category, Product
from domain.categories import MAX_CATEGORIES, Tree
from domain.errors import CategoriesFull, CategoryExists, CategoryInUse, CategoryUnknown, ResourceNotFound

# Any number that no other advisory lock of the database has.
_TREE_LOCK = 730_188


async def add(session: AsyncSession, fields: Mapping[str, Any], at: datetime) -> Category:
    """A new category; `fields` are its slug, its name and the slug of its parent.

    Raises CategoriesFull, CategoryExists, CategoryUnknown (the parent) or CategoryTooDeep.
    """
    rows = await _locked(session)
    if len(rows) >= MAX_CATEGORIES:
        raise CategoriesFull(limit=MAX_CATEGORIES)
    _check_free(rows, fields["slug"])
    parent = _parent(rows, fields["parent"])
    _tree(rows).check_new(parent)
    category = Category(
        id=new_id("cat"), slug=fields["slug"], name=fields["name"], parent_id=parent, created=at, updated=at
    )
    session.add(category)
    await session.flush()
    return category


async def change(session: AsyncSession, category_id: str, fields: Mapping[str, Any], at: datetime) -> Category:
    """Change those of slug, name and parent that are given.

    Raises ResourceNotFound, CategoryExists, CategoryUnknown (the parent), CategoryCycle or CategoryTooDeep.
    """
    rows = await _locked(session)
    category = _found(rows, category_id)
    if "slug" in fields and fields["slug"] != category.slug:
        _check_free(rows, fields["slug"])
        category.slug = fields["slug"]
    if "parent" in fields:
        parent = _parent(rows, fields["parent"])
        _tree(rows).check_move(category_id, parent)
        category.parent_id = parent
    category.name = fields.get("name", category.name)
    category.updated = at
    await session.flush()
    return category


async def remove(session: AsyncSession, category_id: str) -> None:
    """Raises ResourceNotFound, or CategoryInUse while products are in it or categories below it."""
    rows = await _locked(session)
    category = _found(rows, category_id)
    # A product that is being put in holds the row: wait for it, and keep others out.
    await session.refresh(category, with_for_update=True)
    used = await session.scalar(select(Product.id).where(Product.category_id == category_id).limit(1))
    if used is not None or _tree(rows).children(category_id):
        raise CategoryInUse(slug=category.slug)
    await session.delete(category)
    await session.flush()


async def all_of_them(session: AsyncSession) -> list[Category]:
    """Every category, by name."""
    return list(await session.scalars(select(Category).order_by(Category.name, Category.slug)))


async def id_of(session: AsyncSession, slug: str | None) -> str | None:
    """The category with this slug, which stays until the end of the transaction. Raises CategoryUnknown."""
    if slug is None:
        return None
    kept = select(Category.id).where(Category.slug == slug).with_for_update(read=True, key_share=True)
    found = await session.scalar(kept)
    if found is None:
        raise CategoryUnknown(slug=slug)
    return found


async def below(session: AsyncSession, slug: str) -> list[str]:
    """The category with this slug and all below it; nothing when there is none."""
    top = select(Category.id).where(Category.slug == slug).cte("below", recursive=True)
    step = select(Category.id).join(top, Category.parent_id == top.c.id)
    return list(await session.scalars(select(top.union_all(step).c.id)))


async def _locked(session: AsyncSession) -> dict[str, Category]:
    """All categories by id, in a transaction that alone changes them: two moves at once could make a circle."""
    await session.execute(select(func.pg_advisory_xact_lock(_TREE_LOCK)))
    return {row.id: row for row in await session.scalars(select(Category))}


def _tree(rows: Mapping[str, Category]) -> Tree:
    return Tree({row.id: row.parent_id for row in rows.values()})


def _found(rows: Mapping[str, Category], category_id: str) -> Category:
    if category_id not in rows:
        raise ResourceNotFound(resource="category", id=category_id)
    return rows[category_id]


def _parent(rows: Mapping[str, Category], slug: str | None) -> str | None:
    if slug is None:
        return None
    for row in rows.values():
        if row.slug == slug:
            return row.id
    raise CategoryUnknown(slug=slug)


def _check_free(rows: Mapping[str, Category], slug: str) -> None:
    if any(row.slug == slug for row in rows.values()):
        raise CategoryExists(slug=slug)
