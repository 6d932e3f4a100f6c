"""Undoing a payment: void what is held, refund what is taken; the facts choose, not the workflow's memory."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.cancellation import Cancellation, CancellationActivities, RecordVoid, Reversal
    from activities.payments import PaymentActivities
    from domain.gateway import MoveRequest, PaymentOutcome, Pending, Voided
    from domain.refunds import ApprovedRefund
    from workflows.names import ORDERS, refund_workflow_id
    from workflows.policies import TASK_TIMEOUT, at_provider, in_database
    from workflows.progress import Progress
    from workflows.refund import RefundWorkflow


# How long a provider that works on a payment is left alone before it is asked again to end it.
_AGAIN = timedelta(minutes=10)


async def give_back(progress: Progress, cancellation: Cancellation) -> None:
    """Give the buyer's money back; with none taken or held there is nothing to do.

    What can't be released because it was taken meanwhile is refunded.
    """
    reversal = await _choose(cancellation)
    while reversal.void is not None:
        progress.tell("Releasing the held money.")
        outcome = await _void(reversal.void, cancellation.correlation_id)
        if isinstance(outcome, Voided):
            return
        if isinstance(outcome, Pending):
            progress.tell("The provider is still working on the payment; it is released or refunded after that.")
            await progress.news(_AGAIN, "Ask the provider again")
        reversal = await _choose(cancellation)
    for other in reversal.others:
        await start_refund(other)
    if reversal.refund is not None:
        progress.tell("Handing the money back to a refund workflow.")
        await start_refund(reversal.refund)


async def _choose(cancellation: Cancellation) -> Reversal:
    step = cancellation.model_copy(update={"at": workflow.now()})
    return await in_database(CancellationActivities.begin, step, "Choose void or refund")


async def _void(request: MoveRequest, correlation_id: str) -> PaymentOutcome:
    outcome = await at_provider(PaymentActivities.void, request, request.provider, "Release the held money")
    step = RecordVoid(request=request, outcome=outcome, correlation_id=correlation_id, at=workflow.now())
    await in_database(CancellationActivities.record_void, step, f"Void: {outcome.kind}")
    return outcome


async def start_refund(refund: ApprovedRefund) -> None:
    """A refund outlives the order: it is a workflow of its own, abandoned by this one, and started once."""
    try:
        await workflow.start_child_workflow(
            RefundWorkflow.run,
            refund,
            id=refund_workflow_id(refund.refund_id),
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            task_queue=ORDERS,
            task_timeout=TASK_TIMEOUT,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=f"Refund {refund.amount} minor units {refund.currency} of {refund.order_id}",
        )
    except WorkflowAlreadyStartedError:
        # By a run of this order that Temporal reset, or by a command that it forgot and was told again.
        workflow.logger.info("the refund is under way")
