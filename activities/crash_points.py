"""Named points round every activity where a worker kills itself: for the proof suites, absent unless a setting says so.

At `<activity>.before` nothing has happened yet; at `<activity>.after` its effect is there and Temporal does not know.
"""

import os
from pathlib import Path
from signal import SIGKILL
from typing import Any

from temporalio import activity
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


class CrashPoint(ClientInterceptor, Interceptor):
    """Kills this process at one point, once: whoever finds the mark there lives on, so a restarted worker gets past it.

    Every worker of the client that it is given to has it.
    """

    def __init__(self, point: str, mark: Path) -> None:
        self._point = point
        self._mark = mark

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Crashing(next, self)

    def reached(self, point: str) -> None:
        if point != self._point:
            return
        try:
            self._mark.touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), SIGKILL)


class _Crashing(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, crash: CrashPoint) -> None:  # noqa: A002 - as above
        super().__init__(next)
        self._crash = crash

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's names
        name = activity.info().activity_type
        self._crash.reached(f"{name}.before")
        answer = await super().execute_activity(input)
        self._crash.reached(f"{name}.after")
        return answer
