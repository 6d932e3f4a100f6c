"""Searching the catalogue: what is found, in which order, page by page; and no text is too strange to be answered."""

import asyncio
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import insert, select, text
from typeid import TypeID

from db.ids import new_id
from db.search import WINDOW
from db.tables import Product, ProductWord, Stock
from db.words import FEW
from domain.orders import Role
from tests.support.arena import Arena
from tests.support.catalogue import category, listed, new_product, send, whole_list

pytestmark = pytest.mark.idle

AT = datetime(2026, 3, 1, tzinfo=UTC)
STRANGE = [
    "'", '"', "\\", "';--", "a' | 'b", "a & b | !c", "a:*", "<->", "a <2> b", "(((", ")", "!", "!!", "&", "|", "-",
    "--", '-"', '"" ""', "\\'", "'a'' & b'", "%", "_", "*", "%s", "%(x)s", "$1", ":x", "{0}", "a" * 200, "é" * 200,
    "字", "🚢", "\ufeff", "\u202e", "\n\t", "a\u0301", "http://a.example/b?c=d&e=f", "ada@a.example", "1e400",
    "-1", "0x41", "NULL", "true", "or", "and not", "the", "or or or", "a or b", "x " * 100, '"a" ' * 50, "-a " * 60,
    "/usr/bin", "1.2.3.4",
]  # fmt: skip


async def shop(arena: Arena, *names: str, **fields: Any) -> list[str]:
    """Products of these names, oldest first."""
    return [await arena.product(name=name, **fields) for name in names]


async def found(arena: Arena, text: str, **more: str) -> list[str]:
    answer = await arena.http.get("/v1/products", params={"q": text, **more})
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


async def many(arena: Arena, count: int, name: str = "Rope", seller: str = "", **fields: Any) -> list[str]:
    """So many products, oldest first; of every tenth some can be sold."""
    ids = [new_id("prd") for _ in range(count)]
    shared = {"own_sale": False, "currency": "USD", "created": AT, "updated": AT, "name": name, **fields}
    seller_id = seller or arena.people[Role.SELLER]
    async with arena.database.transaction() as session:
        rows = [{"id": each, "seller_id": seller_id, "price": 100 + n, **shared} for n, each in enumerate(ids)]
        await session.execute(insert(Product), rows)
        levels = [{"product_id": each, "on_hand": 0 if n % 10 else 1, "held": 0} for n, each in enumerate(ids)]
        await session.execute(insert(Stock), levels)
    return ids


async def test_all_words_are_looked_for_in_names_and_descriptions(arena: Arena) -> None:
    lamp, light, _ = await shop(arena, "Masthead lamp of brass", "Deck light of brass", "Anchor")
    chart = await arena.product(name="Chart", description="Shows every light and lamp.")

    assert await found(arena, "brass") == [light, lamp]
    assert await found(arena, "BRASS lamps") == [lamp]
    assert await found(arena, "light lamp") == [chart]
    assert await found(arena, "lamp chart brass") == []


async def test_names_come_before_descriptions(arena: Arena) -> None:
    named = await arena.product(name="Compass")
    described = await arena.product(name="Chart", description="Read with a compass.")

    assert await found(arena, "compass") == [named, described]
    assert await found(arena, "compass", sort="newest") == [described, named]


async def test_phrases_and_exclusions_count(arena: Arena) -> None:
    deck, other = await shop(arena, "Deck light", "Light for the deck")

    assert await found(arena, "deck light", sort="newest") == [other, deck]
    assert await found(arena, '"deck light"') == [deck]
    assert await found(arena, "light -deck") == []
    assert await found(arena, 'light -"deck light"') == [other]
    assert await found(arena, "-deck") == []


@pytest.mark.parametrize("text", ["shakle", "shackel", "sha", "shackl", "Schackle", "shackless"])
async def test_a_word_that_nobody_has_is_taken_for_the_nearest(arena: Arena, text: str) -> None:
    (shackle,) = await shop(arena, "Anchor shackle")
    await shop(arena, "Deck light", "Chart of the Baltic")

    assert await found(arena, text) == [shackle]
    assert await found(arena, f"anchor {text}") == [shackle]
    assert await found(arena, f"{text} -anchor") == []


@pytest.mark.parametrize("text", ["repe", "nope", "rpoe", "rop", "roppe", "rópe"])
async def test_one_wrong_letter_of_a_short_word_is_put_right(arena: Arena, text: str) -> None:
    """Too few trigrams of such a word are left to know it by."""
    (rope,) = await shop(arena, "Rope")
    await shop(arena, "Deck light", "Chart of the Baltic")

    assert await found(arena, text) == [rope]


@pytest.mark.parametrize(
    ("text", "meant"),
    [("kopek", "Kopak"), ("sha", "Shackle"), ("cha", "Chart"), ("aaab", "Aaxb")],
)
async def test_a_word_that_is_one_letter_off_comes_first_and_no_other(arena: Arena, text: str, meant: str) -> None:
    """A letter that is at another place is two mistakes, unless the places are neighbours."""
    named = {name: (await shop(arena, name))[0] for name in ("Kopak", "Shackle", "Chart", "Aaxb")}
    await shop(arena, "Kopekopek", "Hat", "Cat")

    assert await found(arena, text) == [named[meant]]


async def test_words_that_no_product_has_any_more_are_not_what_was_meant(arena: Arena) -> None:
    (anchor,) = await shop(arena, "Anchor")
    gone = [await new_product(arena, name=f"ancjor{end}") for end in ("", "a", "i", "o", "u", "y")]
    for each in gone:
        await send(arena, "DELETE", f"/v1/products/{each['id']}", Role.SELLER, match="*")

    assert await found(arena, "ancjor") == [anchor]
    assert await found(arena, "ancjoray") == []


async def test_what_is_like_nothing_finds_nothing(arena: Arena) -> None:
    await shop(arena, "Anchor shackle", "Rope 12345")

    assert await found(arena, "xqzvw") == []
    assert await found(arena, "anchor xqzvw") == []
    assert await found(arena, "12346") == []
    assert len(await found(arena, "12345")) == 1


async def test_what_is_set_aside_or_deleted_is_not_found_and_comes_back(arena: Arena) -> None:
    product = await new_product(arena, name="Sextant", description="Of brass.")
    path = f"/v1/products/{product['id']}"

    await send(arena, "PATCH", path, Role.SELLER, {"active": False}, match="*")
    assert (await found(arena, "sextant"), await words_of(arena, product["id"])) == ([], set())
    await send(arena, "PATCH", path, Role.SELLER, {"active": True}, match="*")
    assert await found(arena, "sextant") == [product["id"]]
    await send(arena, "DELETE", path, Role.SELLER, match="*")
    assert (await found(arena, "sextant"), await words_of(arena, product["id"])) == ([], set())


async def words_of(arena: Arena, product: str) -> set[tuple[str, bool]]:
    async with arena.database.transaction() as session:
        rows = await session.execute(
            select(ProductWord.word, ProductWord.in_name).where(ProductWord.product_id == product)
        )
        return {(word, in_name) for word, in_name in rows}


async def test_a_product_is_found_by_the_words_that_it_has_by_now(arena: Arena) -> None:
    product = await new_product(arena, name="Sextant", description="Old brass")
    assert await words_of(arena, product["id"]) == {("sextant", True), ("old", False), ("brass", False)}

    await send(arena, "PATCH", f"/v1/products/{product['id']}", Role.SELLER, {"name": "Brass octant"}, match="*")

    assert await words_of(arena, product["id"]) == {("octant", True), ("brass", True), ("old", False)}
    assert await found(arena, "octant") == [product["id"]]
    assert await found(arena, "sextant", sort="newest") == []


async def test_a_change_of_price_leaves_the_words_alone(arena: Arena) -> None:
    product = await new_product(arena, name="Sextant")
    before = await words_of(arena, product["id"])
    price = {"price": {"amount": 1, "currency": "EUR"}}

    await send(arena, "PATCH", f"/v1/products/{product['id']}", Role.SELLER, price, match="*")

    assert await words_of(arena, product["id"]) == before == {("sextant", True)}


async def test_products_with_the_same_new_words_are_made_at_once(arena: Arena) -> None:
    words = [f"word{letter}{other}" for letter in "abcdef" for other in "abcdef"]
    texts = [" ".join(Random(number).sample(words, len(words))) for number in range(8)]  # noqa: S311 - replayable

    made = await asyncio.gather(*(new_product(arena, name="Rope", description=text) for text in texts))

    assert set(await found(arena, "wordaa wordff")) == {each["id"] for each in made}


@pytest_asyncio.fixture(scope="module")
async def shelf(quiet_arena: Arena) -> Arena:
    """With goods that are alike by category, by price or by their words."""
    await category(quiet_arena, "deck")
    for number in range(7):
        await new_product(quiet_arena, category="deck", name="Rope", price=_usd(100 + number % 3))
    for number in range(4):
        await new_product(quiet_arena, name="Deck", description="rope", price=_usd(100 + number))
    return quiet_arena


@pytest.mark.parametrize("sort", ["newest", "price", "-price", "relevance"])
@pytest.mark.parametrize("filters", ["", "&seller", "&category=deck", "&in_stock=true", "&min_price=101&max_price=104"])
async def test_every_order_is_read_page_by_page_and_back(shelf: Arena, sort: str, filters: str) -> None:
    filters = filters.replace("&seller", f"&seller={shelf.people[Role.SELLER]}")
    query = f"currency=USD&sort={sort}{filters}" + ("&q=rope" if sort == "relevance" else "")

    everything = await listed(shelf, f"{query}&limit=100")

    assert len(everything) == len(set(everything)) > 2
    assert await whole_list(shelf, query, 2) == everything
    assert await whole_list(shelf, query, 3) == everything
    assert await whole_list(shelf, query, 2, before=everything[-1]) == everything[:-1]
    before_last = await send(shelf, "GET", f"/v1/products?{query}&limit=2&ending_before={everything[-1]}")
    assert [each["id"] for each in before_last.json()["data"]] == everything[-3:-1]
    assert before_last.json()["has_more"] is (len(everything) > 3)


async def test_a_page_of_a_price_is_not_repeated_when_prices_are_alike(arena: Arena) -> None:
    same = await shop(arena, *["Rope"] * 6, price=500)

    assert await whole_list(arena, "currency=USD&sort=price", 2) == same
    assert await whole_list(arena, "currency=USD&sort=-price", 2) == same[::-1]


async def test_prices_of_one_currency_are_compared(arena: Arena) -> None:
    dear, cheap, middle = [await arena.product(price=price) for price in (900, 100, 500)]
    await arena.product(price=300, currency="EUR")

    assert await listed(arena, "currency=USD&sort=price") == [cheap, middle, dear]
    assert await listed(arena, "currency=USD&sort=-price&max_price=500") == [middle, cheap]
    assert await listed(arena, "currency=USD&min_price=101&max_price=499") == []
    assert await listed(arena, "currency=USD") == [middle, cheap, dear]


@pytest.mark.parametrize(
    "query", ["sort=price", "min_price=1", "max_price=1", "sort=relevance", "currency=XXX", "min_price=-1&currency=USD"]
)
async def test_filters_that_mean_nothing_are_refused(quiet_arena: Arena, query: str) -> None:
    answer = await send(quiet_arena, "GET", f"/v1/products?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "body_invalid")


@pytest.mark.parametrize("sort", ["price", "-price", "relevance"])
async def test_a_cursor_that_is_no_product_has_no_place_in_an_order(shelf: Arena, sort: str) -> None:
    answer = await shelf.http.get(
        "/v1/products",
        params={
            "sort": sort,
            "currency": "USD",
            "starting_after": new_id("prd"),
            **({"q": "rope"} if sort[0] == "r" else {}),
        },
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.idle(False)
async def test_what_can_be_sold_is_told_from_what_can_not(arena: Arena) -> None:
    plenty, sold_out = await arena.product(on_hand=2), await arena.product(on_hand=1)
    await arena.place(sold_out)

    assert await listed(arena, "in_stock=true") == [plenty]
    assert await listed(arena, "in_stock=false") == [sold_out]
    assert await listed(arena) == [sold_out, plenty]


async def test_no_text_is_too_strange(arena: Arena) -> None:
    product = await arena.product(name="Rope a b")

    for strange in STRANGE:
        for sort in ("relevance", "newest") if strange.strip() else ("newest",):
            answer = await arena.http.get("/v1/products", params={"q": strange, "sort": sort})
            assert answer.status_code == 200, (strange, answer.text)
            assert {each["id"] for each in answer.json()["data"]} <= {product}, strange


@pytest.mark.parametrize("refused", ["a\x00b", "a" * 201])
async def test_a_text_that_can_not_be_is_refused(quiet_arena: Arena, refused: str) -> None:
    answer = await quiet_arena.http.get("/v1/products", params={"q": refused})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/q")


async def test_of_a_common_word_the_best_are_looked_through(arena: Arena) -> None:
    described = await many(arena, FEW, "Line", description="A rope.")
    named = await many(arena, 30, "Rope")

    everything = await whole_list(arena, "q=rope", 100)

    assert everything[:30] == named[::-1]
    assert everything[30:] == described[::-1][: FEW - 30]


async def test_a_rare_word_beside_a_common_one_finds_everything(arena: Arena) -> None:
    first = await arena.product(name="Rope of hemp")
    await many(arena, FEW + 1, "Rope")

    assert await found(arena, "rope hemp") == [first]
    assert await found(arena, "hemp", sort="price", currency="USD") == [first]


async def test_a_seller_s_few_are_found_under_a_common_word(arena: Arena) -> None:
    small = await arena.new_account(Role.SELLER)
    mine = await arena.product(name="Rope", seller=small)
    await many(arena, FEW + 1, "Rope")

    assert await listed(arena, f"q=rope&seller={small}") == [mine]


async def test_a_look_that_ended_early_says_where_it_goes_on(arena: Arena) -> None:
    ids = await many(arena, WINDOW + 200, "Rope")
    kept = ids[10]
    async with arena.database.transaction() as session:
        await session.execute(text("UPDATE stock SET on_hand = 0"))
        await session.execute(text("UPDATE stock SET on_hand = 1 WHERE product_id = :id"), {"id": _key(kept)})
    seller = arena.people[Role.SELLER]

    first = (await send(arena, "GET", f"/v1/products?seller={seller}&in_stock=true")).json()

    assert (first["data"], first["has_more"], first["resume"]) == ([], True, ids[200])
    assert await listed(arena, f"seller={seller}&in_stock=true&starting_after={ids[200]}") == [kept]
    assert await whole_list(arena, f"q=rope&seller={seller}&in_stock=true", 20) == [kept]
    assert await whole_list(arena, "in_stock=true&currency=USD&sort=price", 20) == [kept]
    assert await whole_list(arena, "in_stock=true", 20, before=ids[0]) == [kept]


def _key(product: str) -> UUID:
    return UUID(int=TypeID.from_string(product).uuid.int)


def _usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}
