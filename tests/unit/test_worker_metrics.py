"""What a worker's metrics are made of: the answers of its steps."""

from typing import Any

from prometheus_client import generate_latest
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.mails import Collected
from activities.metrics import WorkerMetrics
from activities.observing import Observing


class Answering(ActivityInboundInterceptor):
    """A step that has the same answer whenever it is run."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ARG002 - the SDK's names
        return self._answer


async def test_mails_that_were_withheld_are_counted() -> None:
    metrics, environment = WorkerMetrics(), ActivityEnvironment()
    step = Observing(metrics).intercept_activity(Answering(Collected(made=1, more=False, due=True, withheld=2)))

    for _ in range(2):
        await environment.run(step.execute_activity, ExecuteActivityInput(print, [], None, {}))

    assert "holdfast_mails_withheld_total 4.0" in generate_latest(metrics.registry).decode()
