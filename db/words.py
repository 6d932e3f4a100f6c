"""The words of a search text: how many products have each, and what a misspelt one was meant to be."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Float, FromClause, Select, Subquery, cast, func, literal, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import ProductWord, SearchWord
from domain.search import SearchText

# A list of products no longer than this is looked through whole; of a longer one, the first so many.
FEW = 500
# Every word is one more list to be measured; what follows is still looked for in the products.
_MEASURED = 10
# Whoever misspells more words is not understood.
_MISSPELT = 3
_GUESSES = 5
_LANGUAGE = "english"


class Words(NamedTuple):
    """How a text is looked for: `query` is what products have to match, `rarest` the word that the fewest have.

    `listed` is how many have it, counted up to one more than FEW.
    """

    query: ColumnElement[Any]
    rarest: str
    listed: int


async def find_words(session: AsyncSession, text: SearchText) -> Words | None:
    """What the text looks for, with words that nobody has taken for the nearest that somebody has; or None."""
    counts = dict((await session.execute(_counted(_said(text.words)))).all())
    missing = [word for word, count in counts.items() if count == 0]
    if not counts or len(missing) > _MISSPELT or any(map(_numbered, missing)):
        return None
    query = _written(text.whole)
    if missing:
        for word in missing:
            del counts[word]
            meant = await _nearest(session, word)
            if meant is None:
                return None
            counts |= meant
        query = _all_of(counts, text.without)
    rarest = min(sorted(counts), key=counts.__getitem__)
    # As a query of its own it is made once, and not for every product.
    return Words(select(query).scalar_subquery(), rarest, counts[rarest])


def _numbered(word: str) -> bool:
    """A number is another number, and no misspelt one."""
    return any(letter.isdigit() for letter in word)


def listed_under(word: Any) -> Select[str]:  # noqa: ANN401 - a text, or a column of texts
    """The products that have the word: first those that are named by it, then the newest."""
    listed = select(ProductWord.product_id.label("id")).where(ProductWord.word == word)
    return listed.order_by(ProductWord.in_name.desc(), ProductWord.product_id.desc())


def _said(words: str) -> Subquery:
    lexemes = func.tsvector_to_array(func.to_tsvector(_LANGUAGE, words))
    return select(func.unnest(lexemes).label("word"), literal(1.0, Float).label("nearness")).limit(_MEASURED).subquery()


def _counted(words: FromClause) -> Any:  # noqa: ANN401 - a select of a word and its count
    """The words, nearest first, with how many products have each; no more are counted than need be."""
    listed = listed_under(words.c.word).limit(FEW + 1).correlate(words).subquery()
    count = select(func.count()).select_from(listed).scalar_subquery()
    return select(words.c.word, count).order_by(words.c.nearness.desc(), words.c.word)


async def _nearest(session: AsyncSession, word: str) -> dict[str, int] | None:
    """The nearest word that products have, with their number: one that begins alike, or is spelt alike."""
    nearness = func.similarity(SearchWord.word, word)
    near = (
        select(SearchWord.word, nearness.label("nearness"))
        .where(SearchWord.word.bool_op("%")(word))
        .order_by(nearness.desc(), SearchWord.word)
        .limit(_GUESSES)
        .subquery()
    )
    for guess, count in await session.execute(_counted(near)):
        if count:
            return {guess: count}
    return None


def _written(text: str) -> ColumnElement[Any]:
    """PostgreSQL's own reading of what people write, which refuses nothing."""
    return func.websearch_to_tsquery(_LANGUAGE, text)


def _all_of(words: Iterable[str], without: str) -> ColumnElement[Any]:
    """A query for words that are stems already."""
    escaped = (word.replace("\\", "\\\\").replace("'", "''") for word in words)
    query = cast(" & ".join(f"'{word}'" for word in escaped), TSQUERY)
    return query.op("&&")(_written(without)) if without else query
