"""Followers of orders who lose their connection again and again: none misses a word, or hears one twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import httpx2
import pytest

from domain.orders import Role
from tests.proof.sizes import SEED, sized
from tests.support.arena import Arena
from tests.support.following import LIFE, entries

ORDERS, FOLLOWERS = sized(3, 50), sized(4, 10)
DROPS = 10
PROVES = f"{ORDERS * FOLLOWERS} streams at once, each dropped and resumed {DROPS} times, over {ORDERS} orders' lives"
# A stream that is dropped before it said anything is given up after so long.
SHORT_SECONDS = 0.3
TOO_MANY = 429


@pytest.mark.timeout(sized(300, 1200))
async def test_followers_who_drop_and_resume_miss_nothing_and_see_nothing_twice(arena: Arena) -> None:
    product = await arena.product(on_hand=ORDERS)
    buyers = [await arena.new_account(Role.BUYER) for _ in range(ORDERS)]
    draws = Random(SEED)  # noqa: S311 - replayable on purpose
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=arena.http.base_url, timeout=60, limits=limits) as http:
        lives = [_sold_while_followed(arena, http, product, buyer, Random(draws.random())) for buyer in buyers]  # noqa: S311 - as above
        seen = [life for order in await asyncio.gather(*lives) for life in order]

    assert len(seen) == ORDERS * FOLLOWERS
    for life in seen:
        assert [each["type"] for each in life] == LIFE
        assert len({each["id"] for each in life}) == len(life)


async def _sold_while_followed(
    arena: Arena, http: httpx2.AsyncClient, product: str, buyer: str, draws: Random
) -> list[list[dict[str, Any]]]:
    order = (await arena.place(product, who=buyer)).json()["id"]
    followers = [
        asyncio.create_task(_follow(arena, http, order, buyer, Random(draws.random())))  # noqa: S311 - as above
        for _ in range(FOLLOWERS)
    ]
    for verb, who in (("ship", Role.SELLER), ("deliver", buyer)):
        await asyncio.sleep(draws.uniform(0, 4))
        assert (await arena.insist(order, verb, who)).status_code == 200
    return await asyncio.gather(*followers)


async def _follow(
    arena: Arena, http: httpx2.AsyncClient, order: str, buyer: str, draws: Random
) -> list[dict[str, Any]]:
    """All that one follower is told, over eleven connections."""
    seen: list[dict[str, Any]] = []
    headers = await arena.headers(buyer)
    for _ in range(DROPS):
        async with _stream(http, order, headers, seen) as told:
            await _some(told, seen, draws.randrange(3))
    async with _stream(http, order, headers, seen) as told, asyncio.timeout(120):
        async for entry in told:
            seen.append(entry)
            if entry["type"] == LIFE[-1]:
                break
    return seen


@asynccontextmanager
async def _stream(
    http: httpx2.AsyncClient, order: str, headers: dict[str, str], seen: list[dict[str, Any]]
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    resumed = {"Last-Event-ID": seen[-1]["id"]} if seen else {}
    while True:
        async with http.stream("GET", f"/v1/orders/{order}/events", headers={**headers, **resumed}) as answer:
            if answer.status_code != TOO_MANY:
                assert answer.status_code == 200, await answer.aread()
                yield entries(answer)
                return
        # The connection that was dropped a moment ago still has its place.
        await asyncio.sleep(SHORT_SECONDS)


async def _some(told: AsyncIterator[dict[str, Any]], seen: list[dict[str, Any]], most: int) -> None:
    """Up to so many entries, as they come within a moment; at the end of an order's life there are none."""
    known = len(seen)
    try:
        async with asyncio.timeout(SHORT_SECONDS):
            while len(seen) < known + most:
                seen.append(await anext(told))
    except TimeoutError:
        return
