"""Hold and release: an operator's word is obeyed at once, and written down when the database can be reached."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import as_failure
    from activities.repair import HoldStep, RepairActivities
    from domain.errors import OrderBusy, OrderClosed, OrderNotHeld
    from domain.orders import Command, OrderState
    from workflows.policies import by_hand
    from workflows.progress import Matter, Progress

_SUMMARY = {True: "Write the hold down", False: "Write the release down"}


class Holding:
    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._unwritten: list[HoldStep] = []
        self._writing: asyncio.Task[None] | None = None

    def refuse_hold(self) -> None:
        """The validator of `hold`: it gets through whatever the order is busy with, once there is an order."""
        if self.progress.closed:
            raise as_failure(OrderClosed(status=self.progress.state.status))
        if self.progress.amount is None:
            raise as_failure(OrderBusy(step="checkout"))

    def refuse_release(self) -> None:
        """The validator of `release`."""
        self.refuse_hold()
        if not self.progress.held:
            raise as_failure(OrderNotHeld())

    def hold(self, command: Command) -> OrderState:
        """The handler of `hold`. What has begun is finished; nothing new begins until the order is released."""
        return self._stand(command, held=True)

    def release(self, command: Command) -> OrderState:
        """The handler of `release`."""
        return self._stand(command, held=False)

    async def written(self) -> None:
        """Wait until every hold and release is written down."""
        if self._writing is not None:
            await self._writing

    def _stand(self, command: Command, *, held: bool) -> OrderState:
        progress = self.progress
        progress.held = held
        progress.tell_again()
        self._unwritten.append(HoldStep(order_id=progress.order_id, command=command, held=held, at=workflow.now()))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return progress.state

    async def _write(self) -> None:
        while self._unwritten:
            step = self._unwritten.pop(0)
            try:
                await by_hand(RepairActivities.record_hold, step, _SUMMARY[step.held])
            except FailureError as failure:
                workflow.logger.error("a hold could not be written down", exc_info=failure)
                self.progress.ask_for_attention(Matter.HOLD, "A hold or release could not be written down.")
