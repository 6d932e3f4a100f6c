"""Ending an order early: undo what was done, newest first; a business message, never asyncio cancellation."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.cancellation import Cancellation
    from activities.failures import as_error, as_failure, told
    from activities.parts import CallOff, PartActivities
    from domain.errors import OrderBusy, OrderNotCancellable
    from domain.incidents import IncidentKind
    from domain.orders import CancelReason, Command, OrderState, OrderStatus, Role
    from workflows.fulfilment import FulfilmentStage
    from workflows.policies import in_database
    from workflows.progress import Matter, Progress
    from workflows.reversal import start_refund


# How long an order that could not be unwound waits before the next try, unless the provider has news.
_UNWIND_AGAIN = timedelta(hours=1)


class CancellationStage:
    def __init__(self, progress: Progress, fulfilment: FulfilmentStage) -> None:
        self.progress = progress
        self.fulfilment = fulfilment
        # Goes on with what a person's cancellation could not undo.
        self._after_person: asyncio.Task[None] | None = None
        self._insisting = False

    def refuse(self, command: Command) -> None:
        """The validator of `cancel`: after the first shipment a refund request is the way.

        A part can be called off until it is shipped, whatever became of the others. On a held order only staff may
        decide.
        """
        if _of_a_part(command):
            self._refuse_part(command)
            return
        if self.fulfilment.shipping_began and not self.progress.closed:
            raise as_failure(OrderNotCancellable(status=self.progress.state.status))
        self.progress.refuse_if_unavailable(even_held=command.role is Role.ADMIN or self.progress.ending)
        if self.progress.undecided:
            raise as_failure(OrderBusy(step="payment"))

    async def cancel(self, command: Command) -> OrderState:
        """The handler of `cancel`; what can't be undone now is tried again although its caller was told so."""
        if _of_a_part(command) and await self._called_off(command):
            return self.progress.state
        try:
            await self.unwind(CancelReason.REQUESTED, command=command)
        except FailureError:
            if self._after_person is None:
                self._after_person = asyncio.create_task(self.insist(CancelReason.REQUESTED, command=command))
            raise
        return self.progress.state

    def _refuse_part(self, command: Command) -> None:
        progress = self.progress
        progress.refuse_if_unavailable(even_held=command.role is Role.ADMIN)
        if progress.ending:
            raise as_failure(OrderBusy(step="cancellation"))
        if progress.state.status is not OrderStatus.CONFIRMED:
            raise as_failure(OrderNotCancellable(status=progress.state.status))

    async def _called_off(self, command: Command) -> bool:
        """Call off a seller's part; False when nothing else is left of the order, so that all of it has to end."""
        progress = self.progress
        with progress.step("cancellation"):
            step = CallOff(order_id=progress.order_id, command=command, at=workflow.now())
            done = await in_database(PartActivities.call_off, step, "Call off a seller's part")
            if done.refund is not None:
                await start_refund(done.refund)
        if done.state is not None:
            self.fulfilment.inspected = self.fulfilment.inspected or done.accepted
            progress.state = done.state
            progress.tell("A part of it was called off.")
        return not done.whole

    async def unwind(
        self, reason: CancelReason, *, command: Command | None = None, end: OrderStatus = OrderStatus.CANCELLED
    ) -> None:
        """Run every undo, newest first; the last one closes the order. One at a time: the second finds it closed."""
        progress = self.progress
        # Several may wake at once: whoever goes on takes the step before anything else runs.
        while progress.busy is not None and not progress.closed:
            await workflow.wait_condition(lambda: progress.busy is None or progress.closed)
        if progress.closed:
            return
        cancellation = Cancellation(
            order_id=progress.order_id,
            reason=reason,
            restock=command is None or command.restock,
            request_id=None if command is None else command.request_id,
            correlation_id=progress.correlation(command),
            at=workflow.now(),
            end=end,
        )
        progress.ending = True
        try:
            with progress.step("cancellation"):
                while progress.undo:
                    await progress.undo[-1](cancellation)
                    progress.undo.pop()
        except FailureError as undone:
            await self._not_undone(undone)
            raise
        progress.settled(Matter.UNWINDING)
        # What could not be captured was given back: nobody has to capture it any more.
        progress.settled(Matter.CAPTURE)
        progress.tell(f"Ended: {reason}.")

    async def _not_undone(self, undone: FailureError) -> None:
        workflow.logger.error("order can't be unwound", exc_info=undone)
        # Goods are on their way that this workflow did not know of: the order is no more to end.
        self.progress.ending = not _shipped(undone)
        self.progress.ask_for_attention(Matter.UNWINDING, "Something could not be undone; a person has to look.")
        await self.progress.report(IncidentKind.ORDER_NOT_UNWOUND, told(undone))

    async def insist(
        self, reason: CancelReason, *, command: Command | None = None, end: OrderStatus = OrderStatus.CANCELLED
    ) -> None:
        """Unwind until the order is closed: it stays open and is tried again, for its money must not be forgotten.

        Given up when there is nothing to undo, or goods are on their way.
        """
        while self.progress.undo and not self.progress.closed:
            # Whoever has begun tries for all.
            await workflow.wait_condition(lambda: not self._insisting)
            self._insisting = True
            try:
                await self.unwind(reason, command=command, end=end)
            except FailureError as undone:
                if _shipped(undone):
                    return
                await self.progress.news(_UNWIND_AGAIN, "Try to give everything back again")
                await self.progress.free()
            finally:
                self._insisting = False

    async def from_outside(self) -> None:
        """A cancellation from Temporal's UI or CLI: the same cancel, or a note why not."""
        progress = self.progress
        await workflow.wait_condition(lambda: (progress.busy is None and not progress.undecided) or progress.closed)
        if not self.fulfilment.shipping_began and not progress.closed:
            await self.insist(CancelReason.OPERATOR)
            if progress.closed:
                return
        progress.tell("A cancellation from outside was refused: the goods are on their way or the order ended.")


def _of_a_part(command: Command) -> bool:
    """A seller has no more than a part of an order."""
    return command.fulfilment_id is not None or command.role is Role.SELLER


def _shipped(undone: FailureError) -> bool:
    return isinstance(as_error(undone), OrderNotCancellable)
