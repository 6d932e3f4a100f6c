"""The tree of categories stays a tree, whoever moves what at the same time, and keeps what is in use."""

import asyncio
from typing import Any

import pytest

from db.ids import new_id
from db.seed import seed_demo
from domain.categories import MAX_DEPTH
from domain.orders import Role
from tests.support.arena import Arena
from tests.support.catalogue import category, listed, new_product, send

pytestmark = pytest.mark.idle


async def test_the_demo_s_goods_come_beside_categories_of_one_s_own(arena: Arena) -> None:
    await category(arena, "boats")

    await seed_demo(arena.database, "correct horse battery staple")

    assert {"boats", "safety"} <= (await tree(arena)).keys()
    assert await listed(arena)


def shape(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The tree by slugs alone."""
    return {node["slug"]: shape(node["children"]) for node in nodes}


async def tree(arena: Arena) -> dict[str, Any]:
    answer = await send(arena, "GET", "/v1/categories")
    assert answer.status_code == 200, answer.text
    return shape(answer.json()["data"])


async def move(arena: Arena, made: dict[str, Any], **change: Any) -> tuple[int, str | None]:
    answer = await send(arena, "PATCH", f"/v1/categories/{made['id']}", Role.ADMIN, change)
    return answer.status_code, answer.json().get("code")


async def remove(arena: Arena, made: dict[str, Any]) -> int:
    return (await send(arena, "DELETE", f"/v1/categories/{made['id']}", Role.ADMIN)).status_code


async def test_everybody_sees_the_tree_each_level_by_name(arena: Arena) -> None:
    for slug, parent in (
        ("safety", None),
        ("deck", None),
        ("lights", "deck"),
        ("anchors", "deck"),
        ("lamps", "lights"),
    ):
        await category(arena, slug, parent)

    seen = (await send(arena, "GET", "/v1/categories")).json()

    assert await tree(arena) == {"deck": {"anchors": {}, "lights": {"lamps": {}}}, "safety": {}}
    assert [node["slug"] for node in seen["data"]] == ["deck", "safety"]
    assert [node["slug"] for node in seen["data"][0]["children"]] == ["anchors", "lights"]
    lights = seen["data"][0]["children"][1]
    assert (lights["object"], lights["name"], lights["parent"]) == ("category", "Lights", "deck")
    assert seen["has_more"] is False


@pytest.mark.parametrize("who", [Role.BUYER, Role.SELLER])
async def test_only_staff_change_the_tree(arena: Arena, who: Role) -> None:
    path = f"/v1/categories/{(await category(arena, 'deck'))['id']}"

    answers = [
        await send(arena, "POST", "/v1/categories", who, {"slug": "mine", "name": "Mine"}),
        await send(arena, "PATCH", path, who, {"name": "Mine"}),
        await send(arena, "DELETE", path, who),
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "role_not_allowed")}
    assert await tree(arena) == {"deck": {}}


async def test_a_category_is_renamed_and_moved_with_all_below_it(arena: Arena) -> None:
    await category(arena, "deck")
    lights, _ = await category(arena, "lights"), await category(arena, "lamps", "lights")

    assert await move(arena, lights, slug="illumination", name="Illumination", parent="deck") == (200, None)
    assert await tree(arena) == {"deck": {"illumination": {"lamps": {}}}}
    assert await move(arena, lights, parent=None) == (200, None)
    assert await tree(arena) == {"deck": {}, "illumination": {"lamps": {}}}
    assert await move(arena, lights) == (200, None)
    assert await tree(arena) == {"deck": {}, "illumination": {"lamps": {}}}


async def test_what_would_be_no_tree_is_refused(arena: Arena) -> None:
    deck, lights = await category(arena, "deck"), await category(arena, "lights", "deck")

    assert await move(arena, deck, parent="deck") == (422, "category_cycle")
    assert await move(arena, deck, parent="lights") == (422, "category_cycle")
    assert await move(arena, lights, parent="nowhere") == (422, "category_unknown")
    assert await move(arena, lights, slug="deck") == (409, "category_exists")
    assert await move(arena, {"id": new_id("cat")}, name="Nobody's") == (404, "not_found")
    assert await tree(arena) == {"deck": {"lights": {}}}


async def test_a_slug_is_one_category_s_alone(arena: Arena) -> None:
    await category(arena, "deck")

    answers = await asyncio.gather(
        *(send(arena, "POST", "/v1/categories", Role.ADMIN, {"slug": "lights", "name": "Lights"}) for _ in range(5))
    )

    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409]
    assert {each.json().get("code") for each in answers} == {None, "category_exists"}
    assert await tree(arena) == {"deck": {}, "lights": {}}


@pytest.mark.parametrize(
    "slug", ["", "Deck", "deck lights", "-deck", "deck-", "deck--lights", "d" * 61, "décor", None, 7]
)
async def test_a_slug_is_small_letters_digits_and_single_hyphens(arena: Arena, slug: object) -> None:
    refused = await send(arena, "POST", "/v1/categories", Role.ADMIN, {"slug": slug, "name": "Deck"})

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/slug")


async def test_the_tree_has_no_more_levels_than_it_may(arena: Arena) -> None:
    slugs = [f"level-{number}" for number in range(MAX_DEPTH)]
    for slug, parent in zip(slugs, [None, *slugs], strict=False):
        await category(arena, slug, parent)
    other, _ = await category(arena, "other"), await category(arena, "below", "other")

    deeper = await send(
        arena, "POST", "/v1/categories", Role.ADMIN, {"slug": "deeper", "name": "x", "parent": slugs[-1]}
    )

    assert (deeper.status_code, deeper.json()["code"]) == (422, "category_too_deep")
    assert await move(arena, other, parent=slugs[-2]) == (422, "category_too_deep")
    assert await move(arena, other, parent=slugs[-3]) == (200, None)


async def test_two_moves_at_once_never_make_a_circle(arena: Arena) -> None:
    for number in range(5):
        left, right = await category(arena, f"left-{number}"), await category(arena, f"right-{number}")

        moved = await asyncio.gather(move(arena, left, parent=right["slug"]), move(arena, right, parent=left["slug"]))

        assert sorted(moved) == [(200, None), (422, "category_cycle")]
    assert sum(len(below) for below in (await tree(arena)).values()) == 5


async def test_a_category_in_use_is_kept(arena: Arena) -> None:
    deck, lights = await category(arena, "deck"), await category(arena, "lights", "deck")
    product = await new_product(arena, category="lights", active=False)

    assert (await remove(arena, deck), await remove(arena, lights)) == (409, 409)
    await send(arena, "DELETE", f"/v1/products/{product['id']}", Role.SELLER, match="*")

    assert (await remove(arena, lights), await remove(arena, deck)) == (204, 204)
    assert (await tree(arena), await remove(arena, deck)) == ({}, 404)


async def test_a_product_and_the_end_of_its_category_at_once_end_in_one_of_them(arena: Arena) -> None:
    for number in range(8):
        made = await category(arena, f"brief-{number}")
        body = {"name": "Lamp", "price": {"amount": 1, "currency": "USD"}, "category": made["slug"]}

        put, removed = await asyncio.gather(send(arena, "POST", "/v1/products", Role.SELLER, body), remove(arena, made))

        assert (put.status_code, removed) in {(201, 409), (422, 204)}, put.text
        assert put.json().get("code") in {None, "category_unknown"}


async def test_a_filter_by_a_category_finds_what_is_below_it_too(arena: Arena) -> None:
    for slug, parent in (("deck", None), ("lights", "deck"), ("lamps", "lights"), ("charts", None)):
        await category(arena, slug, parent)
    lamp = (await new_product(arena, category="lamps"))["id"]
    light = (await new_product(arena, category="lights"))["id"]
    chart = (await new_product(arena, category="charts"))["id"]
    await new_product(arena)

    assert await listed(arena, "category=deck") == [light, lamp]
    assert await listed(arena, "category=lamps") == [lamp]
    assert await listed(arena, "category=charts") == [chart]
    assert await listed(arena, "category=nowhere") == []
