"""Lists of products: how they are asked for, and which part of one."""

from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, model_validator
from sqlalchemy import Select, select

from api.deps import Principal
from api.lists import Page, PageQuery, cursor_of
from api.products import MAX_PRICE, CurrencyCode, ProductView
from api.schemas import Slug
from db.looking import Part
from db.tables import Product, Stock
from domain.errors import RoleNotAllowed, TokenMissing
from domain.ids import AccountId, ProductId
from domain.orders import Role
from domain.search import MAX_TEXT, Sort, Wanted, read_text
from domain.values import TEXT

_Amount = Annotated[int | None, Query(ge=0, le=MAX_PRICE, description="In minor units of `currency`.")]


_OF_ONE_SELLER = {"active", "low_stock", "seller"}


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
    low_stock: Annotated[
        bool,
        Query(
            description="`true`: what little is left of that the caller offers; staff name its seller. No other filter."
        ),
    ] = False

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        prices = self.min_price is not None or self.max_price is not None
        if self.currency is None and (prices or self.sort in {Sort.PRICE, Sort.PRICE_DESCENDING}):
            raise ValueError("Prices need a currency")
        if self.sort is Sort.RELEVANCE and not self._text:
            raise ValueError("Without a text nothing is relevant")
        if self.of_one_seller and (self.model_fields_set - _OF_ONE_SELLER or (not self.active and self.low_stock)):
            raise ValueError("What is not for sale, or what there is little of, is listed by its seller alone")
        return self

    @property
    def of_one_seller(self) -> bool:
        """Whether it asks for what only the seller and staff may see."""
        return not self.active or self.low_stock

    def of(self, seller_id: str) -> Select[str]:
        """The seller's products that are asked for."""
        own = select(Product.id).where(Product.archived.is_(None), Product.seller_id == seller_id)
        if not self.low_stock:
            return own.where(~Product.active)
        little = select(Stock.product_id).where(Stock.on_hand - Stock.held <= Stock.low_at)
        return own.where(Product.active, Product.id.in_(little))

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
    """Whose products may be listed as only their seller and staff see them. Raises TokenMissing or RoleNotAllowed."""
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
