"""Domain errors on their way through Temporal and back: code and values travel, never a traceback's text."""

from datetime import timedelta
from typing import Any

from sqlalchemy.exc import DBAPIError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from domain.errors import HoldfastError, from_code

# The HTTP statuses from here on are faults of ours.
_FAULT = 500


def as_failure(error: HoldfastError) -> ApplicationError:
    """The error as Temporal carries it: type is its code, details are its values."""
    wait = error.values.get("retry_after")
    return ApplicationError(
        str(error),
        error.values,
        type=error.code,
        non_retryable=not error.retryable,
        next_retry_delay=timedelta(seconds=int(wait)) if wait else None,
        # A refusal is an answer, not a fault: it is no line in the worker's log.
        category=ApplicationErrorCategory.BENIGN if error.status < _FAULT else ApplicationErrorCategory.UNSPECIFIED,
    )


def as_error(failure: BaseException | None) -> HoldfastError | None:
    """The domain error at the root of a Temporal failure, or None when something else failed."""
    # A regular activity's failure comes wrapped in an ActivityError, a local activity's comes bare.
    while isinstance(failure, FailureError) and not isinstance(failure, ApplicationError):
        failure = failure.cause
    if isinstance(failure, ApplicationError) and failure.type:
        values = failure.details[0] if failure.details and isinstance(failure.details[0], dict) else {}
        error = from_code(failure.type, values)
        return error if error.code == failure.type else None
    return None


def told(failure: BaseException) -> str:
    """A failure in the words of the domain, for people: ids and amounts, never a traceback's text."""
    error = as_error(failure)
    return "no answer" if error is None else str(error)


class DomainErrors(Interceptor):
    """Turns a domain error raised by an activity into the failure that Temporal retries, or does not."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's names
        try:
            return await super().execute_activity(input)
        except HoldfastError as error:
            raise as_failure(error) from None
        except DBAPIError as error:
            # The database's own message may quote a row; its kind is enough to look in the database's log.
            raise ApplicationError(type(error.orig).__name__, type="database") from None
