"""Where an order stands: the one mutable state that its stages share, and what the Web UI is told of it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from activities.cancellation import Cancellation
    from activities.failures import as_failure
    from activities.repair import RepairActivities, Trouble
    from domain.errors import OrderBusy, OrderClosed, OrderHeld
    from domain.incidents import IncidentKind
    from domain.orders import ORDER_MOVES, Command, OrderState, OrderStatus, Placement
    from domain.payments import PaymentStatus
    from workflows import names
    from workflows.policies import by_hand

Undo = Callable[[Cancellation], Awaitable[None]]


class Matter(StrEnum):
    """What a person has to look at."""

    PAYMENT = "payment"
    LAPSE = "lapse"
    CAPTURE = "capture"
    HOLD = "hold"
    STEP = "step"
    UNWINDING = "unwinding"


class Progress:
    """Decisions are ordered by `busy`, never by a lock: a conflicting update is refused, not queued."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self.state = OrderState(
            order_id=placement.order_id, status=OrderStatus.PENDING, payment_status=PaymentStatus.PENDING
        )
        self.amount: int | None = None
        # Until when money that is held can be captured, if the provider says.
        self.capture_before: datetime | None = None
        self.busy: str | None = "checkout"
        # An operator said to stand still: what has begun is finished, nothing new begins.
        self.held = False
        # Giving back has begun, and may be stuck halfway: the order can only end.
        self.ending = False
        self._story = ""
        # The provider told of a change; many tellings are one re-read.
        self.changed = False
        # What a person was asked to look at, and what has not settled itself since.
        self.matters: set[Matter] = set()
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

    def refuse_if_unavailable(self, *, even_held: bool = False) -> None:
        """Raises OrderClosed, OrderHeld or OrderBusy as the failure that an update's validator answers with.

        `even_held` lets pass what is allowed on an order that is held, or whose unwinding got stuck.
        """
        if self.closed:
            raise as_failure(OrderClosed(status=self.state.status))
        if self.held and not even_held:
            raise as_failure(OrderHeld())
        if self.ending and not even_held:
            raise as_failure(OrderBusy(step="cancellation"))
        if self.busy is not None:
            raise as_failure(OrderBusy(step=self.busy))

    async def free(self) -> None:
        """Wait until the order may take its next step by itself: nothing is under way and nobody holds it."""
        await workflow.wait_condition(lambda: self.closed or (self.busy is None and not self.held))

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
        self._story = story
        self.tell_again()

    def tell_again(self) -> None:
        """Show the same story with what has changed around it."""
        held = "**On hold.** " if self.held else ""
        workflow.set_current_details(
            f"{held}**{self.state.status}**, payment {self.state.payment_status}. {self._story}"
        )

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

    def ask_for_attention(self, matter: Matter, story: str) -> None:
        """Mark the order for a person."""
        if not self.matters:
            workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(value=True)])
        self.matters.add(matter)
        self.tell(story)

    def settled(self, matter: Matter) -> None:
        """Take the mark off when nothing else asks for a person."""
        if matter in self.matters:
            self.matters.remove(matter)
            if not self.matters:
                workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(value=False)])

    async def report(self, kind: IncidentKind, details: str) -> None:
        """Open an incident about this order."""
        trouble = Trouble(kind=kind, subject=self.order_id, details=details, at=workflow.now())
        await by_hand(RepairActivities.report, trouble, "Open an incident")

    def correlation(self, command: Command | None) -> str:
        return self.placement.correlation_id if command is None else command.correlation_id
