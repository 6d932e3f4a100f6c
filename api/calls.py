"""A call to an order's workflow, to start it or to tell it a command; and what is made of every way that can end."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RetryConfig, RPCError, RPCStatusCode

from activities.failures import as_error
from domain.errors import HoldfastError, OrderAlreadyPlaced, WorkflowsUnavailable
from domain.orders import Command, OrderState, Placement
from workflows import names
from workflows.order import OrderWorkflow
from workflows.policies import TASK_TIMEOUT
from workflows.waking import UPDATES


class Said(StrEnum):
    """How a call to a workflow ended when it did not end in a refusal."""

    ANSWERED = "answered"
    # The budget is over; the workflow goes on.
    LATER = "later"
    # The workflow has closed or is forgotten: the database knows.
    CLOSED = "closed"


# For the API's client: a short outage of Temporal is bridged, a longer one is told to the caller.
RETRIES = RetryConfig(max_interval_millis=500, max_elapsed_time_millis=2_000)

_GONE = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.ALREADY_EXISTS})
# How long Temporal may take to say whether it has a workflow: when a thousand orders come at once, some seconds.
_LOOK = timedelta(seconds=10)


async def place(client: Client, placement: Placement, budget_seconds: float) -> Said:
    """Start the order's workflow, or find it, and wait for its first payment attempt.

    Raises the refusal that the order ended in, or WorkflowsUnavailable when Temporal can't be reached or, at the end
    of the budget, has no such workflow.
    """
    workflow_id = names.order_workflow_id(placement.order_id)
    operation = WithStartWorkflowOperation(
        OrderWorkflow.run,
        placement,
        id=workflow_id,
        task_queue=names.ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        search_attributes=names.at_start(placement.payment.method, placement.currency, placement.buyer_id),
        static_summary=_summary(placement),
    )
    call = client.execute_update_with_start_workflow(
        OrderWorkflow.placed,
        start_workflow_operation=operation,
        id=placement.request_id,
        rpc_timeout=timedelta(seconds=budget_seconds),
    )
    said = await _say(call, budget_seconds)
    if said is Said.LATER and not await _known(client, workflow_id):
        raise WorkflowsUnavailable
    return said


def _summary(placement: Placement) -> str:
    pieces = sum(item.quantity for item in placement.items)
    return f"Order of {pieces} {'piece' if pieces == 1 else 'pieces'}, paid by {placement.payment.method}"


async def tell(client: Client, order_id: str, verb: str, command: Command, budget_seconds: float) -> Said:
    """Send a command to the order's workflow and wait for its end.

    Raises the refusal that it ended in, or WorkflowsUnavailable when Temporal can't be reached.
    """
    workflow_id = names.order_workflow_id(order_id)
    handle: WorkflowHandle[OrderWorkflow, OrderState] = client.get_workflow_handle(workflow_id)
    budget = timedelta(seconds=budget_seconds)
    call = handle.execute_update(UPDATES[verb], command, id=command.request_id, rpc_timeout=budget)
    said = await _say(call, budget_seconds)
    if said is Said.LATER and not await _known(client, workflow_id):
        return Said.CLOSED
    return said


async def _say(call: Awaitable[Any], budget_seconds: float) -> Said:
    try:
        # The SDK polls for an accepted update's end without a timeout.
        async with asyncio.timeout(budget_seconds):
            await call
    except WorkflowUpdateFailedError as failed:
        error = as_error(failed.cause)
        if isinstance(error, OrderAlreadyPlaced):
            return Said.CLOSED
        raise error or HoldfastError() from failed
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
        return Said.LATER
    except WorkflowAlreadyStartedError:
        return Said.CLOSED
    except RPCError as error:
        if error.status in _GONE:
            return Said.CLOSED
        raise WorkflowsUnavailable from error
    except RuntimeError as error:
        # A lazy client raises it when its first connection fails.
        raise WorkflowsUnavailable from error
    return Said.ANSWERED


async def _known(client: Client, workflow_id: str) -> bool:
    """Whether Temporal has the workflow: a call that was never answered may never have arrived.

    Raises WorkflowsUnavailable when Temporal does not say.
    """
    try:
        async with asyncio.timeout(_LOOK.total_seconds()):
            await client.get_workflow_handle(workflow_id).describe(rpc_timeout=_LOOK)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise WorkflowsUnavailable from error
    except (RuntimeError, TimeoutError) as error:
        raise WorkflowsUnavailable from error
    return True
