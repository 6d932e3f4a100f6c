"""Orders that were accepted before they were decided: what a client sees of them, and when they are refused."""

import asyncio
from dataclasses import replace

from domain.orders import Role
from tests.support.arena import Arena


async def test_an_order_that_is_refused_after_it_was_accepted_says_so(arena: Arena) -> None:
    product = await arena.product(on_hand=1)
    await arena.stop_workers()
    arena.answer_within(1)
    accepted = await arena.place(product, 2, key="too many")
    assert (accepted.status_code, accepted.json()["status"]) == (202, "pending")
    order = accepted.json()["id"]
    assert (await arena.order(order))["status"] == "pending"

    await arena.start_workers()

    failed = await arena.until(order, status="failed")
    assert failed["refusal"] == "out_of_stock"
    assert (await arena.get(f"/v1/orders/{order}"))["status"] == "failed"
    repeat = await arena.place(product, 2, key="too many")
    assert (repeat.status_code, repeat.json()["code"]) == (409, "out_of_stock")
    assert (await arena.get("/v1/orders", Role.ADMIN))["data"] == []
    assert arena.stripe.requests() == []


async def test_an_order_waits_for_its_turn_when_too_many_are_placed_at_once(arena: Arena) -> None:
    product, turn = await arena.product(), asyncio.Semaphore(0)
    arena.app.state.wiring = replace(arena.app.state.wiring, placing=turn)

    placing = asyncio.create_task(arena.place(product))

    assert await asyncio.wait({placing}, timeout=0.5) == (set(), {placing})
    assert (await arena.get("/v1/orders"))["data"] == []
    turn.release()
    assert (await placing).status_code == 201
