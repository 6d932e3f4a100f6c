"""What Temporal starts by itself."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

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
from workflows.audit import AuditWorkflow
from workflows.mails import MailWorkflow
from workflows.policies import TASK_TIMEOUT
from workflows.sweep import SweepWorkflow


class _Plan(NamedTuple):
    """A workflow that Temporal starts by itself, under the id of its schedule, one run at a time."""

    run: Callable[..., Awaitable[Any]]
    id: str
    every: timedelta
    summary: str


_SWEEP = _Plan(SweepWorkflow.run, names.SWEEP_ORDERS, timedelta(minutes=1), "Look for what no workflow was told")
_AUDIT = _Plan(AuditWorkflow.run, names.AUDIT, timedelta(hours=1), "Check the books, and orders against workflows")
_MAILS = _Plan(MailWorkflow.run, names.MAILS, timedelta(seconds=15), "Tell buyers and sellers what happened")


async def ensure_schedules(client: Client, *, mails: bool = False) -> None:
    """Have orders swept every minute and audited every hour, and `mails` sent; what is there already stays as it is."""
    for plan in (_SWEEP, _AUDIT, *([_MAILS] if mails else [])):
        action = ScheduleActionStartWorkflow(
            plan.run, id=plan.id, task_queue=names.ORDERS, task_timeout=TASK_TIMEOUT, static_summary=plan.summary
        )
        schedule = Schedule(
            action=action,
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=plan.every)]),
            # Runs that were missed need not be made up for: the next one looks back to the last.
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=plan.every),
        )
        with suppress(ScheduleAlreadyRunningError):
            await client.create_schedule(plan.id, schedule)


async def mail_now(client: Client) -> None:
    """Send what is to be told at once, as the schedule would."""
    await client.get_schedule_handle(_MAILS.id).trigger(overlap=ScheduleOverlapPolicy.SKIP)


async def sweep_now(client: Client) -> list[str]:
    """Start a sweep and an audit at once, as their schedules would, and return what was triggered."""
    plans = (_SWEEP, _AUDIT)
    for plan in plans:
        await client.get_schedule_handle(plan.id).trigger(overlap=ScheduleOverlapPolicy.SKIP)
    return [plan.id for plan in plans]
