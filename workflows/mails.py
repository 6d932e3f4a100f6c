"""MailWorkflow: every some seconds, what the event log tells buyers and sellers is sent to them."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.mails import Collected, MailActivities, MailStep, Posted
    from workflows import names
    from workflows.policies import ALIVE

# Above the time that one step sends, and the last mail's own.
_TIMEOUT = timedelta(seconds=90)
# After so many the next run goes on: a history is no place for a day's mails.
_ROUNDS = 20


@workflow.defn(name="MailWorkflow")
class MailWorkflow:
    @workflow.run
    async def run(self) -> Posted:
        """Read and send until nothing is left, or it is enough for one run."""
        total = Posted()
        for _ in range(_ROUNDS):
            collected, posted = await self._round()
            total = _sum(total, posted)
            if not (collected.more or posted.more):
                break
        workflow.set_current_details(
            f"Sent {total.sent} mails, put off {total.put_off}, dropped {total.dropped}, gave up {total.failed}."
        )
        return total

    async def _round(self) -> tuple[Collected, Posted]:
        step = MailStep(at=workflow.now())
        collected = await workflow.execute_activity_method(
            MailActivities.collect,
            step,
            task_queue=names.MAILS,
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=ALIVE,
            summary="Read what is to be told",
        )
        if not collected.due:
            return collected, Posted()
        posted = await workflow.execute_activity_method(
            MailActivities.send,
            step,
            task_queue=names.MAILS,
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=ALIVE,
            summary="Send what is due",
        )
        return collected, posted


def _sum(total: Posted, posted: Posted) -> Posted:
    return Posted(
        sent=total.sent + posted.sent,
        put_off=total.put_off + posted.put_off,
        dropped=total.dropped + posted.dropped,
        failed=total.failed + posted.failed,
        more=posted.more,
    )
