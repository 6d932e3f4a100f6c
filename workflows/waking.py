"""Tells running workflows what they may not know: a provider's news, which they read themselves; a person's command."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeAlias

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from activities.failures import as_error
from domain.errors import OrderBusy, OrderHeld, WorkflowsUnavailable
from domain.orders import Command, OrderState
from domain.refunds import ApprovedRefund
from workflows import names
from workflows.order import OrderWorkflow
from workflows.policies import TASK_TIMEOUT
from workflows.refund import RefundWorkflow

Update: TypeAlias = UpdateMethodMultiParam[[OrderWorkflow, Command], OrderState]

UPDATES: dict[str, Update] = {
    "pay": OrderWorkflow.pay,
    "ship": OrderWorkflow.ship,
    "deliver": OrderWorkflow.deliver,
    "cancel": OrderWorkflow.cancel,
    "hold": OrderWorkflow.hold,
    "release": OrderWorkflow.release,
    "resolve": OrderWorkflow.resolve_payment,
}
# Providers wait some seconds for an answer to a webhook and then send it again.
_TELLING = timedelta(seconds=5)
# The answer to an update that was refused comes with the news of it.
_REFUSAL = timedelta(milliseconds=500)


class TemporalWaker:
    """The waker port over Temporal. Raises WorkflowsUnavailable when Temporal can't be reached."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def order(self, order_id: str) -> bool:
        """Whether the order's workflow was there to be woken."""
        return await self._signalled(names.order_workflow_id(order_id), OrderWorkflow.payment_changed)

    async def refund(self, refund_id: str) -> bool:
        """Whether the refund's workflow was there to be woken."""
        return await self._signalled(names.refund_workflow_id(refund_id), RefundWorkflow.provider_changed)

    async def command(self, order_id: str, verb: str, command: Command) -> bool:
        """Whether the order's workflow has the command for good, refused it for good, or is no more.

        An update that was accepted stands in the history; sent again, it is found there.
        """
        handle: WorkflowHandle[OrderWorkflow, OrderState]
        handle = self._client.get_workflow_handle(names.order_workflow_id(order_id))
        try:
            kept = await handle.start_update(
                UPDATES[verb],
                command,
                id=command.request_id,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                rpc_timeout=_TELLING,
            )
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            return False
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return True
            raise WorkflowsUnavailable from error
        except RuntimeError as error:
            # A lazy client raises it when its first connection fails.
            raise WorkflowsUnavailable from error
        return not await _not_now(kept)

    async def recheck(self, refund: ApprovedRefund) -> None:
        """Have a refund asked for, or read once more: providers can take one back."""
        try:
            await self._client.start_workflow(
                RefundWorkflow.run,
                refund,
                id=names.refund_workflow_id(refund.refund_id),
                task_queue=names.ORDERS,
                task_timeout=TASK_TIMEOUT,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="provider_changed",
                static_summary=f"Look again at a refund of {refund.order_id}",
                rpc_timeout=_TELLING,
            )
        except (RPCError, RuntimeError) as error:
            raise WorkflowsUnavailable from error

    async def _signalled(self, workflow_id: str, fact: Callable[[Any], Awaitable[None]]) -> bool:
        try:
            await self._client.get_workflow_handle(workflow_id).signal(fact, rpc_timeout=_TELLING)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise WorkflowsUnavailable from error
        except RuntimeError as error:
            # A lazy client raises it when its first connection fails.
            raise WorkflowsUnavailable from error
        return True


async def _not_now(kept: WorkflowUpdateHandle[OrderState]) -> bool:
    """Whether the order refused the command because it was busy or held.

    A refusal is known at once; the end of what was accepted may take long.
    """
    try:
        async with asyncio.timeout(_REFUSAL.total_seconds()):
            await kept.result()
    except WorkflowUpdateFailedError as refused:
        return isinstance(as_error(refused.cause), OrderBusy | OrderHeld)
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
        return False
    except RPCError as error:
        raise WorkflowsUnavailable from error
    return False
