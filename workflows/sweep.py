"""SweepWorkflow: every minute, one look for what was never told."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.sweep import Sweep, SweepActivities, Swept
    from workflows import names
    from workflows.policies import ALIVE

_TIMEOUT = timedelta(minutes=2)


@workflow.defn(name="SweepWorkflow")
class SweepWorkflow:
    @workflow.run
    async def run(self) -> Swept:
        """Sweep from where the schedule's last run ended; retried until the database and Temporal answer."""
        last: Swept | None = workflow.get_last_completion_result(Swept)
        step = Sweep(at=workflow.now(), swept=None if last is None else last.at)
        swept = await workflow.execute_activity_method(
            SweepActivities.orders,
            step,
            task_queue=names.SWEEP,
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=ALIVE,
            summary="Look for what was never told",
        )
        if swept.lost:
            workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(value=True)])
        workflow.set_current_details(
            f"Woke {swept.orders_woken} orders and {swept.refunds_woken} refunds, {swept.webhooks} webhooks were "
            f"waiting, {swept.commands} commands were told again. "
            f"Open orders without a workflow: {', '.join(swept.lost) or 'none'}."
        )
        return swept
