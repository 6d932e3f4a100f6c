"""Orders that survive a failure between them and their money: a lost answer, a killed worker."""

import asyncio
import os
from signal import SIGKILL
from typing import Any

from domain.orders import OrderStatus
from sandbox.demo.provider import NEW_PAYMENT
from sandbox.demo.sales import SHACKLE
from sandbox.demo.waiting import expect, until
from sandbox.demo.world import Ending, World, charged_once
from sandbox.faults import Do, Fault

# The worker's patience with the provider in the demo, so that a lost answer is noticed soon.
READ_TIMEOUT_SECONDS = 2
# How long the provider takes over the payment that the worker is killed in; below the provider client's patience.
_SLOW_MS = 1_500
# Temporal gives the dead worker's call up after 20 s, then a live worker asks again.
_RECOVERY_SECONDS = 60.0


async def answer_lost(world: World) -> Ending:
    world.tell(f"the provider charges and does not answer; we wait {READ_TIMEOUT_SECONDS} s for it, not the usual 10")
    async with world.provider.misbehaving(Fault(method="POST", path=NEW_PAYMENT, times=1, do=Do.TIMEOUT_AFTER)):
        order_id = await world.shop.place(world.products[SHACKLE])
        order = await world.becomes(order_id, OrderStatus.CONFIRMED)
    faults = [each["fault"] for each in await _asked(world, order_id)]
    expect(Do.TIMEOUT_AFTER in faults, f"an answer should have been lost; the requests met {faults}")
    return await world.ends(order, "answer lost, charged once", charged_once(order))


async def worker_killed(world: World) -> Ending:
    worker = world.stack.ready.pids.worker
    slow = Fault(method="POST", path=NEW_PAYMENT, times=1, do=Do.SLOW, ms=_SLOW_MS)
    async with world.provider.misbehaving(slow):
        placing = asyncio.create_task(world.shop.place(world.products[SHACKLE]))
        try:
            under_way = await until(lambda: _under_way(world, placing), "the payment at the provider")
            os.kill(worker, SIGKILL)
            order_id = under_way["order_id"]
            expect(await _unanswered(world, order_id), "the payment was answered before its worker was killed")
            world.tell("worker killed in the middle of the payment; Temporal gives its call up after 20 s")
            placed = await placing
        finally:
            placing.cancel()
    expect(placed == order_id, f"the API should have answered with {order_id}, and answered with {placed}")
    await world.becomes(order_id, OrderStatus.CONFIRMED, within=_RECOVERY_SECONDS)
    expect(world.stack.ready.pids.worker != worker, "the supervisor should have started another worker")
    asked = await _asked(world, order_id)
    expect(
        len(asked) > 1 and len({each["key"] for each in asked}) == 1,
        f"the provider should have been asked again with the same key, and was asked {[each['key'] for each in asked]}",
    )
    order = await world.ship_and_deliver(order_id)
    return await world.ends(order, f"asked {len(asked)} times, charged once, completed", charged_once(order))


async def _under_way(world: World, placing: asyncio.Task[str]) -> dict[str, Any] | None:
    if placing.done():
        await placing
    asked = await world.provider.asked_for_money()
    return next((each for each in asked if each["fault"] == Do.SLOW and each["status"] is None), None)


async def _unanswered(world: World, order_id: str) -> bool:
    return [each["status"] for each in await _asked(world, order_id)] == [None]


async def _asked(world: World, order_id: str) -> list[dict[str, Any]]:
    return [each for each in await world.provider.asked_for_money() if each["order_id"] == order_id]
