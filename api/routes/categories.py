"""The tree that products are sorted into (C2)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import Admin, Wired, now
from api.lists import Page
from api.schemas import Sent, Slug, absent
from db import categories
from db.tables import Category
from domain.categories import Tree
from domain.ids import CategoryId
from domain.values import WORD, Value

router = APIRouter(prefix="/v1/categories", tags=["Catalogue"])

CategoryName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=WORD)]


class NewCategory(Sent):
    """`parent` is the slug of the category above; without one it stands at the top."""

    slug: Slug
    name: CategoryName
    parent: Slug | None = None


class CategoryChange(Sent):
    """What is left out stays as it is; `parent: null` moves it to the top."""

    slug: Slug = Field(default_factory=absent)
    name: CategoryName = Field(default_factory=absent)
    parent: Slug | None = None


class CategoryView(Value):
    """`parent` is a slug."""

    id: CategoryId
    object: Literal["category"] = "category"
    created: datetime
    updated: datetime
    slug: str
    name: str
    parent: str | None


class CategoryNode(CategoryView):
    """A category with those below it."""

    children: tuple["CategoryNode", ...]


@router.get("", operation_id="listCategories")
async def list_categories(wired: Wired) -> Page[CategoryNode]:
    """The whole tree, each level by name."""
    async with wired.database.transaction() as session:
        rows = await categories.all_of_them(session)
    tree, by_id = Tree({row.id: row.parent_id for row in rows}), {row.id: row for row in rows}

    def nodes(above: Category | None) -> tuple[CategoryNode, ...]:
        below = [by_id[each] for each in tree.children(None if above is None else above.id)]
        return tuple(CategoryNode(**_fields(each, above), children=nodes(each)) for each in below)

    return Page[CategoryNode](data=nodes(None), has_more=False)


@router.post("", operation_id="createCategory", status_code=201, responses={409: {}})
async def create_category(body: NewCategory, _: Admin, wired: Wired) -> CategoryView:
    """A new category, at most five levels deep."""
    async with wired.database.transaction() as session:
        return await _shown(session, await categories.add(session, body.model_dump(), now()))


@router.patch("/{category_id}", operation_id="changeCategory", responses={409: {}})
async def change_category(category_id: CategoryId, body: CategoryChange, _: Admin, wired: Wired) -> CategoryView:
    """Rename a category, or move it with all that is below it."""
    fields = {name: getattr(body, name) for name in body.model_fields_set}
    async with wired.database.transaction() as session:
        return await _shown(session, await categories.change(session, category_id, fields, now()))


@router.delete("/{category_id}", operation_id="deleteCategory", status_code=204, responses={409: {}})
async def delete_category(category_id: CategoryId, _: Admin, wired: Wired) -> None:
    """Delete a category that has no products and no categories below it."""
    async with wired.database.transaction() as session:
        await categories.remove(session, category_id)


async def _shown(session: AsyncSession, row: Category) -> CategoryView:
    above = None if row.parent_id is None else await session.get_one(Category, row.parent_id)
    return CategoryView(**_fields(row, above))


def _fields(row: Category, above: Category | None) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in ("id", "created", "updated", "slug", "name")}
    return {**columns, "parent": None if above is None else above.slug}
