"""Where an order stands: the one mutable state that its stages share, and what the Web UI is told of it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from activities.cancellation import Cancellation
    from activities.failures import as_failure
    from domain.errors import OrderBusy, OrderClosed
    from domain.orders import ORDER_MOVES, Command, OrderState, OrderStatus, Placement
    from domain.payments import PaymentStatus
    from workflows import names

Undo = Callable[[Cancellation], Awaitable[None]]


class Progress:
    """Decisions are ordered by `busy`, never by a lock: a conflicting update is refused, not queued."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self.state = OrderState(
            order_id=placement.order_id, status=OrderStatus.PENDING, payment_status=PaymentStatus.PENDING
        )
        self.amount: int | None = None
        self.busy: str | None = "checkout"
        # The provider told of a change; many tellings are one re-read.
        self.changed = False
        # What to undo, oldest first; each is pushed before its stage acts.
        self.undo: list[Undo] = []

    @property
    def order_id(self) -> str:
        return self.placement.order_id

    @property
    def closed(self) -> bool:
        return ORDER_MOVES.is_terminal(self.state.status)

    @property
    def undecided(self) -> bool:
        """Whether the provider may have taken the money, or may still take it: then nothing can be given back."""
        return self.state.payment_status in {PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN}

    def refuse_if_unavailable(self) -> None:
        """Raises OrderClosed or OrderBusy as the failure that an update's validator answers with."""
        if self.closed:
            raise as_failure(OrderClosed(status=self.state.status))
        if self.busy is not None:
            raise as_failure(OrderBusy(step=self.busy))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Nothing else may decide while the block runs."""
        self.busy = name
        try:
            yield
        finally:
            self.busy = None

    def tell(self, story: str) -> None:
        """Show people in the Web UI, in words, what the order is doing; Markdown, no personal data."""
        workflow.set_current_details(f"**{self.state.status}**, payment {self.state.payment_status}. {story}")

    async def news(self, within: timedelta, why: str) -> None:
        """Wait until the provider tells of a change, the order is closed, or time is up; `why` names the timer."""
        try:
            await workflow.wait_condition(lambda: self.changed or self.closed, timeout=within, timeout_summary=why)
        except TimeoutError:
            workflow.logger.info("no news of the payment")
        self.changed = False

    def publish(self) -> None:
        """Make the order findable by what it is now: one upsert at confirmation and one at the end."""
        updates: list[SearchAttributeUpdate[Any]] = [
            names.ORDER_STATUS.value_set(self.state.status),
            names.PAYMENT_STATUS.value_set(self.state.payment_status),
        ]
        if self.amount is not None:
            updates.append(names.AMOUNT_MINOR.value_set(self.amount))
        workflow.upsert_search_attributes(updates)

    def ask_for_attention(self, story: str) -> None:
        """Mark the order for a person."""
        workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(value=True)])
        self.tell(story)

    def correlation(self, command: Command | None) -> str:
        return self.placement.correlation_id if command is None else command.correlation_id
