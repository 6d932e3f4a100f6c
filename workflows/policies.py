"""Timeouts and retry policies, and the two ways to run a step: in the database or at a provider."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy

from workflows.names import REPAIR, provider_queue

Input = TypeVar("Input")
Output = TypeVar("Output")
Holder = TypeVar("Holder")

# How long a workflow task may take before another worker gets it; recovery after a kill waits for it.
TASK_TIMEOUT = timedelta(seconds=5)

_DATABASE_TIMEOUT = timedelta(seconds=5)
_DATABASE_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=4,
    maximum_interval=timedelta(seconds=60),
)
# Longer back-offs become timers in history, so that updates and signals get through while the database is down.
_LOCAL_RETRY_THRESHOLD = timedelta(seconds=2)

# Above the provider client's own timeout, so that Temporal never gives up on a call that is still answered.
_PROVIDER_TIMEOUT = timedelta(seconds=20)
# Stripe may forget an idempotency key after 24 h; within the window a repeat is harmless, beyond it nothing is.
KEY_WINDOW = timedelta(hours=23)
# A look at the provider's state that is not answered for so long is no news; the next one may be.
LOOK = timedelta(seconds=30)
# A sweep or an audit that was not heard of for so long has died with its worker, and is begun again.
ALIVE = timedelta(seconds=10)
_PROVIDER_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=60),
)


async def in_database(step: Callable[[Holder, Input], Awaitable[Output]], given: Input, summary: str) -> Output:
    """Run a database step as a local activity; it is retried until the database answers."""
    return await workflow.execute_local_activity_method(
        step,
        given,
        start_to_close_timeout=_DATABASE_TIMEOUT,
        retry_policy=_DATABASE_RETRY,
        local_retry_threshold=_LOCAL_RETRY_THRESHOLD,
        summary=summary,
    )


async def by_hand(step: Callable[[Holder, Input], Awaitable[Output]], given: Input, summary: str) -> Output:
    """Run a database step beside the order's own: the answer of the update that asks for it does not wait.

    The same step as a local activity would hold that answer back until the database is there.
    """
    return await workflow.execute_activity_method(
        step,
        given,
        task_queue=REPAIR,
        start_to_close_timeout=_DATABASE_TIMEOUT,
        retry_policy=_DATABASE_RETRY,
        summary=summary,
    )


async def at_provider(
    step: Callable[[Holder, Input], Output],
    given: Input,
    provider: str,
    summary: str,
    *,
    within: timedelta = KEY_WINDOW,
) -> Output:
    """Run a provider call on its provider's queue; retried with the same key while the provider remembers keys."""
    return await workflow.execute_activity_method(
        step,
        given,
        task_queue=provider_queue(provider),
        start_to_close_timeout=_PROVIDER_TIMEOUT,
        schedule_to_close_timeout=within,
        retry_policy=_PROVIDER_RETRY,
        summary=summary,
    )
