"""The measurements: what is run in a slice, and what a slice yields."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

from sqlalchemy import text
from temporalio.client import WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from benchmarks.flows.empty import EmptyWorkflow
from benchmarks.flows.noop import NoopWorkflow
from benchmarks.flows.tailed import TailedOrderWorkflow
from benchmarks.system import System
from db.ids import new_id
from db.tables import Request
from domain.addresses import Destination
from domain.orders import Command, Item, OrderState, Placement, Policy, Role
from domain.payments import Choice, PaymentMethod
from domain.repair import HoldReason
from workflows import names
from workflows.order import OrderWorkflow
from workflows.policies import TASK_TIMEOUT

ADDRESS = {"name": "B", "line1": "1 Quay", "city": "Oakland", "region": "CA", "postal_code": "94601", "country": "US"}
_POLICY = Policy(payment_deadline=1800, inspection_window=3600)
_CHOICE = Choice(method=PaymentMethod.CARD, payment_method_id="pm_card_visa")

One = Callable[[System], Awaitable[None]]


async def empty(system: System) -> None:
    await system.temporal.execute_workflow(
        EmptyWorkflow.run, id=f"empty/{uuid.uuid4()}", task_queue=names.ORDERS, task_timeout=TASK_TIMEOUT
    )


async def noop(system: System) -> None:
    await _placed(system, NoopWorkflow.run, NoopWorkflow.placed, f"noop/{uuid.uuid4()}", [])


async def checkout(system: System) -> None:
    """Claim, start, first payment attempt: what the API does for a card order, without HTTP."""
    await checked_out(system)


async def checked_out(system: System) -> str:
    """The workflow of an order that was paid."""
    placement = await _claimed(system)
    workflow_id = names.order_workflow_id(placement.order_id)
    await _placed(system, OrderWorkflow.run, OrderWorkflow.placed, workflow_id, [placement])
    return workflow_id


async def tailed_checkout(system: System) -> None:
    placement = await _claimed(system)
    workflow_id = names.order_workflow_id(placement.order_id)
    await _placed(system, TailedOrderWorkflow.run, TailedOrderWorkflow.placed, workflow_id, [placement])


async def posted(system: System) -> None:
    """The whole call over HTTP."""
    answer = await post_order(system)
    assert answer in {201, 202}, answer


async def post_order(system: System) -> int:
    headers = {
        "Authorization": f"Bearer {system.tokens.issue(system.buyer, Role.BUYER)}",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    body = {
        "items": [{"product_id": system.product, "quantity": 1}],
        "shipping_address": ADDRESS,
        "payment": {"method": "card", "payment_method_id": "pm_card_visa"},
    }
    answer = await system.http.post("/v1/orders", json=body, headers=headers)
    return answer.status_code


async def holds(system: System, workflow_ids: list[str]) -> list[float]:
    """The seconds that each hold takes, one after the other, past the API: as by Temporal's own CLI."""
    left = iter(workflow_ids)
    return await _many(system, lambda system: _hold(system, next(left)), len(workflow_ids), 1)


async def row_insert(system: System) -> None:
    async with system.database.transaction() as session:
        session.add(_request(system, new_id("req"), new_id("ord")))


async def cpu_each(system: System, one: One, count: int, in_flight: int) -> float:
    """CPU seconds of the whole system for one run."""
    before = system.cpu()
    await _many(system, one, count, in_flight)
    return (system.cpu() - before) / count


async def throughput(system: System, one: One, count: int, in_flight: int) -> float:
    """Runs per second."""
    started = time.perf_counter()
    await _many(system, one, count, in_flight)
    return count / (time.perf_counter() - started)


async def latencies(system: System, one: One, count: int, in_flight: int) -> list[float]:
    """Percentiles 1 to 99 of the time that one run takes, in seconds."""
    return quantiles(await _many(system, one, count, in_flight), n=100)


async def _many(system: System, one: One, count: int, in_flight: int) -> list[float]:
    left = iter(range(count))
    took: list[float] = []

    async def runner() -> None:
        for _ in left:
            started = time.perf_counter()
            await one(system)
            took.append(time.perf_counter() - started)

    await asyncio.gather(*(runner() for _ in range(in_flight)))
    return took


async def unfinished(system: System) -> int:
    """How many orders are not confirmed."""
    async with system.database.transaction() as session:
        return int(await session.scalar(text("SELECT count(*) FROM orders WHERE status <> 'confirmed'")) or 0)


async def _hold(system: System, workflow_id: str) -> None:
    request_id = new_id("req")
    command = Command(
        request_id=request_id,
        actor_id=system.buyer,
        role=Role.ADMIN,
        hold=HoldReason.TECHNICAL,
        correlation_id=request_id,
    )
    handle: WorkflowHandle[OrderWorkflow, OrderState] = system.temporal.get_workflow_handle(workflow_id)
    await handle.execute_update(OrderWorkflow.hold, command, id=request_id)


def _request(system: System, request_id: str, order_id: str) -> Request:
    return Request(
        id=request_id,
        account_id=system.buyer,
        route="bench",
        key=request_id,
        fingerprint=b"",
        resource_id=order_id,
        body={"shipping_address": ADDRESS},
        created=datetime.now(UTC),
    )


async def _claimed(system: System) -> Placement:
    request_id, order_id = new_id("req"), new_id("ord")
    async with system.database.transaction() as session:
        session.add(_request(system, request_id, order_id))
    return Placement(
        order_id=order_id,
        request_id=request_id,
        buyer_id=system.buyer,
        items=(Item(product_id=system.product, quantity=1),),
        currency="USD",
        destination=Destination(country="US", region="CA", postal_code="94601"),
        shipping_method="standard",
        payment=_CHOICE,
        policy=_POLICY,
        correlation_id=request_id,
    )


async def _placed(system: System, run: Any, update: Any, workflow_id: str, given: list[Any]) -> None:  # noqa: ANN401 - either kind of flow
    operation: Any = WithStartWorkflowOperation(
        run,
        args=given,
        id=workflow_id,
        task_queue=names.ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        search_attributes=names.at_start("card", "USD", system.buyer),
    )
    await system.temporal.execute_update_with_start_workflow(update, start_workflow_operation=operation)
