"""Outages of some length: the database, the provider and the workers go away, and orders go on when they are back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise

import pytest
from temporalio.client import WorkflowHandle

from db.ids import new_id
from domain.gateway import SETTLED
from domain.orders import Command, OrderState, Role
from domain.repair import HoldReason
from sandbox.postgres import Postgres
from sandbox.stripe.simulator import RETRY_AFTER_SECONDS
from tests.proof.sizes import FULL, sized
from tests.support.arena import SOON, Arena, eventually
from tests.support.workflow_side import told_of_news
from workflows.names import order_workflow_id
from workflows.order import OrderWorkflow

TOTAL = 2644
ORDERS = 4
PAID = {"intents": 1, "captures": 1, "captured": TOTAL, "refunds": 0}
DATABASE_SECONDS = sized(8, 60)
PROVIDER_SECONDS = sized(8, 600)
PROVES = f"the database {DATABASE_SECONDS} s away, the provider {PROVIDER_SECONDS} s"
# Back-off doubles from half a second to a minute: as many calls as an outage of ten minutes leaves room for, and some.
CALLS = 20
MOST_EVENTS = 40


@asynccontextmanager
async def away(postgres: Postgres) -> AsyncIterator[None]:
    await postgres.stop()
    try:
        yield
    finally:
        await postgres.start()


async def events(arena: Arena, order: str) -> int:
    history = await arena.temporal.get_workflow_handle(order_workflow_id(order)).fetch_history()
    return len(history.events)


async def hold_past_the_api(arena: Arena, order: str) -> None:
    """As an operator does with Temporal's own CLI while the API can't take commands."""
    command = Command(
        request_id=new_id("req"),
        actor_id=arena.people[Role.ADMIN],
        role=Role.ADMIN,
        hold=HoldReason.TECHNICAL,
        correlation_id="outage",
    )
    handle: WorkflowHandle[OrderWorkflow, OrderState] = arena.temporal.get_workflow_handle(order_workflow_id(order))
    await handle.execute_update(OrderWorkflow.hold, command, id=command.request_id)


@pytest.mark.timeout(300 + 2 * DATABASE_SECONDS)
async def test_orders_go_on_after_the_database_was_away_and_a_hold_gets_through_meanwhile(
    arena: Arena, postgres: Postgres
) -> None:
    product = await arena.product(on_hand=10)
    # Their payments are under way when the database goes.
    arena.stripe.script(faults=[{"method": "POST", "path": "/v1/payment_intents", "do": "drop_connection"}])
    arena.answer_within(0.6)
    placed = await asyncio.gather(*(arena.place(product) for _ in range(ORDERS)))
    assert {each.status_code for each in placed} == {202}
    ids = [each.json()["id"] for each in placed]
    before = {order: await events(arena, order) for order in ids}
    arena.answer_within(10)

    async with away(postgres):
        # From now on money is taken which nobody can write down.
        arena.stripe.script()
        for order in ids:
            await eventually(partial(_paid, arena, order), seconds=120)
        await asyncio.sleep(DATABASE_SECONDS / 2)
        # It is answered at once, while nothing can be written down.
        async with asyncio.timeout(SOON):
            await hold_past_the_api(arena, ids[0])
        await asyncio.sleep(DATABASE_SECONDS / 2)

    for order in ids:
        await eventually(partial(_is, arena, order, "confirmed"), seconds=120)
        assert await events(arena, order) - before[order] < MOST_EVENTS
        assert (await arena.truth(order)).items() >= PAID.items()
    await eventually(partial(_held, arena, ids[0]), seconds=120)
    refused = await arena.insist(ids[0], "ship", Role.SELLER, key="held")
    assert refused.json()["code"] == "order_held"
    for order in ids[1:]:
        assert (await arena.insist(order, "ship", Role.SELLER)).status_code == 200
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 10 - ORDERS
    assert (await arena.audit())[1] == ()


@pytest.mark.timeout(300 + 2 * PROVIDER_SECONDS)
async def test_a_provider_that_is_away_is_asked_with_patience_and_charges_once(arena: Arena) -> None:
    product = await arena.product(on_hand=10)
    arena.stripe.script(faults=[{"do": "drop_connection"}])
    arena.answer_within(1)

    placed = await asyncio.gather(*(arena.place(product) for _ in range(ORDERS)))
    await asyncio.sleep(PROVIDER_SECONDS)
    arena.stripe.script()

    assert {each.status_code for each in placed} == {202}
    ids = [each.json()["id"] for each in placed]
    asked = Counter(each["order_id"] for each in await asyncio.to_thread(arena.stripe.requests) if each["order_id"])
    assert set(asked) == set(ids)
    assert max(asked.values()) <= CALLS
    for order in ids:
        await eventually(partial(_is, arena, order, "confirmed"), seconds=120)
        assert (await arena.truth(order)).items() >= PAID.items()
    assert (await arena.audit())[1] == ()


@pytest.mark.skipif(not FULL, reason="only after a minute is it known that nothing came of a call")
async def test_an_order_whose_provider_was_away_over_its_deadline_expires_and_is_charged_nothing(arena: Arena) -> None:
    arena.rule(payment_deadline=1)
    arena.stripe.script(faults=[{"do": "drop_connection"}])
    arena.answer_within(1)
    order = (await arena.place(await arena.product(on_hand=10))).json()["id"]
    await eventually(partial(_pays, arena, order, "unknown"), seconds=60)
    arena.stripe.script()

    async def ended() -> bool:
        if await _is(arena, order, "cancelled"):
            return True
        # As the sweep does.
        await told_of_news(arena, order)
        return False

    before = asyncio.get_running_loop().time()
    await eventually(ended, seconds=120, pause=5)

    assert asyncio.get_running_loop().time() - before > SETTLED.total_seconds() / 2
    assert await arena.truth(order) == {}
    assert (await arena.audit())[1] == ()


async def test_a_provider_that_is_asked_too_often_is_left_alone_as_long_as_it_says(arena: Arena) -> None:
    product = await arena.product(on_hand=10)
    arena.stripe.script(faults=[{"path": "/v1/payment_intents", "do": "rate_limit", "times": 2}])

    order = (await arena.place(product)).json()["id"]

    await eventually(partial(_is, arena, order, "confirmed"))
    asked = await asyncio.to_thread(arena.stripe.changes)
    seen = [each for each in asked if each["path"] == "/v1/payment_intents"][:3]
    assert [each["status"] for each in seen] == [429, 429, 200]
    assert len({each["key"] for each in seen}) == 1
    waits = [later["time"] - earlier["time"] for earlier, later in pairwise(seen)]
    assert min(waits) >= int(RETRY_AFTER_SECONDS)


async def test_without_a_worker_an_order_is_accepted_and_completes_later(arena: Arena) -> None:
    product = await arena.product(on_hand=10)
    await arena.stop_workers()
    arena.answer_within(1)

    placed = await arena.place(product)

    assert placed.status_code == 202
    assert placed.headers["Location"] == f"/v1/orders/{placed.json()['id']}"
    await arena.start_workers()
    await eventually(partial(_is, arena, placed.json()["id"], "confirmed"))
    assert (await arena.truth(placed.json()["id"])).items() >= PAID.items()


async def _paid(arena: Arena, order: str) -> bool:
    return (await arena.truth(order)).items() >= PAID.items()


async def _is(arena: Arena, order: str, status: str) -> bool:
    return bool((await arena.order(order))["status"] == status)


async def _pays(arena: Arena, order: str, payment_status: str) -> bool:
    return bool((await arena.order(order))["payment_status"] == payment_status)


async def _held(arena: Arena, order: str) -> bool:
    return bool((await arena.order(order))["held"])
