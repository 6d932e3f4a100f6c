"""The words of a search text: how many products have each, and what a misspelt one was meant to be."""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Float,
    FromClause,
    Integer,
    Select,
    SQLColumnExpression,
    String,
    Subquery,
    any_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import ProductWord, SearchSpelling, SearchWord
from domain.search import SearchText

# A list of products no longer than this is looked through whole; of a longer one, the first so many.
FEW = 500
# Every word is one more list to be measured; what follows is still looked for in the products.
_MEASURED = 10
# Whoever misspells more words is not understood.
_MISSPELT = 3
# How long a word is that is looked for as misspelt by a letter: from a shorter one half of all others are a letter off,
# and the lists have none that is longer.
_SPELT_FROM, _SPELT_TO = 3, 31
_LANGUAGE = "english"
# The word that is misspelt.
_SAID = bindparam("said", type_=String)


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


def _counted(words: FromClause) -> Select[str, int]:
    """The words, nearest first, with how many products have each; no more are counted than need be."""
    listed = listed_under(words.c.word).limit(FEW + 1).correlate(words).subquery()
    count = select(func.count()).select_from(listed).scalar_subquery()
    return select(words.c.word, count).order_by(words.c.nearness.desc(), words.c.word)


async def _nearest(session: AsyncSession, word: str) -> dict[str, int] | None:
    """The nearest word that products have, with their number: one letter off, or else begun or spelt alike."""
    for near in (_one_letter_off(), _alike()):
        for guess, count in await session.execute(near, {"said": word, **_misspelt(word)}):
            return {guess: count}
    return None


def _misspelt(word: str) -> dict[str, list[str]]:
    """The word without its first letter, its second and so on, and with all; and with two neighbours changed round."""
    if not _SPELT_FROM <= len(word) <= _SPELT_TO:
        return {"spellings": [], "swapped": []}
    return {
        "spellings": [*(word[:at] + word[at + 1 :] for at in range(len(word))), word],
        "swapped": [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)],
    }


@cache
def _one_letter_off() -> Select[str, int]:
    """Words with a letter more, less or other, or with two neighbours the wrong way round."""
    spellings = func.unnest(bindparam("spellings", type_=ARRAY(String))).table_valued("said", with_ordinality="letter")
    spelt = spellings.render_derived()
    listed = select(SearchSpelling.word).where(SearchSpelling.spelling == spelt.c.said)
    each = listed.order_by(SearchSpelling.word).limit(FEW).correlate(spelt).lateral()
    # Of one length, they are also alike when a letter is missing here and another there.
    letter = cast(spelt.c.letter, Integer)
    other = func.substr(each.c.word, 1, letter - 1).concat(func.substr(each.c.word, letter + 1)) == spelt.c.said
    swapped = each.c.word == any_(bindparam("swapped", type_=ARRAY(String)))
    near = or_(func.length(each.c.word) != func.length(_SAID), other, swapped)
    found = select(each.c.word).select_from(spelt.join(each, near)).distinct().subquery()
    return _counted(_nearest_of(found.c.word))


@cache
def _alike() -> Select[str, int]:
    """Words that have enough trigrams in common: how many are read grows with the words that there are."""
    return _counted(_nearest_of(SearchWord.word, SearchWord.word.bool_op("%")(_SAID)))


def _nearest_of(words: SQLColumnExpression[str], *which: ColumnElement[bool]) -> Subquery:
    """The nearest that a product has: words stay when their last product goes."""
    # A limit keeps the planner from reading the lists of all words.
    listed = select(ProductWord.product_id).where(ProductWord.word == words).limit(1).scalar_subquery()
    nearness = func.similarity(words, _SAID)
    near = select(words, nearness.label("nearness")).where(*which, listed.is_not(None))
    return near.order_by(nearness.desc(), words).limit(1).subquery()


def _written(text: str) -> ColumnElement[Any]:
    """PostgreSQL's own reading of what people write, which refuses nothing."""
    return func.websearch_to_tsquery(_LANGUAGE, text)


def _all_of(words: Iterable[str], without: str) -> ColumnElement[Any]:
    """A query for words that are stems already."""
    escaped = (word.replace("\\", "\\\\").replace("'", "''") for word in words)
    query = cast(" & ".join(f"'{word}'" for word in escaped), TSQUERY)
    return query.op("&&")(_written(without)) if without else query
