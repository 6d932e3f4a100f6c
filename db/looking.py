"""What is looked for in the catalogue, as conditions and orders of SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Select, Subquery, any_, func, literal, select, true, tuple_
from sqlalchemy.orm import aliased

from db.tables import Category, Product, Stock
from db.words import FEW, Words
from domain.search import Sort, Wanted

Selected = TypeVar("Selected", bound=Select[*tuple[Any, ...]])
_Mark = aliased(Product, name="mark")


class Part(NamedTuple):
    """Which part of a list is wanted; `after` and `before` are products that it lies between."""

    limit: int
    after: str | None = None
    before: str | None = None

    @property
    def backwards(self) -> bool:
        return self.before is not None


@dataclass(frozen=True, slots=True)
class Look:
    """`below` are the wanted category and all below it."""

    wanted: Wanted
    part: Part
    words: Words | None
    below: Sequence[str] | None

    @property
    def branches(self) -> Subquery:
        return select(Category.id).where(Category.id == self._any_below).subquery("branch")

    @property
    def priced(self) -> list[ColumnElement[bool]]:
        """The currency and the range of prices, which a list by price is in the order of."""
        wanted = self.wanted
        found = [] if wanted.currency is None else [Product.currency == wanted.currency]
        if wanted.min_price is not None:
            found.append(Product.price >= wanted.min_price)
        if wanted.max_price is not None:
            found.append(Product.price <= wanted.max_price)
        return found

    @property
    def filters(self) -> list[ColumnElement[bool]]:
        """All that is wanted."""
        sold = (
            [Product.active]
            if self.wanted.seller is None
            else [Product.active, Product.seller_id == self.wanted.seller]
        )
        return [*sold, *self._in_category, *self.priced, *self._matching]

    def beside(self, sort: Sort) -> list[ColumnElement[bool]]:
        """What the list that is in this order, the seller's, the category's or that of all, knows nothing of."""
        within = self._in_category if self.wanted.seller is not None else []
        return [*within, *(self.priced if sort is Sort.NEWEST else []), *self._matching]

    @property
    def crowded(self) -> bool:
        """Whether no list has only what is wanted: a shorter one may be better than the one in the right order."""
        wanted = self.wanted
        both = wanted.seller is not None and self.below is not None
        return self.words is not None or both or (wanted.priced and not wanted.by_price)

    @property
    def lists(self) -> list[Select[str]]:
        """Lists that have all that is wanted, and more; their order is that of an index, so that it is taken."""
        products = select(Product.id).where(Product.active)
        found = []
        if self.wanted.seller is not None:
            found.append(products.where(Product.seller_id == self.wanted.seller).order_by(Product.id.desc()))
        if self.below is not None:
            found.append(self._by_category())
        if self.wanted.priced:
            found.append(products.where(*self.priced).order_by(Product.price, Product.id))
        return found

    def ordered(self, query: Selected, sort: Sort) -> Selected:
        """The part of products beyond the cursors, in this order."""
        keys = _keys(Product, sort, self.words)
        for mark, beyond in ((self.part.after, _falls(sort)), (self.part.before, not _falls(sort))):
            if mark is not None:
                left, right = tuple_(*keys), tuple_(*self._mark(mark, sort))
                query = query.where(left < right if beyond else left > right)
        return query.order_by(*self.order(Product, sort))

    def order(self, source: Any, sort: Sort) -> list[ColumnElement[Any]]:  # noqa: ANN401 - Product, or columns of its kind
        """The same order for the products of a part."""
        down = _falls(sort) is not self.part.backwards
        return [key.desc() if down else key.asc() for key in _keys(source, sort, self.words)]

    def _mark(self, product_id: str, sort: Sort) -> list[ColumnElement[Any]]:
        identity = literal(product_id, Product.id.type)
        *others, _ = _keys(_Mark, sort, self.words)
        return [*(select(key).where(_Mark.id == identity).scalar_subquery() for key in others), identity]

    def _by_category(self) -> Select[str]:
        branch = self.branches
        each = select(Product.id).where(Product.active, Product.category_id == branch.c.id)
        parts = each.order_by(Product.id.desc()).limit(FEW + 1).correlate(branch).lateral()
        return select(parts.c.id).select_from(branch.join(parts, true()))

    @property
    def _any_below(self) -> ColumnElement[Any]:
        return any_(literal(self.below, ARRAY(Category.id.type)))

    @property
    def _in_category(self) -> list[ColumnElement[bool]]:
        return [] if self.below is None else [Product.category_id == self._any_below]

    @property
    def _matching(self) -> list[ColumnElement[bool]]:
        """What no list is ordered by."""
        found: list[ColumnElement[bool]] = []
        if self.words is not None:
            found.append(Product.search.bool_op("@@")(self.words.query))
        if self.wanted.in_stock is not None:
            # Looked up for each product: joined, a short list could be answered by reading all of the stock.
            sellable = select(Stock.on_hand > Stock.held).where(Stock.product_id == Product.id).correlate(Product)
            found.append(sellable.scalar_subquery() == literal(self.wanted.in_stock))
        return found


def _falls(sort: Sort) -> bool:
    return sort is not Sort.PRICE


def _keys(source: Any, sort: Sort, words: Words | None) -> list[ColumnElement[Any]]:  # noqa: ANN401 - Product, an alias, columns
    """What an order compares, the product's id last: no two are alike."""
    match sort:
        case Sort.NEWEST:
            return [source.id]
        case Sort.PRICE | Sort.PRICE_DESCENDING:
            return [source.price, source.id]
        case Sort.RELEVANCE:
            assert words is not None, "only a text has a relevance"
            return [func.ts_rank(source.search, words.query), source.id]
