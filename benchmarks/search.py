"""`python -m benchmarks.search`: the p95 of seven kinds of search in catalogues of a thousand, 100,000 and a million.

All three are searched by turns in one run, so that what else the machine does meets each alike. The plans in the
largest are printed: they show what is read.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import event

from api.products import shown_page
from benchmarks.shelf import EVERYWHERE, Shelf, fill, word
from db.looking import Part
from db.migrate import upgrade
from db.search import find
from db.session import Database
from domain.search import Sort, Wanted, read_text
from sandbox.ports import free_ports
from sandbox.postgres import Postgres

SIZES = (1_000, 100_000, 1_000_000)
ROUNDS, WARM_UP = 200, 20
AIM = 2.0
_PAGE = 20
_P95 = 94

Ask = Callable[[Shelf, Random], tuple[Wanted, Part]]


def _text(said: str) -> tuple[Wanted, Part]:
    return Wanted(text=read_text(said), sort=Sort.RELEVANCE), Part(_PAGE)


def _rare(shelf: Shelf, chance: Random) -> tuple[Wanted, Part]:
    return _text(f"{EVERYWHERE} {chance.randrange(shelf.size)}")


def _common(_: Shelf, chance: Random) -> tuple[Wanted, Part]:
    return _text(chance.choice([EVERYWHERE, word(1), f"{EVERYWHERE} {word(2)}", f"{word(3)} {word(4)}"]))


def _misspelt(_: Shelf, chance: Random) -> tuple[Wanted, Part]:
    right = word(chance.randint(100, 2000))
    cut = chance.randint(2, len(right) - 2)
    return _text(f"{right[:cut]}y{right[cut:]}")


def _category_by_price(shelf: Shelf, chance: Random) -> tuple[Wanted, Part]:
    wanted = Wanted(
        category=chance.choice(shelf.categories),
        currency="USD",
        min_price=chance.randint(100, 50_000),
        sort=chance.choice([Sort.PRICE, Sort.PRICE_DESCENDING]),
    )
    return wanted, Part(_PAGE)


def _seller(shelf: Shelf, chance: Random) -> tuple[Wanted, Part]:
    seller = shelf.sellers[int(len(shelf.sellers) * chance.random() ** 3)]
    return Wanted(seller=seller, in_stock=chance.choice([None, True])), Part(_PAGE)


def _deep(shelf: Shelf, chance: Random) -> tuple[Wanted, Part]:
    after = shelf.product(chance.randint(shelf.size // 20, shelf.size // 10))
    by_price = Wanted(currency="USD", sort=Sort.PRICE_DESCENDING)
    return chance.choice([Wanted(), Wanted(in_stock=True), by_price]), Part(_PAGE, after=after)


def _no_hit(_: Shelf, chance: Random) -> tuple[Wanted, Part]:
    return _text("".join(chance.choices("xqzwvjfh", k=9)))


KINDS: dict[str, Ask] = {
    "rare word": _rare,
    "common word": _common,
    "misspelling": _misspelt,
    "category and price": _category_by_price,
    "seller": _seller,
    "deep page": _deep,
    "no hit": _no_hit,
}


@dataclass
class Catalogue:
    """A filled database, and the seconds that each kind of search took in it."""

    shelf: Shelf
    database: Database
    took: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    async def search(self, kind: str, chance: Random) -> None:
        wanted, part = KINDS[kind](self.shelf, chance)
        started = time.perf_counter()
        async with self.database.transaction() as session:
            await shown_page(session, (await find(session, wanted, part)).ids)
        self.took[kind].append(time.perf_counter() - started)

    def p95(self, *kinds: str) -> float:
        return quantiles([each for kind in kinds for each in self.took[kind][WARM_UP:]], n=100)[_P95]


@asynccontextmanager
async def catalogues(console: Console) -> AsyncIterator[list[Catalogue]]:
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench-")))
        await asyncio.to_thread(directory.chmod, 0o755)
        postgres = Postgres(directory / "postgres", port=free_ports(1)[0], durable=False)
        await postgres.start()
        stack.push_async_callback(postgres.stop)
        filled = []
        for size in SIZES:
            started = time.perf_counter()
            name = f"catalogue_{size}"
            await postgres.create_database(name)
            await asyncio.to_thread(upgrade, postgres.owner_dsn_of(name))
            shelf = await fill(postgres.owner_dsn_of(name), size)
            console.print(f"{size:,} products in {time.perf_counter() - started:.0f} s")
            database = Database(postgres.app_dsn_of(name), pool_size=1)
            stack.push_async_callback(database.close)
            filled.append(Catalogue(shelf, database))
        yield filled


async def plans(catalogue: Catalogue, kind: str) -> list[str]:
    """What PostgreSQL does for one search of the kind, statement by statement."""
    sent: list[tuple[str, Any]] = []

    def remember(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:  # noqa: ANN401 - SQLAlchemy's signature
        sent.append((statement, parameters))

    engine = catalogue.database.engine
    event.listen(engine.sync_engine, "before_cursor_execute", remember)
    await catalogue.search(kind, Random(1))  # noqa: S311 - the same every time
    event.remove(engine.sync_engine, "before_cursor_execute", remember)
    lines = []
    async with engine.connect() as connection:
        for statement, parameters in sent:
            told = await connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {statement}", parameters
            )
            lines += [*told.scalars(), ""]
    return lines


def table(measured: list[Catalogue]) -> Table:
    shown = Table("search", *(f"{each.shelf.size:,}" for each in measured), "largest / smallest", "aim")
    for name, kinds in {**{kind: (kind,) for kind in KINDS}, "all": tuple(KINDS)}.items():
        seen = [each.p95(*kinds) for each in measured]
        in_milliseconds = (f"{each * 1000:.1f} ms" for each in seen)
        shown.add_row(name, *in_milliseconds, f"{seen[-1] / seen[0]:.2f}", f"<= {AIM:.0f}")
    return shown


async def main() -> None:
    console = Console()
    async with catalogues(console) as filled:
        for number in range(WARM_UP + ROUNDS):
            for kind in KINDS:
                for catalogue in filled:
                    await catalogue.search(kind, Random(number))  # noqa: S311 - the same every time
        console.print(table(filled))
        for kind in KINDS:
            console.rule(kind)
            console.print("\n".join(await plans(filled[-1], kind)), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
