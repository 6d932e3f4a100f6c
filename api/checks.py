"""What health is told from: each part is asked for itself, soon answered, and never about a provider."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Literal

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from api.deps import Wiring, now
from db.migrate import version_of, versions
from domain.values import Value
from workflows import names

# How long a part may take to answer; probes wait for a second or a few.
_PATIENCE = timedelta(seconds=2)
# How long an answer stands: whoever asks more often is told the same, and nobody can wear the parts out by asking.
_STANDS_SECONDS = 1.0
# A worker asks for work again after a minute at most.
POLLED = timedelta(minutes=2)
# Sweeps come every minute; one that takes long keeps the next ones from starting.
_SWEPT = timedelta(minutes=5)

_ACTIVITY, _WORKFLOW = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
_AWAY = (OSError, RPCError, RuntimeError, SQLAlchemyError, TimeoutError)


class Part(Value):
    """`detail` says what is missing, in names of parts and times; never an address or a login."""

    status: Literal["up", "down"] = "up"
    detail: str | None = None


UP = Part()
Check = Callable[[Wiring], Awaitable[Part]]


async def database(wired: Wiring) -> Part:
    async with wired.database.beside() as connection:
        await connection.execute(text("SELECT 1"))
    return UP


async def schema(wired: Wiring) -> Part:
    """As new as this release needs; a newer one is what a release that is being rolled out leaves behind."""
    known = await asyncio.to_thread(_versions)
    async with wired.database.beside() as connection:
        version = await version_of(connection)
    if version in known[1:] or version is None:
        return Part(status="down", detail=f"at {version}, needs {known[0]}")
    return UP if version == known[0] else Part(detail=f"at {version}, newer than {known[0]}")


async def temporal(wired: Wiring) -> Part:
    healthy = await wired.temporal.service_client.check_health(timeout=_PATIENCE)
    return UP if healthy else Part(status="down")


async def workers(wired: Wiring, *, mails: bool = False) -> Part:
    """Somebody works on every queue; on that of mails, if there are any."""
    looking = (names.REPAIR, names.SWEEP, names.AUDIT, *([names.MAILS] if mails else []))
    queues = {
        names.ORDERS: _WORKFLOW,
        **dict.fromkeys(looking, _ACTIVITY),
        **{names.provider_queue(provider): _ACTIVITY for provider in wired.webhooks},
    }
    polled = await asyncio.gather(*(_polled(wired, queue, kind) for queue, kind in queues.items()))
    idle = [queue for queue, seen in zip(queues, polled, strict=True) if not seen]
    return Part(status="down", detail=f"nobody works on {', '.join(idle)}") if idle else UP


async def sweep(wired: Wiring) -> Part:
    """The last sweep began some minutes ago at most."""
    schedule = (await wired.temporal.get_schedule_handle(names.SWEEP_ORDERS).describe(rpc_timeout=_PATIENCE)).info
    last = schedule.recent_actions[-1].started_at if schedule.recent_actions else schedule.created_at
    age = now() - last
    if age > _SWEPT:
        return Part(status="down", detail=f"the last one began {round(age.total_seconds())} s ago")
    return UP


READY: Mapping[str, Check] = {"database": database, "temporal": temporal}


def whole(*, mails: bool) -> Mapping[str, Check]:
    """All parts of a deployment that sends mails, or none."""
    return {**READY, "schema": schema, "workers": partial(workers, mails=mails), "sweep": sweep}


@dataclass(slots=True)
class Checks:
    """The answers of some moments, so that parts are asked once for all who ask at the same time.

    `whole` is what makes a deployment whole.
    """

    whole: Mapping[str, Check] = field(default_factory=lambda: whole(mails=False))
    _answered: dict[Check, tuple[float, Part]] = field(default_factory=dict)
    _asking: dict[Check, asyncio.Lock] = field(default_factory=dict)

    async def parts(self, wired: Wiring, wanted: Mapping[str, Check]) -> dict[str, Part]:
        answers = await asyncio.gather(*(self._answer(wired, check) for check in wanted.values()))
        return dict(zip(wanted, answers, strict=True))

    async def _answer(self, wired: Wiring, check: Check) -> Part:
        async with self._asking.setdefault(check, asyncio.Lock()):
            at, part = self._answered.get(check, (0.0, UP))
            if not at or time.monotonic() - at > _STANDS_SECONDS:
                part = await _asked(wired, check)
                self._answered[check] = time.monotonic(), part
        return part


async def _asked(wired: Wiring, check: Check) -> Part:
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            return await check(wired)
    except _AWAY as error:
        return Part(status="down", detail=type(error).__name__)


async def _polled(wired: Wiring, queue: str, kind: TaskQueueType.ValueType) -> bool:
    request = DescribeTaskQueueRequest(
        namespace=wired.temporal.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
    )
    answer = await wired.temporal.workflow_service.describe_task_queue(request, timeout=_PATIENCE)
    since = datetime.now(UTC) - POLLED
    return any(poller.last_access_time.ToDatetime(UTC) > since for poller in answer.pollers)


@cache
def _versions() -> list[str]:
    return versions()
