"""An order's workflow as Temporal shows it, and as its providers' news reach it."""

from typing import Any

from temporalio.client import WorkflowHandle

from tests.support.arena import Arena
from workflows.names import NEEDS_ATTENTION, order_workflow_id
from workflows.order import OrderWorkflow


def workflow_of(arena: Arena, order: str) -> WorkflowHandle[Any, Any]:
    return arena.temporal.get_workflow_handle(order_workflow_id(order))


async def needs_attention(arena: Arena, order: str) -> bool:
    seen = await workflow_of(arena, order).describe()
    return bool(seen.typed_search_attributes.get(NEEDS_ATTENTION))


async def needs_nobody(arena: Arena, order: str) -> bool:
    return not await needs_attention(arena, order)


async def told_of_news(arena: Arena, order: str) -> None:
    await workflow_of(arena, order).signal(OrderWorkflow.payment_changed)
