"""Followers of orders who lose their connection again and again: none misses a word, or hears one twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.orders import Role
from tests.proof.sizes import SEED, sized
from tests.support.arena import Arena, eventually
from tests.support.following import LIFE, entries

ORDERS, FOLLOWERS = sized(3, 50), sized(4, 10)
DROPS = 10
PROVES = f"{ORDERS * FOLLOWERS} streams at once, each dropped and resumed {DROPS} times, over {ORDERS} orders' lives"
# A stream that says nothing is dropped after so long.
SHORT_SECONDS = 0.3
# How long who was dropped waits at most before coming back, and a seller or buyer before the next command.
AWAY_SECONDS, IDLE_SECONDS = sized(0, 12), sized(3, 40)
# What a client is told that shall come again: too many streams, or an API under more load than it can take.
LATER = {429, 503}
TAKEN = {200, 201, 202}
PATIENCE_SECONDS = 300.0


@dataclass
class Everybody:
    """Known to be there at once: every follower, on the connection that is not dropped."""

    missing: int
    there: asyncio.Event = field(default_factory=asyncio.Event)

    def comes(self) -> None:
        self.missing -= 1
        if not self.missing:
            self.there.set()


@pytest.mark.timeout(sized(300, 1200))
async def test_followers_who_drop_and_resume_miss_nothing_and_see_nothing_twice(arena: Arena) -> None:
    product = await arena.product(on_hand=ORDERS)
    buyers = [await arena.new_account(Role.BUYER) for _ in range(ORDERS)]
    draws, everybody = Random(SEED), Everybody(ORDERS * FOLLOWERS)  # noqa: S311 - replayable on purpose
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=arena.http.base_url, timeout=60, limits=limits) as http:
        following = Following(arena, http, everybody)
        lives = [following.life(product, buyer, Random(draws.random())) for buyer in buyers]  # noqa: S311 - as above
        seen = [life for order in await asyncio.gather(*lives) for life in order]

    assert len(seen) == ORDERS * FOLLOWERS
    for life in seen:
        assert [each["type"] for each in life] == LIFE
        assert len({each["id"] for each in life}) == len(life)


@dataclass(frozen=True)
class Following:
    arena: Arena
    http: httpx2.AsyncClient
    everybody: Everybody

    async def life(self, product: str, buyer: str, draws: Random) -> list[list[dict[str, Any]]]:
        """What each follower of one order was told; some end while streams are dropped, others when all are open."""
        order = await self._insist(lambda key: self.arena.place(product, who=buyer, key=key))
        followers = [
            asyncio.create_task(self._follow(order, buyer, Random(draws.random())))  # noqa: S311 - as above
            for _ in range(FOLLOWERS)
        ]
        waits = draws.random() < 1 / 2
        await asyncio.sleep(draws.uniform(0, IDLE_SECONDS))
        await self._insist(lambda key: self.arena.command(order, "ship", Role.SELLER, key))
        await asyncio.sleep(draws.uniform(0, IDLE_SECONDS))
        if waits:
            await self.everybody.there.wait()
        await self._insist(lambda key: self.arena.command(order, "deliver", buyer, key))
        return await asyncio.gather(*followers)

    async def _insist(self, call: Callable[[str], Awaitable[httpx2.Response]]) -> str:
        """The id of the order of a call that is repeated with its key until it is taken."""
        key = str(uuid4())

        async def taken() -> str | None:
            try:
                answer = await call(key)
            except httpx2.TimeoutException:
                # The key makes it safe to ask again.
                return None
            if answer.status_code in LATER:
                return None
            assert answer.status_code in TAKEN, answer.text
            return str(answer.json()["id"])

        order: str = await eventually(taken, seconds=PATIENCE_SECONDS, pause=1.0, why="a call was never taken")
        return order

    async def _follow(self, order: str, buyer: str, draws: Random) -> list[dict[str, Any]]:
        """All that one follower is told, over eleven connections."""
        seen: list[dict[str, Any]] = []
        headers = await self.arena.headers(buyer)
        for _ in range(DROPS):
            async with self._stream(order, headers, seen) as told:
                await _some(told, seen, draws.randrange(3))
            await asyncio.sleep(draws.uniform(0, AWAY_SECONDS))
        async with self._stream(order, headers, seen) as told, asyncio.timeout(PATIENCE_SECONDS):
            self.everybody.comes()
            while not seen or seen[-1]["type"] != LIFE[-1]:
                seen.append(await anext(told))
            await self.everybody.there.wait()
        return seen

    @asynccontextmanager
    async def _stream(
        self, order: str, headers: dict[str, str], seen: list[dict[str, Any]]
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        resumed = {"Last-Event-ID": seen[-1]["id"]} if seen else {}
        address = f"/v1/orders/{order}/events"
        while True:
            async with self.http.stream("GET", address, headers={**headers, **resumed}) as answer:
                if answer.status_code not in LATER:
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
