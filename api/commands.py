"""What the API says to Temporal: start an order, send it a command; and what it makes of every way that can end."""

from collections.abc import Awaitable
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from activities.failures import as_error
from domain.errors import HoldfastError, OrderAlreadyPlaced, WorkflowsUnavailable
from domain.orders import Command, OrderState, Placement
from workflows import names
from workflows.order import OrderWorkflow
from workflows.policies import TASK_TIMEOUT


class Said(StrEnum):
    """How a call to a workflow ended when it did not end in a refusal."""

    ANSWERED = "answered"
    # The budget is over; the workflow goes on.
    LATER = "later"
    # The workflow has closed or is forgotten: the database knows.
    CLOSED = "closed"


Update: TypeAlias = UpdateMethodMultiParam[[OrderWorkflow, Command], OrderState]

_GONE = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.ALREADY_EXISTS})


async def place(client: Client, placement: Placement, budget_seconds: float) -> Said:
    """Start the order's workflow, or find it, and wait for its first payment attempt.

    Raises the refusal that the order ended in, or WorkflowsUnavailable when Temporal can't be reached.
    """
    operation = WithStartWorkflowOperation(
        OrderWorkflow.run,
        placement,
        id=names.order_workflow_id(placement.order_id),
        task_queue=names.ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        search_attributes=names.at_start(placement.payment.method, placement.currency, placement.buyer_id),
        static_summary=_summary(placement),
    )
    return await _say(
        client.execute_update_with_start_workflow(
            OrderWorkflow.placed,
            start_workflow_operation=operation,
            id=placement.request_id,
            rpc_timeout=timedelta(seconds=budget_seconds),
        )
    )


def _summary(placement: Placement) -> str:
    return f"Order of {sum(item.quantity for item in placement.items)} pieces, paid by {placement.payment.method}"


async def command(client: Client, order_id: str, update: Update, given: Command, budget_seconds: float) -> Said:
    """Send a command to an open order and wait for its end. Raises as `place` does."""
    handle = client.get_workflow_handle_for(OrderWorkflow.run, names.order_workflow_id(order_id))
    return await _say(
        handle.execute_update(update, given, id=given.request_id, rpc_timeout=timedelta(seconds=budget_seconds))
    )


async def _say(call: Awaitable[Any]) -> Said:
    try:
        await call
    except WorkflowUpdateFailedError as failed:
        error = as_error(failed.cause)
        if isinstance(error, OrderAlreadyPlaced):
            return Said.CLOSED
        raise error or HoldfastError() from failed
    except WorkflowUpdateRPCTimeoutOrCancelledError:
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
