"""The first stage: price the order, hold its stock and write it down, or refuse it."""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.cancellation import Cancellation, CancellationActivities
    from activities.failures import as_error
    from activities.orders import OrderActivities, PlacedOrder, PlaceOrder
    from domain.errors import HoldfastError
    from workflows.policies import in_database
    from workflows.progress import Progress


class CheckoutStage:
    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.refusal: HoldfastError | None = None

    async def run(self) -> PlacedOrder | None:
        """The placed order, or None when it was refused (`refusal` says why): then nothing was written."""
        self.progress.tell("Pricing the order and holding its stock.")
        step = PlaceOrder(
            placement=self.progress.placement,
            run_id=workflow.info().first_execution_run_id,
            at=workflow.now(),
        )
        try:
            placed = await in_database(OrderActivities.place, step, "Price, hold stock, write the order")
        except FailureError as failure:
            self.refusal = as_error(failure)
            if self.refusal is None:
                raise
            self.progress.busy = None
            self.progress.tell(f"Refused: {self.refusal}")
            return None
        self.progress.undo.append(self._close)
        self.progress.amount = placed.amount
        return placed

    async def _close(self, cancellation: Cancellation) -> None:
        self.progress.state = await in_database(
            CancellationActivities.finish, cancellation, "Give the stock back and close the order"
        )
