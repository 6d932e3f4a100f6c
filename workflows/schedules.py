"""What Temporal starts by itself."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from workflows import names
from workflows.policies import TASK_TIMEOUT
from workflows.sweep import SweepWorkflow

_EVERY = timedelta(minutes=1)


async def ensure_sweep(client: Client) -> None:
    """Have orders swept every minute, one sweep at a time; a schedule that is there already stays as it is."""
    action = ScheduleActionStartWorkflow(
        SweepWorkflow.run,
        id=names.SWEEP_ORDERS,
        task_queue=names.ORDERS,
        task_timeout=TASK_TIMEOUT,
        static_summary="Look for what no workflow was told",
    )
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=_EVERY)]),
        # Sweeps that were missed need not be made up for: the next one looks back to the last.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_EVERY),
    )
    try:
        await client.create_schedule(names.SWEEP_ORDERS, schedule)
    except ScheduleAlreadyRunningError:
        return


async def sweep_now(client: Client) -> None:
    """Start a sweep at once, as the schedule would."""
    await client.get_schedule_handle(names.SWEEP_ORDERS).trigger(overlap=ScheduleOverlapPolicy.SKIP)
