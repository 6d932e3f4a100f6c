"""The second stage: get the money authorized or captured, by as many attempts as the deadline allows."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.attempts import AttemptActivities, OpenAttempt, RecordAttempt, Resolved
    from activities.failures import as_error, as_failure
    from activities.orders import PlacedOrder
    from activities.payments import PaymentActivities
    from domain.errors import (
        BodyInvalid,
        OrderClosed,
        PaymentNotOpen,
        PaymentNotUnknown,
        ReferenceMissing,
        RequestRefusedByProvider,
    )
    from domain.gateway import (
        SETTLED,
        Authorized,
        AuthorizeRequest,
        Captured,
        Declined,
        MoveRequest,
        PaymentOutcome,
        Unknown,
    )
    from domain.orders import Command, OrderState
    from domain.payments import PaymentStatus
    from domain.repair import Verdict
    from domain.values import Value
    from workflows.policies import KEY_WINDOW, LOOK, at_provider, in_database
    from workflows.progress import Matter, Progress
    from workflows.resolution import not_paid, resolved
    from workflows.reversal import give_back


# For a hold whose provider does not say how long it lives: https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
_HOLDS_AT_LEAST = timedelta(days=5)


class Attempt(Value):
    """One business attempt: its number, what the provider is asked, and whose command it answers."""

    number: int
    request: AuthorizeRequest
    request_id: str
    correlation_id: str


class PaymentStage:
    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        # The buyer's next choice after a decline, and the number of the last attempt that has an outcome.
        self.choice: Command | None = None
        self.open_for_choice = False
        self.recorded = 0
        # The attempt that has no end yet, the last one with what came of it, and what a person found out about one.
        self.unsettled: Attempt | None = None
        self.watched: tuple[Attempt, PaymentOutcome] | None = None
        self.resolved: Resolved | None = None
        # The attempt that got the money, and how the provider is asked for it; until when the buyer may pay.
        self.paid: tuple[Attempt, MoveRequest] | None = None
        self.deadline = workflow.now()
        # When the provider was last asked for money without an answer: it may have its effect yet.
        self.unanswered: datetime | None = None

    async def run(self, placed: PlacedOrder) -> bool:
        """True when the money is authorized or captured; False when the order ended or its deadline passed."""
        placement, self.deadline = self.progress.placement, placed.payment_deadline
        self.progress.undo.append(lambda cancellation: give_back(self.progress, cancellation))
        if placed.first_attempt is None:
            return self._free(placed)
        attempt: Attempt | None = Attempt(
            number=1,
            request=placed.first_attempt,
            request_id=placement.request_id,
            correlation_id=placement.correlation_id,
        )
        while attempt is not None:
            # What the provider told of an earlier attempt is no news of this one.
            self.progress.changed = False
            outcome = await self._watch(attempt, await self._record(attempt, await self._ask(attempt)))
            if isinstance(outcome, Authorized | Captured) and not self.progress.closed:
                if isinstance(outcome, Authorized):
                    self.progress.capture_before = outcome.capture_before or workflow.now() + _HOLDS_AT_LEAST
                self.paid = attempt, attempt.request.about(outcome.reference)
                self.progress.publish()
                return True
            attempt = await self._chosen(attempt.number + 1)
        return False

    def _free(self, placed: PlacedOrder) -> bool:
        """An order that costs nothing was confirmed when it was placed."""
        assert placed.free is not None, "an order without an attempt costs nothing"
        self.progress.state, self.progress.busy, self.recorded = placed.free, None, 1
        self.progress.publish()
        self.progress.tell("Nothing to pay; waiting for shipment.")
        return True

    def refuse_choice(self, command: Command) -> None:
        """The validator of `pay`."""
        if command.payment is None:
            raise as_failure(BodyInvalid())
        self.progress.refuse_if_unavailable()
        if not self.open_for_choice:
            raise as_failure(PaymentNotOpen(status=self.progress.state.payment_status))

    async def choose(self, command: Command) -> OrderState:
        """The handler of `pay`: the stage makes the attempt, this waits for its outcome."""
        self.choice, self.open_for_choice, self.progress.busy = command, False, "payment"
        before = self.recorded
        await workflow.wait_condition(lambda: self.recorded > before or self.progress.closed)
        if self.recorded == before:
            raise as_failure(OrderClosed(status=self.progress.state.status))
        return self.progress.state

    def refuse_resolution(self, command: Command) -> None:
        """The validator of `resolve_payment`."""
        progress, finding = self.progress, command.resolution
        progress.refuse_if_unavailable(even_held=True)
        if self.unsettled is None or progress.state.payment_status is not PaymentStatus.UNKNOWN:
            raise as_failure(PaymentNotUnknown(status=progress.state.payment_status))
        assert finding is not None, "the API sends a finding with every resolution"
        if finding.verdict is Verdict.PAID and finding.reference is None and self.unsettled.request.reference is None:
            raise as_failure(ReferenceMissing())

    async def resolve(self, command: Command) -> OrderState:
        """The handler of `resolve_payment`: it finds how the payment ended, and the stage records it."""
        assert self.unsettled is not None
        assert command.resolution is not None
        with self.progress.step("resolution"):
            outcome = await resolved(self.unsettled.request, command.resolution)
        self.resolved, self.progress.changed = Resolved(command=command, outcome=outcome), True
        await workflow.wait_condition(lambda: self.resolved is None or self.progress.closed)
        if self.resolved is not None:
            raise as_failure(OrderClosed(status=self.progress.state.status))
        return self.progress.state

    async def hear_out(self) -> None:
        """Read what nobody read while the order ended without money: what was taken after all is reported.

        What the provider had under a reference was cancelled with the order.
        """
        if self.watched is None or self.paid is not None or not self.progress.changed:
            return
        attempt, last = self.watched
        if last.reference is None:
            try:
                await self._news(attempt, last)
            except FailureError:
                workflow.logger.warning("nobody knows what came after the order's end")

    async def look_again(self) -> PaymentOutcome | None:
        """The provider's word on the attempt that got the money. What it took meanwhile is booked.

        Raises the failure of a provider that does not answer.
        """
        assert self.paid is not None, "there is money to look at"
        attempt, request = self.paid
        said = await at_provider(
            PaymentActivities.read, request, request.provider, "Look at the held money", within=LOOK
        )
        if isinstance(said, Captured):
            await self._record(attempt, said)
        return said

    async def _ask(self, attempt: Attempt, *, within: timedelta | None = None) -> PaymentOutcome:
        """Ask for the money with the attempt's own key: until the deadline, for nobody expects a charge after it."""
        request = attempt.request
        if within is None:
            within = min(max(self.deadline - workflow.now(), LOOK), KEY_WINDOW)
        self.progress.busy = "payment"
        self.progress.tell(f"Attempt {attempt.number}: asking {request.provider} for the money.")
        summary = f"Attempt {attempt.number}: {request.capture} capture"
        try:
            return await at_provider(PaymentActivities.authorize, request, request.provider, summary, within=within)
        except FailureError as failure:
            error = as_error(failure)
            if isinstance(error, RequestRefusedByProvider):
                # A request that the provider calls wrong had no effect; another method may do better.
                return Declined(
                    reference=request.reference,
                    code=error.code,
                    soft=False,
                    message="The provider can't take this payment; choose another method.",
                )
            if error is None or error.retryable:
                self.unanswered = workflow.now()
            return Unknown(reference=request.reference, reason="no_answer" if error is None else error.code)

    async def _record(
        self, attempt: Attempt, outcome: PaymentOutcome, resolved: Resolved | None = None
    ) -> PaymentOutcome:
        step = RecordAttempt(
            request=attempt.request,
            number=attempt.number,
            outcome=outcome,
            request_id=attempt.request_id,
            correlation_id=attempt.correlation_id,
            at=workflow.now(),
            resolved=resolved,
        )
        self.progress.state = await in_database(
            AttemptActivities.record, step, f"Attempt {attempt.number}: {outcome.kind}"
        )
        self.recorded = attempt.number
        self.progress.busy = None
        if not isinstance(outcome, Unknown):
            self.progress.settled(Matter.PAYMENT)
        if not self.progress.closed:
            self.progress.tell(_STORIES[outcome.kind])
        return outcome

    async def _watch(self, attempt: Attempt, outcome: PaymentOutcome) -> PaymentOutcome:
        """Read the provider's state whenever it tells of a change, until there is money, another choice, or no time.

        An attempt that was declined is watched too: its buyer may pay after all on the provider's page.
        """
        self.unsettled = attempt
        try:
            while not isinstance(outcome, Authorized | Captured) and self.choice is None:
                self.open_for_choice = isinstance(outcome, Declined) and not self.progress.closed
                if isinstance(outcome, Unknown):
                    self.progress.ask_for_attention(Matter.PAYMENT, _STORIES[outcome.kind])
                # An order is never given up while its money may be taken.
                until = None if self.progress.undecided else self.deadline
                if not await self._wait(self._told, until):
                    break
                if self.choice is None:
                    outcome = await self._news(attempt, outcome)
        finally:
            self.unsettled, self.open_for_choice = None, False
        self.watched = attempt, outcome
        return outcome

    def _told(self) -> bool:
        """A cancellation under way goes before news of the payment: it may end what there is to read."""
        return self.choice is not None or (self.progress.changed and self.progress.busy is None)

    async def _news(self, attempt: Attempt, last: PaymentOutcome) -> PaymentOutcome:
        self.progress.changed = False
        self.progress.busy, self.open_for_choice = "payment", False
        if self.resolved is not None:
            outcome = await self._record(attempt, self.resolved.outcome, self.resolved)
            self.resolved = None
            return outcome
        said = await self._read(attempt, last)
        if said is None:
            self.progress.busy = None
            return last
        return await self._record(attempt, said)

    async def _read(self, attempt: Attempt, last: PaymentOutcome) -> PaymentOutcome | None:
        """The provider's word by now; None when it does not answer soon: then the next news are waited for."""
        unknown = isinstance(last, Unknown) and last.reference is None
        if unknown and self._may_ask(attempt):
            return await self._ask(attempt, within=LOOK)
        # What left no reference is searched: it came to nothing, or it must not be asked for again.
        request = attempt.request if last.reference is None else attempt.request.about(last.reference)
        try:
            said = await at_provider(
                PaymentActivities.read, request, request.provider, "Read the provider's state", within=LOOK
            )
        except FailureError as failure:
            error = as_error(failure)
            # What nobody knows stays so while the provider shows something else.
            if error is None or error.retryable or self.progress.undecided:
                return None
            raise
        return not_paid(attempt.request) if said is None and unknown and not self._may_come_late else said

    @property
    def _may_come_late(self) -> bool:
        """Whether it is too soon to say that nothing came of a call which nobody answered."""
        return self.unanswered is not None and workflow.now() - self.unanswered < SETTLED

    def _may_ask(self, attempt: Attempt) -> bool:
        """Beyond the key's window a repeat would be a second charge, and after the deadline a late one."""
        now = workflow.now()
        return now < self.deadline and now - attempt.request.since < KEY_WINDOW

    async def _chosen(self, number: int) -> Attempt | None:
        """The attempt that the buyer chose, written down; None without a choice."""
        if self.choice is None:
            return None
        command, self.choice = self.choice, None
        step = OpenAttempt(order_id=self.progress.order_id, command=command, number=number, at=workflow.now())
        return Attempt(
            number=number,
            request=await in_database(AttemptActivities.open, step, f"Attempt {number}: written down"),
            request_id=command.request_id,
            correlation_id=command.correlation_id,
        )

    async def _wait(self, condition: Callable[[], bool], deadline: datetime | None) -> bool:
        """True when the condition came true; False at the deadline, or when the order ended meanwhile."""
        left = None if deadline is None else max(deadline - workflow.now(), timedelta(0))
        try:
            await workflow.wait_condition(
                lambda: condition() or self.progress.closed, timeout=left, timeout_summary="Payment deadline"
            )
        except TimeoutError:
            return False
        return condition() and not self.progress.closed


_STORIES = {
    "authorized": "The money is held; it is captured when the goods ship.",
    "captured": "The money is taken; waiting for shipment.",
    "voided": "The attempt ended without money.",
    "action_required": "Waiting for the buyer to confirm with the bank.",
    "declined": "Declined; the buyer may choose another method until the payment deadline.",
    "pending": "The provider is still working on it.",
    "unknown": "Nobody knows yet whether the provider took the money.",
}
