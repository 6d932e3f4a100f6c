"""Which orders Temporal has workflows of, for those who compare it with the database."""

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import WorkflowsUnavailable
from domain.sweep import Presence
from workflows import names

_RUNNING = "WorkflowType = 'OrderWorkflow' AND ExecutionStatus = 'Running'"


class TemporalRoll:
    """The roll port over Temporal. Raises WorkflowsUnavailable when Temporal can't be reached."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def running(self) -> frozenset[str]:
        """The orders whose workflows run, by Temporal's list, which is some moments behind."""
        try:
            return frozenset([names.order_of(found.id) async for found in self._client.list_workflows(_RUNNING)])
        except RPCError as error:
            raise WorkflowsUnavailable from error

    async def presence(self, order_id: str) -> Presence:
        """What there is of one order's workflow at this moment."""
        try:
            seen = await self._client.get_workflow_handle(names.order_workflow_id(order_id)).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Presence.NONE
            raise WorkflowsUnavailable from error
        return Presence.RUNNING if seen.status is WorkflowExecutionStatus.RUNNING else Presence.CLOSED
