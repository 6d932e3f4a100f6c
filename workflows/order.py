"""OrderWorkflow: one order, from placement to its end."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import as_failure
    from domain.orders import CancelReason, Command, OrderState, OrderStatus, Placement
    from workflows.cancellation import CancellationStage
    from workflows.checkout import CheckoutStage
    from workflows.fulfilment import FulfilmentStage
    from workflows.holding import Holding
    from workflows.lapse import HeldMoney
    from workflows.payment import PaymentStage
    from workflows.progress import Matter, Progress
    from workflows.uncancelled import finish_despite_cancel

# How long an order that can't be completed waits before the next try.
_AGAIN = timedelta(hours=1)


@workflow.defn(name="OrderWorkflow")
class OrderWorkflow:
    @workflow.init
    def __init__(self, placement: Placement) -> None:
        self.progress = Progress(placement)
        self.checkout = CheckoutStage(self.progress)
        self.payment = PaymentStage(self.progress)
        self.held_money = HeldMoney(self.progress, self.payment)
        self.fulfilment = FulfilmentStage(self.progress)
        self.cancellation = CancellationStage(self.progress, self.fulfilment)
        self.holding = Holding(self.progress)

    @workflow.run
    async def run(self, placement: Placement) -> OrderState:  # noqa: ARG002 - the SDK gives it to __init__ too
        await finish_despite_cancel(asyncio.create_task(self._live()), self.cancellation.from_outside)
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self.holding.written()
        await self.payment.hear_out()
        return self.progress.state

    async def _live(self) -> None:
        placed = await self.checkout.run()
        if placed is None:
            return
        try:
            if not await self.payment.run(placed) or await self.held_money.lapses():
                await self._expire()
            elif await self.fulfilment.run():
                await self.fulfilment.complete()
        except FailureError as failure:
            await self._fail(failure)
            await self._carry_on()
        self.progress.publish()

    async def _expire(self) -> None:
        await self.progress.free()
        if not self.progress.closed:
            await self.cancellation.unwind(CancelReason.EXPIRED)

    async def _fail(self, failure: FailureError) -> None:
        """A step that can't succeed for a technical reason: nothing is kept, everything is given back."""
        workflow.logger.error("order can't go on", exc_info=failure)
        # It was the order's own step that failed: nobody else is at it.
        self.progress.busy = None
        self.progress.ask_for_attention(Matter.STEP, "A step can't succeed; giving everything back.")
        await self.progress.free()
        await self.cancellation.insist(CancelReason.OPERATOR, end=OrderStatus.FAILED)

    async def _carry_on(self) -> None:
        """An order that can't be unwound because its goods are on their way goes on to its end."""
        while not self.progress.closed:
            try:
                if await self.fulfilment.run():
                    await self.fulfilment.complete()
            except FailureError as failure:
                workflow.logger.error("order can't be completed", exc_info=failure)
                self.progress.busy = None
                await self.progress.news(_AGAIN, "Try to complete the order again")

    @workflow.update
    async def placed(self) -> OrderState:
        """The order after its first payment attempt, or why it was refused."""
        await workflow.wait_condition(
            lambda: self.payment.recorded > 0 or self.checkout.refusal is not None or self.progress.closed
        )
        if self.checkout.refusal is not None:
            raise as_failure(self.checkout.refusal)
        return self.progress.state

    @workflow.update
    async def pay(self, command: Command) -> OrderState:
        return await self.payment.choose(command)

    @pay.validator
    def _validate_pay(self, command: Command) -> None:
        self.payment.refuse_choice(command)

    @workflow.update
    async def ship(self, command: Command) -> OrderState:
        return await self.fulfilment.ship(command)

    @ship.validator
    def _validate_ship(self, command: Command) -> None:  # noqa: ARG002 - the SDK wants the handler's signature
        self.fulfilment.refuse_shipment()

    @workflow.update
    async def deliver(self, command: Command) -> OrderState:
        return await self.fulfilment.deliver(command)

    @deliver.validator
    def _validate_deliver(self, command: Command) -> None:  # noqa: ARG002 - the SDK wants the handler's signature
        self.fulfilment.refuse_delivery()

    @workflow.update
    async def cancel(self, command: Command) -> OrderState:
        return await self.cancellation.cancel(command)

    @cancel.validator
    def _validate_cancel(self, command: Command) -> None:
        self.cancellation.refuse(command)

    @workflow.update
    async def resolve_payment(self, command: Command) -> OrderState:
        return await self.payment.resolve(command)

    @resolve_payment.validator
    def _validate_resolve_payment(self, command: Command) -> None:
        self.payment.refuse_resolution(command)

    @workflow.update
    def hold(self, command: Command) -> OrderState:
        return self.holding.hold(command)

    @hold.validator
    def _validate_hold(self, command: Command) -> None:  # noqa: ARG002 - the SDK wants the handler's signature
        self.holding.refuse_hold()

    @workflow.update
    def release(self, command: Command) -> OrderState:
        return self.holding.release(command)

    @release.validator
    def _validate_release(self, command: Command) -> None:  # noqa: ARG002 - the SDK wants the handler's signature
        self.holding.refuse_release()

    @workflow.signal
    async def payment_changed(self) -> None:
        """The provider has news of this order's payment; it is read again, never believed."""
        self.progress.changed = True
