"""People's commands to open orders: each is sent once per Idempotency-Key and answered with how it ended."""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from activities.telling import tell_commands
from api import calls, orders, problems
from api.calls import Said
from api.deps import CorrelationId, Principal, Wired, now
from api.idempotency import Answer, Call, Claim, Once
from api.orders import AcceptedOrder
from db.commands import Owed, given_before
from db.commands import owed as owed_commands
from db.ids import new_id
from db.queries import order_view
from domain.errors import (
    CommandsExhausted,
    HoldfastError,
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
from domain.order_view import OrderView
from domain.orders import Command, Role
from domain.values import Value
from workflows.waking import TemporalWaker

# What a command is answered with, for the OpenAPI document.
DONE: dict[int | str, dict[str, Any]] = {
    200: {"model": OrderView},
    202: {"model": OrderView, "description": "Accepted; look again at the Location."},
}
# A workflow takes 2,000 updates in its life: those of staff have to find room, and nobody uses up what is another's.
# https://docs.temporal.io/self-hosted-guide/defaults
_AT_MOST, _EACH_AT_MOST = 1500, 100
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

    def __init__(self, wired: Wired, once: Once, correlation: CorrelationId, afterwards: BackgroundTasks) -> None:
        self._wired = wired
        self._once = once
        self._correlation = correlation
        self._afterwards = afterwards

    @property
    def _given_up(self) -> datetime:
        """Nobody waits for the answer to a command that came before."""
        return now() - timedelta(seconds=self._wired.answer_budget_seconds)

    async def once(self, caller: Principal, order_id: str, verb: str, body: BaseModel, **fields: Any) -> Response:  # noqa: ANN401 - fields of Command
        """Send the command and answer with how it ended; `fields` are what the workflow may know of the body.

        Raises ResourceNotFound for an order that the caller may not see, the refusal that the command ended in, or
        WorkflowsUnavailable when Temporal can't be reached.
        """
        async with self._wired.database.transaction() as session:
            await orders.visible(session, caller, order_id)
            owed = await owed_commands(session, self._given_up, order_id)
        command = Command(
            request_id=new_id("req"),
            actor_id=caller.account_id,
            role=caller.role,
            correlation_id=self._correlation,
            **fields,
        )

        async def act(claim: Claim, _: None) -> Answer:
            told = command.model_copy(update={"request_id": claim.request_id})
            said = await self._send(claim, verb, told, owed)
            return self._to_be_told(claim, await self._outcome(caller, claim, said))

        call = Call(
            caller=caller,
            route=f"POST /v1/orders/{order_id}/{verb}",
            body=body.model_dump(mode="json"),
            resource_id=order_id,
            recall=partial(self._recall, caller),
            prepare=partial(_check_room, caller),
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

    async def _recall(self, caller: Principal, session: AsyncSession, claim: Claim) -> Answer | None:
        answer = await orders.recall(self._wired, caller, 200, session, claim)
        return None if answer is None else self._to_be_told(claim, answer)

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

    def _to_be_told(self, claim: Claim, answer: Answer) -> Answer:
        """The answer that the database knew first, or alone: the workflow hears of it as soon as it was given."""
        if claim.owed and answer.final:
            self._afterwards.add_task(self._tell_owed, claim.resource_id)
        return answer

    async def _tell_owed(self, order_id: str) -> None:
        """What can't be told now is left to the sweep, and what is under way to its caller."""
        database = self._wired.database
        async with database.transaction() as session:
            owed = await owed_commands(session, self._given_up, order_id)
        await tell_commands(database, TemporalWaker(self._wired.temporal), owed)

    async def _send(self, claim: Claim, verb: str, command: Command, owed: Sequence[Owed]) -> Said:
        """Send the command, after what the workflow may have forgotten.

        Raises its refusal, or OrderBusy when that speaks of a status the order no longer has.
        """
        order_id = claim.resource_id
        await tell_commands(self._wired.database, TemporalWaker(self._wired.temporal), owed)
        try:
            said = await calls.tell(self._wired.temporal, order_id, verb, command, self._wired.answer_budget_seconds)
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


def _result(order_id: str, answer: Response) -> CommandResult:
    told = json.loads(bytes(answer.body))
    if answer.status_code < 400:  # noqa: PLR2004 - HTTP's own boundary
        shown = OrderView if "lines" in told else AcceptedOrder
        return CommandResult(order_id=order_id, status=answer.status_code, order=shown.model_validate(told))
    return CommandResult(order_id=order_id, status=answer.status_code, code=told["code"], detail=told["detail"])


Send = Annotated[Commands, Depends()]


async def _check_room(caller: Principal, session: AsyncSession, claim: Claim) -> None:
    """Raises CommandsExhausted. Staff always get through."""
    if caller.role is Role.ADMIN:
        return
    by_all, own = await given_before(session, claim.resource_id, caller.account_id, claim.created)
    if by_all >= _AT_MOST or own >= _EACH_AT_MOST:
        raise CommandsExhausted
