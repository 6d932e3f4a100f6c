"""The second stage: get the money authorized or captured, by as many attempts as the deadline allows."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.attempts import AttemptActivities, OpenAttempt, RecordAttempt
    from activities.failures import as_error, as_failure
    from activities.orders import PlacedOrder
    from activities.payments import PaymentActivities
    from domain.errors import PaymentNotOpen, RequestRefusedByProvider
    from domain.gateway import Authorized, AuthorizeRequest, Captured, Declined, MoveRequest, PaymentOutcome, Unknown
    from domain.orders import Command, OrderState
    from domain.values import Value
    from workflows.policies import at_provider, in_database
    from workflows.progress import Progress
    from workflows.reversal import give_back


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

    async def run(self, placed: PlacedOrder) -> bool:
        """True when the money is authorized or captured; False when the order ended or its deadline passed."""
        placement = self.progress.placement
        self.progress.undo.append(lambda cancellation: give_back(self.progress, cancellation))
        attempt: Attempt | None = Attempt(
            number=1,
            request=placed.first_attempt,
            request_id=placement.request_id,
            correlation_id=placement.correlation_id,
        )
        while attempt is not None:
            outcome = await self._record(attempt, await self._ask(attempt))
            if await self._settled(attempt, outcome, placed.payment_deadline):
                self.progress.publish()
                return True
            attempt = await self._next(attempt.number + 1, placed.payment_deadline)
        return False

    def refuse_choice(self) -> None:
        """The validator of `pay`."""
        self.progress.refuse_if_unavailable()
        if not self.open_for_choice:
            raise as_failure(PaymentNotOpen(status=self.progress.state.payment_status))

    async def choose(self, command: Command) -> OrderState:
        """The handler of `pay`: the stage makes the attempt, this waits for its outcome."""
        self.choice, self.open_for_choice, self.progress.busy = command, False, "payment"
        before = self.recorded
        await workflow.wait_condition(lambda: self.recorded > before)
        return self.progress.state

    async def _ask(self, attempt: Attempt) -> PaymentOutcome:
        request = attempt.request
        self.progress.busy = "payment"
        self.progress.tell(f"Attempt {attempt.number}: asking {request.provider} for the money.")
        summary = f"Attempt {attempt.number}: {request.capture} capture"
        try:
            return await at_provider(PaymentActivities.authorize, request, request.provider, summary)
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
            return Unknown(reference=request.reference, reason="no_answer" if error is None else error.code)

    async def _record(self, attempt: Attempt, outcome: PaymentOutcome) -> PaymentOutcome:
        step = RecordAttempt(
            request=attempt.request,
            number=attempt.number,
            outcome=outcome,
            request_id=attempt.request_id,
            correlation_id=attempt.correlation_id,
            at=workflow.now(),
        )
        self.progress.state = await in_database(
            AttemptActivities.record, step, f"Attempt {attempt.number}: {outcome.kind}"
        )
        self.recorded = attempt.number
        self.progress.busy = None
        self.progress.tell(_STORIES[outcome.kind])
        return outcome

    async def _settled(self, attempt: Attempt, outcome: PaymentOutcome, deadline: datetime) -> bool:
        """Read the provider's state again whenever it tells of a change, until the attempt has an end."""
        while not isinstance(outcome, Authorized | Captured | Declined):
            # An order is never given up while its money may be taken.
            until = None if self.progress.undecided else deadline
            if isinstance(outcome, Unknown):
                self.progress.ask_for_attention(_STORIES[outcome.kind])
            # A cancellation under way goes first: it may end what there is to read.
            if not await self._wait(lambda: self.progress.changed and self.progress.busy is None, until):
                return False
            self.progress.changed, self.progress.busy = False, "payment"
            outcome = await self._record(attempt, await self._read(attempt, outcome.reference))
        return isinstance(outcome, Authorized | Captured)

    async def _read(self, attempt: Attempt, reference: str | None) -> PaymentOutcome:
        if reference is None:
            return await self._ask(attempt)
        request = attempt.request
        move = MoveRequest(
            provider=request.provider,
            key=request.key,
            order_id=request.order_id,
            reference=reference,
            amount=request.amount,
            payment_amount=request.amount,
            currency=request.currency,
        )
        return await at_provider(PaymentActivities.read, move, request.provider, "Read the provider's state")

    async def _next(self, number: int, deadline: datetime) -> Attempt | None:
        self.open_for_choice = not self.progress.closed
        await self._wait(lambda: self.choice is not None, deadline)
        self.open_for_choice = False
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
        return condition()


_STORIES = {
    "authorized": "The money is held; it is captured when the goods ship.",
    "captured": "The money is taken; waiting for shipment.",
    "voided": "The attempt ended without money.",
    "action_required": "Waiting for the buyer to confirm with the bank.",
    "declined": "Declined; the buyer may choose another method until the payment deadline.",
    "pending": "The provider is still working on it.",
    "unknown": "Nobody knows yet whether the provider took the money.",
}
