"""The root and the branches of the tree; the leaves stand in the modules of their areas."""

from typing import ClassVar


class HoldfastError(Exception):
    """A refusal or failure with a stable code; `values` fill its sentence and travel with it over every boundary."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "Something went wrong."
    # Whether the very same request can succeed later: Temporal retries it, and its answer is never stored for replay.
    retryable: ClassVar[bool] = False

    def __init__(self, **values: str | int) -> None:
        self.values = values
        super().__init__(self.sentence.format_map(values))


class BadRequest(HoldfastError):
    status = 400


class Unauthenticated(HoldfastError):
    status = 401


class Forbidden(HoldfastError):
    status = 403


class NotFound(HoldfastError):
    status = 404


class Conflict(HoldfastError):
    status = 409


class Unprocessable(HoldfastError):
    status = 422


class Unavailable(HoldfastError):
    status = 503
    retryable = True


class InvariantBroken(HoldfastError):
    """A state that the design rules out; it stops the step and asks for a person."""


class DeploymentRefused(HoldfastError):
    """What whoever sets up a deployment has to put right."""
