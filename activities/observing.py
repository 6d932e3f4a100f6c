"""Every run of an activity: counted, timed, and told in one line of the log that names its order and request."""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any

import structlog
from temporalio import activity
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.logs import order_of
from activities.mails import Collected
from activities.metrics import DONE, FAILED, WorkerMetrics
from activities.sweep import Swept

# Ids of callers are logged as they came, as long as they are ids.
_REQUEST = re.compile(r"^[A-Za-z0-9._-]{1,128}$")

# What a step may carry that knows its order and request.
_PARTS = ("command", "placement", "refund", "request")

log = structlog.get_logger()


class Observing(ClientInterceptor, Interceptor):
    """Every worker of the client that it is given to has it, outside of the workers' own interceptors."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Observed(next, self._metrics)


class _Observed(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, metrics: WorkerMetrics) -> None:  # noqa: A002 - as above
        super().__init__(next)
        self._metrics = metrics

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's names
        info = activity.info()
        about = _about(info.workflow_id, input.args)
        began, outcome = time.perf_counter(), FAILED
        with structlog.contextvars.bound_contextvars(**about):
            try:
                answer = await super().execute_activity(input)
                outcome = DONE
            except ApplicationError as failure:
                outcome = failure.type or FAILED
                raise
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                seconds = time.perf_counter() - began
                self._metrics.activity(info.activity_type, outcome, seconds)
                told = {"activity": info.activity_type, "outcome": outcome, "ms": round(seconds * 1000, 1)}
                log.info("activity", attempt=info.attempt, **told)
        if isinstance(answer, Swept):
            self._metrics.swept(answer)
        if isinstance(answer, Collected):
            self._metrics.mails_withheld(answer.withheld)
        return answer


def _about(workflow_id: str | None, arguments: Sequence[Any]) -> dict[str, str]:
    """The order by the workflow's id or the step itself; the request by the correlation id that came with it."""
    step = arguments[0] if arguments else None
    parts = [step, *(getattr(step, name, None) for name in _PARTS)]
    orders = (order_of(workflow_id), *(getattr(part, "order_id", None) for part in parts))
    requests = (getattr(part, "correlation_id", None) for part in parts)
    found = {
        "order_id": next((each for each in orders if isinstance(each, str)), None),
        "request_id": next((each for each in requests if isinstance(each, str) and _REQUEST.match(each)), None),
    }
    return {name: each for name, each in found.items() if each is not None}
