"""A catalogue of any size: words as frequent as in a language, sellers of all sizes, the same every time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from random import Random
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from typeid import TypeID

VOCABULARY = 50_000
SELLERS = 200
# Every product has it.
EVERYWHERE = "marine"
_WORDS_EACH = 8
_BATCH = 50_000
_AT = datetime(2026, 1, 1, tzinfo=UTC)
# Five at the top, four below each, five below each of those.
_BRANCHES = (5, 4, 5)
# Words that the stemmer leaves alone: a consonant and a vowel for every digit.
_SYLLABLES = [consonant + vowel for consonant in "bdgklmnprt" for vowel in "aou"]
_ACCOUNTS = (
    "INSERT INTO accounts (id, email, name, role, password_hash, created) VALUES (%s, %s, '-', 'seller', '-', %s)"
)
_PRODUCTS = (
    "COPY products (id, seller_id, own_sale, name, description, category_id, price, currency, active, created, updated)"
    " FROM STDIN"
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a search can ask for: `size` products, the slugs of all categories, the ids of sellers, large ones first."""

    size: int
    categories: tuple[str, ...]
    sellers: tuple[str, ...]

    def product(self, number: int) -> str:
        """The id of one, the oldest being number 0."""
        return _shown("prd", _key(number))


def word(rank: int) -> str:
    """The word that is the so manieth in frequency, from 1."""
    spelt, rest = "", rank + len(_SYLLABLES)
    while rest:
        rest, digit = divmod(rest, len(_SYLLABLES))
        spelt += _SYLLABLES[digit]
    return f"{spelt}k"


async def fill(dsn: str, size: int) -> Shelf:
    """Fill an empty database; takes the login that owns the schema."""
    sellers = [UUID(int=(0xACC << 80) + number) for number in range(SELLERS)]
    categories = dict(_tree())
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:
        await cursor.executemany(_ACCOUNTS, [(seller, f"{seller}@example.com", _AT) for seller in sellers])
        await cursor.executemany(
            "INSERT INTO categories (id, slug, name, parent_id, created, updated) VALUES (%s, %s, '-', %s, %s, %s)",
            [(_category(slug), slug, above and _category(above), _AT, _AT) for slug, above in categories.items()],
        )
        chance, weights = Random(size), list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))  # noqa: S311 - the same every time
        for start in range(0, size, _BATCH):
            async with cursor.copy(_PRODUCTS) as copy:
                for row in _rows(range(start, min(size, start + _BATCH)), sellers, list(categories), chance, weights):
                    await copy.write_row(row)
        await cursor.execute(
            "INSERT INTO stock (product_id, on_hand, held)"
            " SELECT id, CASE WHEN price % 10 = 0 THEN 0 ELSE 10 END, 0 FROM products"
        )
        await cursor.execute("VACUUM ANALYZE")
    return Shelf(size, tuple(categories), tuple(_shown("acc", seller) for seller in sellers))


def _rows(
    numbers: range, sellers: list[UUID], categories: list[str], chance: Random, weights: list[float]
) -> Iterator[tuple[object, ...]]:
    words = [word(rank) for rank in range(1, VOCABULARY + 1)]
    for number in numbers:
        said = chance.choices(words, cum_weights=weights, k=_WORDS_EACH)
        yield (
            _key(number),
            sellers[int(SELLERS * chance.random() ** 3)],
            False,
            f"{EVERYWHERE} {' '.join(said[:3])} {number}",
            " ".join(said[3:]),
            _category(chance.choice(categories)),
            chance.randint(100, 100_000),
            "USD" if chance.random() < 0.8 else "EUR",  # noqa: PLR2004 - four of five
            True,
            _AT,
            _AT,
        )


def _tree() -> Iterator[tuple[str, str | None]]:
    level: list[str | None] = [None]
    for depth, many in enumerate(_BRANCHES):
        below: list[str | None] = []
        for above in level:
            for number in range(many):
                slug = f"level-{depth}-{number}" if above is None else f"{above}-{number}"
                below.append(slug)
                yield slug, above
        level = below


def _shown(prefix: str, key: Any) -> str:  # noqa: ANN401 - the library names another UUID than the standard one
    return str(TypeID.from_uuid(key, prefix))


def _category(slug: str) -> UUID:
    return UUID(bytes=slug.encode().ljust(16, b"\0")[:16])


def _key(number: int) -> UUID:
    """A UUIDv7 of its own millisecond."""
    return UUID(int=((0x0190_0000_0000 + number) << 80) | (7 << 76) | (2 << 62))
