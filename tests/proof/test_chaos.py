"""`kill -9` of each part at random moments under load: every accepted order ends, charged once, the books right."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from signal import SIGKILL
from typing import Any

import httpx2
import psycopg
import pytest
from temporalio.client import Client as Temporal

from db.books import check
from db.session import Database
from domain.books import ProviderTruth
from domain.order_view import OrderView
from sandbox.stack import Stack, StackOptions, running_stack
from tests.proof.sizes import SEED, sized
from tests.support.arena import eventually
from tests.support.chaos import RACES, STORIES, TIMEOUT_SECONDS, Buyer, Client, Sale, Watch

PARTS = ("worker", "api", "temporal", "postgres")
KILLS = sized(3, 10)
# Of each part in the run where everything goes wrong at once.
KILLS_OF_EACH = sized(1, 10)
PROVES = f"{KILLS} kills of each part, and {KILLS_OF_EACH} of each in one run with lost answers and races"
BUYERS = 4
ON_HAND = 10_000
# What becomes of one in ten of the provider's answers.
LOST = tuple(
    {"method": "POST", "path": "/v1/*", "probability": 0.025, "do": do}
    for do in ("drop_connection", "drop_connection_after", "error_500_after", "rate_limit")
)
# How long a part is left in peace between two kills.
PEACE_SECONDS = (0.2, 2.0)
RESTART_SECONDS = 60.0
# A call that died with its worker is given up after 20 s; steps in the database are repeated after 60 s at the latest.
ENDING_SECONDS = 90.0
# What Temporal forgot is told again by a sweep: one a minute, of what is half a minute old.
TOLD_SECONDS = 100.0


@dataclass
class World:
    stack: Stack
    watch: Watch
    client: Client
    temporal: Temporal
    product: str
    draws: Random

    async def kill(self, victim: str) -> None:
        """Kill the part at a random moment with calls under way; it is back, under another pid, when this returns."""
        await asyncio.sleep(self.draws.uniform(*PEACE_SECONDS))
        await eventually(lambda: self.client.in_flight)
        pid, restarts = self.pid_of(victim), self.watch.restarts[victim]
        os.kill(pid, SIGKILL)
        await eventually(lambda: self.watch.restarts[victim] > restarts, seconds=RESTART_SECONDS)
        assert self.pid_of(victim) != pid

    def pid_of(self, victim: str) -> int:
        return int(getattr(self.stack.ready.pids, victim))

    async def orders(self) -> dict[str, OrderView]:
        """Every order of the shop, by id."""
        found: dict[str, OrderView] = {}
        more, after = True, ""
        while more:
            page = await self.client.get(f"/v1/orders?limit=100{after}", "admin", self.draws)
            found |= {each["id"]: OrderView.model_validate(each) for each in page["data"]}
            more, after = page["has_more"], f"&starting_after={page['data'][-1]['id']}" if page["data"] else ""
        return found

    async def misbehave(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Have the provider lose answers, drawn by the seed."""
        async with httpx2.AsyncClient(base_url=self.stack.ready.stripe) as http:
            script = {"seed": SEED, "faults": list(faults)}
            (await http.put("/_sandbox/script", json=script)).raise_for_status()

    async def faults(self) -> int:
        """How many calls the provider spoiled."""
        async with httpx2.AsyncClient(base_url=self.stack.ready.stripe) as http:
            asked = (await http.get("/_sandbox/requests")).raise_for_status().json()
        return sum(each["fault"] is not None for each in asked["requests"])

    async def truth(self) -> ProviderTruth:
        async with httpx2.AsyncClient(base_url=self.stack.ready.stripe) as http:
            return ProviderTruth.model_validate((await http.get("/_sandbox/state")).raise_for_status().json())


@asynccontextmanager
async def opened(home: Path, seed: int) -> AsyncIterator[World]:
    watch = Watch()
    options = StackOptions(data_dir=home, free_ports=True)
    async with (
        running_stack(options, notify=watch.notice) as stack,
        httpx2.AsyncClient(base_url=stack.ready.api, timeout=TIMEOUT_SECONDS) as http,
    ):
        client, draws = Client(http, {}), Random(seed)  # noqa: S311 - replayable on purpose
        await client.log_in(stack)
        wanted = {"name": "Rope", "price": {"amount": 1999, "currency": "USD"}, "stock": ON_HAND}
        product = await client.post("/v1/products", wanted, "seller", "product", draws)
        place = stack.ready.temporal
        temporal = await Temporal.connect(place.address, namespace=place.namespace)
        yield World(stack, watch, client, temporal, product["id"], draws)


@pytest.mark.timeout(sized(480, 900))
@pytest.mark.parametrize("victim", PARTS)
async def test_every_order_ends_right_although_a_part_is_killed_again_and_again(victim: str, scratch: Path) -> None:
    async with replayable(), opened(scratch / f"chaos-{victim}", SEED) as world:
        sales = await sales_while_killing(world, [victim] * KILLS, STORIES)
        await expect_sound(world, sales)
        assert world.watch.deaths == {victim: KILLS}, "the others live through it"


@pytest.mark.timeout(sized(480, 1800))
async def test_every_order_ends_right_although_everything_goes_wrong_at_once(scratch: Path) -> None:
    """Parts are killed, the provider's answers are lost, and sellers ship what their buyers cancel, all in one run."""
    async with replayable(), opened(scratch / "chaos-everything", SEED) as world:
        await world.misbehave(LOST)
        victims = world.draws.sample([*PARTS] * KILLS_OF_EACH, len(PARTS) * KILLS_OF_EACH)
        sales = await sales_while_killing(world, victims, RACES)
        suffered = await world.faults()
        await world.misbehave(())
        await expect_sound(world, sales)
        assert world.watch.deaths == dict.fromkeys(PARTS, KILLS_OF_EACH)
        assert suffered, "the provider answered everything"


@asynccontextmanager
async def replayable() -> AsyncIterator[None]:
    try:
        yield
    except BaseException as problem:
        problem.add_note(f"HOLDFAST_PROOF_SEED={SEED}")
        raise


async def expect_sound(world: World, sales: Sequence[Sale]) -> None:
    await expect_all_ended(world, sales)
    await expect_books_right(world, sales)
    await expect_nothing_left(world, sales)


async def sales_while_killing(world: World, victims: Sequence[str], stories: Sequence[tuple[str, str]]) -> list[Sale]:
    """What was sold meanwhile; each sale's last command has its final answer."""
    closing = asyncio.Event()
    buyers = [
        Buyer(f"buyer{number}", world.client, world.product, Random(f"{world.draws.random()}"), stories)  # noqa: S311 - replayable
        for number in range(BUYERS)
    ]
    async with asyncio.TaskGroup() as group:
        for buyer in buyers:
            group.create_task(buyer.shop(closing))
        for victim in victims:
            await world.kill(victim)
        closing.set()
    assert not [setback for setback in world.client.setbacks if setback.startswith("500")], world.client.setbacks
    return [sale for buyer in buyers for sale in buyer.sales]


async def expect_all_ended(world: World, sales: Sequence[Sale]) -> None:
    """One order per key, none lost, none too many, each where its story ends."""
    twice = {key: ids for key, ids in world.client.told.items() if len(ids) != 1}
    assert twice == {}
    assert len({sale.order_id for sale in sales}) == len(sales)
    wanted = {sale.order_id: sale.end for sale in sales}

    async def standing() -> dict[str, tuple[str, str]]:
        return {each.id: (each.status, each.payment_status) for each in (await world.orders()).values()}

    async def ended() -> bool:
        return await standing() == wanted

    try:
        await eventually(ended, seconds=ENDING_SECONDS)
    except AssertionError:
        assert await standing() == wanted
        raise


async def expect_books_right(world: World, sales: Sequence[Sale]) -> None:
    """The provider's truth is what the stories say, the books agree with it, and the stock is exact."""
    orders, truth = await world.orders(), await world.truth()
    assert truth.payments == {sale.order_id: sale.money(orders[sale.order_id]) for sale in sales}
    database = Database(world.stack.ready.database, pool_size=2)
    try:
        assert await check(database, {"stripe": truth}) == ()
    finally:
        await database.close()
    shelf = await world.client.get(f"/v1/products/{world.product}", "buyer", world.draws)
    assert shelf["stock"] == ON_HAND - sum(sale.shipped for sale in sales)


async def expect_nothing_left(world: World, sales: Sequence[Sale]) -> None:
    """No workflow is open, each order had one that completed, and every webhook was dealt with."""

    async def running() -> list[str]:
        return [each.id async for each in world.temporal.list_workflows("ExecutionStatus = 'Running'")]

    async def closed() -> bool:
        return await running() == []

    async def told() -> bool:
        async with await psycopg.AsyncConnection.connect(world.stack.ready.database) as connection:
            found = await connection.execute("SELECT FROM inbound_webhooks WHERE state = 'received'")
            return found.rowcount == 0

    try:
        await eventually(closed, seconds=TOLD_SECONDS)
    except AssertionError:
        assert await running() == []
        raise
    await eventually(told)
    query = "WorkflowType = 'OrderWorkflow' AND ExecutionStatus = 'Completed'"
    assert (await world.temporal.count_workflows(query)).count == len(sales)
