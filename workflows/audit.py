"""AuditWorkflow: every hour, whether the books are right and every open order has its workflow."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.audit import AuditActivities, Audited, Look
    from workflows import names
    from workflows.policies import ALIVE

# The books are read as a whole.
_TIMEOUT = timedelta(minutes=10)


@workflow.defn(name="AuditWorkflow")
class AuditWorkflow:
    @workflow.run
    async def run(self) -> Audited:
        """Audit, from where the schedule's last run ended; retried until the database and Temporal answer."""
        last: Audited | None = workflow.get_last_completion_result(Audited)
        look = Look(at=workflow.now(), last=None if last is None else last.at)
        opened = {
            **await workflow.execute_activity_method(
                AuditActivities.books,
                look,
                task_queue=names.AUDIT,
                start_to_close_timeout=_TIMEOUT,
                heartbeat_timeout=ALIVE,
                summary="Check the books against themselves",
            ),
            **await workflow.execute_activity_method(
                AuditActivities.roll,
                look,
                task_queue=names.AUDIT,
                start_to_close_timeout=_TIMEOUT,
                heartbeat_timeout=ALIVE,
                summary="Compare open orders with running workflows",
            ),
        }
        found = {kind: count for kind, count in opened.items() if count}
        if found:
            workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(value=True)])
        told = ", ".join(f"{kind}: {count}" for kind, count in found.items())
        workflow.set_current_details(f"Incidents opened: {told or 'none'}.")
        return Audited(at=look.at, opened=opened)
