"""What the API says to Temporal: start an order, send it a command; and what it makes of every way that can end."""

import asyncio
import json
import time
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
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
from activities.telling import tell_commands
from api import orders, problems
from api.deps import CorrelationId, Principal, Wired, now
from api.idempotency import Answer, Call, Claim, Once
from api.orders import AcceptedOrder
from db.commands import Owed
from db.commands import owed as owed_commands
from db.ids import new_id
from db.queries import order_view
from domain.errors import (
    HoldfastError,
    OrderAlreadyPlaced,
    OrderBusy,
    OrderClosed,
    OrderNotCancellable,
    OrderNotDeliverable,
    OrderNotShippable,
    PaymentNotOpen,
    PaymentNotUnknown,
    WorkflowsUnavailable,
)
from domain.ids import OrderId
from domain.orders import Command, OrderState, OrderView, Placement
from domain.values import Value
from workflows import names
from workflows.order import OrderWorkflow
from workflows.policies import TASK_TIMEOUT
from workflows.waking import UPDATES, TemporalWaker, Update


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
    return f"Order of {sum(item.quantity for item in placement.items)} pieces, paid by {placement.payment.method}"


# What a command is answered with, for the OpenAPI document.
DONE: dict[int | str, dict[str, Any]] = {
    200: {"model": OrderView},
    202: {"model": OrderView, "description": "Accepted; look again at the Location."},
}
# Refusals by a status of the order or its payment.
_BY_STATUS = (
    OrderClosed, OrderNotCancellable, OrderNotDeliverable, OrderNotShippable, PaymentNotOpen, PaymentNotUnknown
)  # fmt: skip
# Commands that write to the database before Temporal keeps them. The others are done when they are kept, and their
# callers look whether they were: told again, an old hold would come after a newer release.
_TOLD_AGAIN = frozenset({"pay", "ship", "deliver", "cancel"})
# How many orders of a batch are told at once.
_AT_ONCE = 8
# Between two looks for the outcome of a command that is written down after its answer.
_LOOK_AGAIN_SECONDS = 0.05


class CommandResult(Value):
    """How a command to one of many orders ended: `status` is what the single call would have answered with."""

    order_id: OrderId
    status: int
    order: OrderView | AcceptedOrder | None = None
    code: str | None = None
    detail: str | None = None


class Commands:
    """Sends a person's commands to open orders, each once per Idempotency-Key."""

    def __init__(self, wired: Wired, once: Once, correlation: CorrelationId) -> None:
        self._wired = wired
        self._once = once
        self._correlation = correlation

    async def once(self, caller: Principal, order_id: str, verb: str, body: BaseModel, **fields: Any) -> Response:  # noqa: ANN401 - fields of Command
        """Send the command and answer with how it ended; `fields` are what the workflow may know of the body.

        Raises ResourceNotFound for an order that the caller may not see, the refusal that the command ended in, or
        WorkflowsUnavailable when Temporal can't be reached.
        """
        budget = timedelta(seconds=self._wired.answer_budget_seconds)
        async with self._wired.database.transaction() as session:
            await orders.found(session, caller, order_id)
            owed = await owed_commands(session, now() - budget, order_id)

        command = Command(
            request_id=new_id("req"),
            actor_id=caller.account_id,
            role=caller.role,
            correlation_id=self._correlation,
            **fields,
        )

        async def act(claim: Claim, _: None) -> Answer:
            told = command.model_copy(update={"request_id": claim.request_id})
            return await self._outcome(caller, claim, await self._send(claim, verb, told, owed))

        call = Call(
            caller=caller,
            route=f"POST /v1/orders/{order_id}/{verb}",
            body=body.model_dump(mode="json"),
            resource_id=order_id,
            recall=partial(orders.recall, self._wired, caller, 200),
            prepare=_nothing,
            act=act,
            request_id=command.request_id,
            owed=verb in _TOLD_AGAIN,
            verb=verb,
            command=command.model_dump(mode="json"),
        )
        return await self._once.once(call)

    async def each(
        self,
        caller: Principal,
        order_ids: Sequence[str],
        verb: str,
        body: BaseModel,
        **fields: Any,  # noqa: ANN401 - fields of Command
    ) -> list[CommandResult]:
        """Send one command to many orders under one key, and say for each how it ended; one refusal stops none."""
        free = asyncio.Semaphore(_AT_ONCE)

        async def one(order_id: str) -> CommandResult:
            async with free:
                try:
                    answer = await self.once(caller, order_id, verb, body, **fields)
                except HoldfastError as refusal:
                    answer = problems.response_of(refusal, self._correlation)
            return _result(order_id, answer)

        return await asyncio.gather(*map(one, order_ids))

    async def _outcome(self, caller: Principal, claim: Claim, said: Said) -> Answer:
        """The command's outcome; that of a hold is written down after the workflow answered.

        Raises what an order without a running workflow answers.
        """
        give_up = time.monotonic() + self._wired.answer_budget_seconds
        while True:
            result = await orders.outcome(self._wired, caller, claim, 200)
            if said is Said.CLOSED and not result.final:
                raise await orders.not_running(self._wired, caller, claim.resource_id)
            if result.final or said is not Said.ANSWERED or time.monotonic() > give_up:
                return result
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _send(self, claim: Claim, verb: str, command: Command, owed: Sequence[Owed]) -> Said:
        """Send the command, after what the workflow may have forgotten.

        Raises its refusal, or OrderBusy when that speaks of a status the order no longer has.
        """
        order_id = claim.resource_id
        await tell_commands(self._wired.database, TemporalWaker(self._wired.temporal), owed)
        try:
            said = await self._tell(order_id, UPDATES[verb], command)
        except HoldfastError as refusal:
            # It may have arrived, although nobody could say so.
            claim.owed = claim.owed and isinstance(refusal, WorkflowsUnavailable)
            if await self._behind(order_id, refusal):
                raise OrderBusy(step="recovery") from refusal
            raise
        claim.owed = claim.owed and said is Said.LATER
        return said

    async def _behind(self, order_id: str, refusal: HoldfastError) -> bool:
        """Whether the workflow refused by a status that its order no longer has: its worker died before it knew."""
        if not isinstance(refusal, _BY_STATUS):
            return False
        async with self._wired.database.transaction() as session:
            order = await order_view(session, order_id)
        return order is not None and refusal.values["status"] not in {order.status, order.payment_status}

    async def _tell(self, order_id: str, update: Update, command: Command) -> Said:
        client, workflow_id = self._wired.temporal, names.order_workflow_id(order_id)
        handle: WorkflowHandle[OrderWorkflow, OrderState] = client.get_workflow_handle(workflow_id)
        seconds = self._wired.answer_budget_seconds
        budget = timedelta(seconds=seconds)
        said = await _say(handle.execute_update(update, command, id=command.request_id, rpc_timeout=budget), seconds)
        if said is Said.LATER and not await _known(client, workflow_id):
            return Said.CLOSED
        return said


def _result(order_id: str, answer: Response) -> CommandResult:
    told = json.loads(bytes(answer.body))
    if answer.status_code < 400:  # noqa: PLR2004 - HTTP's own boundary
        shown = OrderView if "lines" in told else AcceptedOrder
        return CommandResult(order_id=order_id, status=answer.status_code, order=shown.model_validate(told))
    return CommandResult(order_id=order_id, status=answer.status_code, code=told["code"], detail=told["detail"])


Send = Annotated[Commands, Depends()]


async def _nothing(_: AsyncSession) -> None:
    """A command needs nothing read before it is sent."""


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
