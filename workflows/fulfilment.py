"""The third stage: shipped and delivered, by commands of people; manual capture happens at the first shipment."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import as_failure, told
    from activities.fulfilment import FulfilmentActivities, FulfilmentStep
    from activities.orders import CompleteOrder, OrderActivities
    from activities.payments import PaymentActivities
    from domain.errors import CaptureFailed, OrderNotDeliverable, OrderNotShippable
    from domain.gateway import MoveRequest, PaymentOutcome, Pending
    from domain.incidents import IncidentKind
    from domain.orders import Command, OrderState, OrderStatus, Role
    from workflows.policies import at_provider, in_database
    from workflows.progress import Matter, Progress

# How long a provider that works on a capture is left alone before it is asked again.
_LOOK_AGAIN = timedelta(minutes=10)


class FulfilmentStage:
    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.shipping_began = False
        # The buyer accepted the goods, or the time to object is over.
        self.inspected = False

    async def run(self) -> bool:
        """True when the order was delivered and its inspection window is over; False when it ended otherwise."""
        progress = self.progress
        await workflow.wait_condition(lambda: progress.state.status is OrderStatus.DELIVERED or progress.closed)
        if progress.closed:
            return False
        if not self.inspected:
            await self._inspection()
        await progress.free()
        if progress.closed:
            return False
        progress.busy = "completion"
        return True

    async def complete(self) -> None:
        step = CompleteOrder(
            order_id=self.progress.order_id, correlation_id=self.progress.placement.correlation_id, at=workflow.now()
        )
        self.progress.state = await in_database(OrderActivities.complete, step, "Allocate the money, close the order")
        self.progress.tell("Delivered and closed.")

    def refuse_shipment(self) -> None:
        """The validator of `ship`."""
        self.progress.refuse_if_unavailable()
        if self.progress.state.status is not OrderStatus.CONFIRMED:
            raise as_failure(OrderNotShippable(status=self.progress.state.status))

    async def ship(self, command: Command) -> OrderState:
        with self.progress.step("shipment"):
            step = self._step(command)
            capture = await in_database(FulfilmentActivities.begin_shipment, step, "Check the shipment")
            if capture is not None:
                step = step.model_copy(
                    update={"capture": await self._capture(capture), "capture_key": capture.key, "at": workflow.now()}
                )
            shipment = await in_database(FulfilmentActivities.ship, step, "Write the shipment down")
            self.progress.state = shipment.state
            if shipment.refused is not None:
                self.progress.ask_for_attention(Matter.CAPTURE, "The money could not be captured; nothing was shipped.")
                raise as_failure(CaptureFailed(reason=shipment.refused))
            self.shipping_began = True
            self.progress.settled(Matter.CAPTURE)
            self.progress.tell("On its way to the buyer.")
            return shipment.state

    def refuse_delivery(self) -> None:
        """The validator of `deliver`: that goods arrived is a fact, which a hold doesn't undo."""
        self.progress.refuse_if_unavailable(even_held=True)
        if not self.shipping_began:
            raise as_failure(OrderNotDeliverable(status=self.progress.state.status))

    async def deliver(self, command: Command) -> OrderState:
        with self.progress.step("delivery"):
            step = self._step(command)
            delivery = await in_database(FulfilmentActivities.deliver, step, "Write the delivery down")
            self.progress.state = OrderState.model_validate(delivery.model_dump())
            # The buyer's word is final, of what it was about; the seller's starts the inspection window.
            accepted = command.role is Role.BUYER if delivery.accepted is None else delivery.accepted
            self.inspected = self.inspected or accepted
            self.progress.tell("Delivered.")
            return self.progress.state

    async def _capture(self, request: MoveRequest) -> PaymentOutcome:
        try:
            said = await at_provider(PaymentActivities.capture, request, request.provider, "Capture the held money")
            while isinstance(said, Pending):
                await self.progress.news(_LOOK_AGAIN, "Look at the capture again")
                read = await at_provider(PaymentActivities.read, request, request.provider, "Read the provider's state")
                assert read is not None, "what has a reference is read, not searched"
                said = read
        except FailureError as failure:
            self.progress.ask_for_attention(Matter.CAPTURE, "The capture can't be made; nothing was shipped.")
            await self.progress.report(IncidentKind.PAYMENT_UNKNOWN, f"capture: {told(failure)}")
            raise
        return said

    async def _inspection(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: self.inspected,
                timeout=timedelta(seconds=self.progress.placement.policy.inspection_window),
                timeout_summary="Inspection window",
            )
        except TimeoutError:
            self.inspected = True
            self.progress.tell("The inspection window is over.")

    def _step(self, command: Command) -> FulfilmentStep:
        return FulfilmentStep(order_id=self.progress.order_id, command=command, at=workflow.now())
