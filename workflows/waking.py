"""Tells running workflows that a provider has news; they read the provider themselves."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import WorkflowsUnavailable
from domain.refunds import ApprovedRefund
from workflows import names
from workflows.order import OrderWorkflow
from workflows.policies import TASK_TIMEOUT
from workflows.refund import RefundWorkflow

# Providers wait some seconds for an answer to a webhook and then send it again.
_TELLING = timedelta(seconds=5)


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

    async def recheck(self, refund: ApprovedRefund) -> None:
        """Have a refund that its provider knows read there once more: providers can take one back."""
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
