"""Lists of products: how they are asked for, and which part of one."""

from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, model_validator

from api.deps import Principal
from api.lists import Page, PageQuery, cursor_of
from api.products import MAX_PRICE, CurrencyCode, ProductView
from api.schemas import Slug
from db.looking import Part
from db.tables import Product
from domain.errors import RoleNotAllowed, TokenMissing
from domain.ids import AccountId, ProductId
from domain.orders import Role
from domain.search import MAX_TEXT, Sort, Wanted, read_text
from domain.values import TEXT

_Amount = Annotated[int | None, Query(ge=0, le=MAX_PRICE, description="In minor units of `currency`.")]


class ProductFilter(BaseModel):
    """Prices are compared within one currency only."""

    q: Annotated[
        str | None,
        Query(
            max_length=MAX_TEXT,
            pattern=TEXT,
            description='All of these words; "phrases" and -exclusions too. A word that nobody has is taken for the '
            "nearest that somebody has.",
        ),
    ] = None
    category: Annotated[Slug | None, Query(description="A slug; categories below it are meant too.")] = None
    seller: Annotated[AccountId | None, Query()] = None
    currency: Annotated[CurrencyCode | None, Query(description="Needed by prices and by an order of them.")] = None
    min_price: _Amount = None
    max_price: _Amount = None
    in_stock: Annotated[bool | None, Query(description="Whether some can be sold, or none.")] = None
    sort: Annotated[Sort | None, Query(description="`relevance` with a text, otherwise `newest`.")] = None
    active: Annotated[
        bool,
        Query(description="`false`: what the caller does not offer; staff name its seller. Takes no other filter."),
    ] = True

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        prices = self.min_price is not None or self.max_price is not None
        if self.currency is None and (prices or self.sort in {Sort.PRICE, Sort.PRICE_DESCENDING}):
            raise ValueError("Prices need a currency")
        if self.sort is Sort.RELEVANCE and not self._text:
            raise ValueError("Without a text nothing is relevant")
        if not self.active and self.model_fields_set - {"active", "seller"}:
            raise ValueError("What is not for sale is listed by its seller alone")
        return self

    @property
    def wanted(self) -> Wanted:
        """What is asked for of what is for sale."""
        shared = self.model_dump(include=Wanted.model_fields.keys() - {"sort"})
        text = read_text(self._text) if self._text else None
        return Wanted(**shared, text=text, sort=self.sort or (Sort.RELEVANCE if text else Sort.NEWEST))

    @property
    def _text(self) -> str:
        return (self.q or "").strip()


class ProductPage(Page[ProductView]):
    """`resume` is set when the look ended before the page was full: the list goes on from there, in the same direction.

    It may be no product of the page, and a page may be empty and still have more.
    """

    resume: ProductId | None = None


def whose(asked: ProductFilter, caller: Principal | None) -> str:
    """Whose products that are not for sale may be listed. Raises TokenMissing or RoleNotAllowed."""
    if caller is None:
        raise TokenMissing
    if caller.role is Role.SELLER and asked.seller in {None, caller.account_id}:
        return caller.account_id
    if caller.role is Role.ADMIN and asked.seller is not None:
        return asked.seller
    raise RoleNotAllowed(role=caller.role)


def part_of(paging: PageQuery) -> Part:
    """Raises CursorInvalid."""
    after, before = (
        None if cursor is None else cursor_of(Product.id, cursor)
        for cursor in (paging.starting_after, paging.ending_before)
    )
    return Part(limit=paging.limit, after=after, before=before)
