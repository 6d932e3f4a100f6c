"""RefundWorkflow: the one road for money back, from an approved refund to the provider's last word on it."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import as_error
    from activities.payments import PaymentActivities
    from activities.refunds import RecordRefund, RefundActivities
    from domain.errors import ProviderKeySpent
    from domain.gateway import SETTLED, RefundFailed, RefundOutcome, RefundPending, RefundRequest, RefundReversed
    from domain.refunds import ApprovedRefund, RefundStatus
    from workflows.names import NEEDS_ATTENTION
    from workflows.policies import at_provider, in_database
    from workflows.uncancelled import finish_despite_cancel

# Lost webhooks are covered by asking again; refunds at banks take days.
_POLL = timedelta(hours=6)


@workflow.defn(name="RefundWorkflow")
class RefundWorkflow:
    @workflow.init
    def __init__(self, refund: ApprovedRefund) -> None:
        self.refund = refund
        self.changed = False

    @workflow.run
    async def run(self, refund: ApprovedRefund) -> RefundStatus:  # noqa: ARG002 - the SDK gives it to __init__ too
        return await finish_despite_cancel(asyncio.create_task(self._live()), self._refuse_cancel)

    @workflow.signal
    async def provider_changed(self) -> None:
        """The provider has news; many tellings are one re-read."""
        self.changed = True

    async def _live(self) -> RefundStatus:
        self.changed = False
        outcome = await self._ask() if self.refund.refund_reference is None else await self._read()
        status = await self._record(outcome)
        while outcome.reference is not None and (isinstance(outcome, RefundPending) or self.changed):
            await self._wait_for_news()
            outcome = await self._read(outcome.reference)
            status = await self._record(outcome)
        return status

    async def _ask(self) -> RefundOutcome:
        request, spent = self._request(None), 0
        while True:
            try:
                return await at_provider(PaymentActivities.refund, request, request.provider, "Pay the money back")
            except FailureError as failure:
                error = as_error(failure)
                if isinstance(error, ProviderKeySpent):
                    spent += 1
                    request = request.model_copy(update={"key": f"{self.refund.key}:again{spent}"})
                    await workflow.sleep(SETTLED, summary="See whether anything comes of it")
                    continue
                if error is not None and not error.retryable:
                    return RefundFailed(reason=str(error.values.get("reason", error.code)))
            # No answer is no failure: the money may have left. The gateway looks the refund up before it asks again.
            workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(value=True)])
            workflow.set_current_details("The provider has not answered for a day; asking again.")

    async def _read(self, reference: str | None = None) -> RefundOutcome:
        request = self._request(reference or self.refund.refund_reference)
        while True:
            try:
                return await at_provider(
                    PaymentActivities.read_refund, request, request.provider, "Read the provider's state"
                )
            except FailureError:
                workflow.logger.warning("the refund could not be read")
            workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(value=True)])
            workflow.set_current_details("The provider does not show the refund; asking again.")
            await self._wait_for_news()

    async def _record(self, outcome: RefundOutcome) -> RefundStatus:
        step = RecordRefund(refund=self.refund, outcome=outcome, at=workflow.now())
        status = await in_database(RefundActivities.record, step, f"Refund: {outcome.kind}")
        workflow.set_current_details(f"Refund of order {self.refund.order_id}: **{status}**.")
        if isinstance(outcome, RefundFailed | RefundReversed):
            workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(value=True)])
        return status

    async def _wait_for_news(self) -> None:
        try:
            await workflow.wait_condition(lambda: self.changed, timeout=_POLL, timeout_summary="Ask the provider again")
        except TimeoutError:
            workflow.logger.info("no news of the refund; asking the provider")
        self.changed = False

    async def _refuse_cancel(self) -> None:
        workflow.set_current_details("A cancellation was refused: money on its way back can't be called off.")

    def _request(self, refund_reference: str | None) -> RefundRequest:
        refund = self.refund
        return RefundRequest(
            provider=refund.provider,
            key=refund.key,
            order_id=refund.order_id,
            reference=refund.reference,
            amount=refund.amount,
            payment_amount=refund.payment_amount,
            currency=refund.currency,
            refund_id=refund.refund_id,
            refund_reference=refund_reference,
        )
