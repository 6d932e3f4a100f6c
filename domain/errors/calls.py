"""Refusals of a call itself, whatever it is about."""

from domain.errors.branches import BadRequest, Conflict, HoldfastError, NotFound, Unavailable, Unprocessable


class IdempotencyKeyRequired(BadRequest):
    code = "idempotency_key_required"
    sentence = "This call moves money or stock: send an Idempotency-Key header."


class IdempotencyKeyMalformed(BadRequest):
    code = "idempotency_key_malformed"
    sentence = "An Idempotency-Key is 1 to 255 printable ASCII characters."


class IdempotencyKeyReused(Conflict):
    code = "idempotency_key_reused"
    sentence = "This Idempotency-Key was used before with another body."


class CursorInvalid(BadRequest):
    code = "cursor_invalid"
    sentence = "The cursor is no id of an item of this list."


class BodyMalformed(BadRequest):
    code = "body_malformed"
    sentence = "The body is not valid JSON."


class BodyInvalid(Unprocessable):
    code = "body_invalid"
    sentence = "Some fields are invalid; see errors."


class BodyTooLarge(HoldfastError):
    status = 413
    code = "body_too_large"
    sentence = "The body is larger than this deployment takes."


class ResourceNotFound(NotFound):
    code = "not_found"
    sentence = "There is no {resource} {id}."


class RouteNotFound(NotFound):
    code = "route_not_found"
    sentence = "There is nothing at this address."


class MethodNotAllowed(HoldfastError):
    status = 405
    code = "method_not_allowed"
    sentence = "This address does not take this method."


class RateLimited(HoldfastError):
    status = 429
    code = "rate_limited"
    sentence = "Too many requests; slow down."
    retryable = True


class WorkflowsUnavailable(Unavailable):
    code = "workflows_unavailable"
    sentence = "Orders can't be taken right now; repeat the request with the same Idempotency-Key."


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    sentence = "The database can't be reached right now; repeat the request."


class StreamsExhausted(RateLimited):
    code = "streams_exhausted"
    sentence = "Too many live connections are open; close one, or come again in {retry_after} seconds."


class VersionChanged(HoldfastError):
    status = 412
    code = "version_changed"
    sentence = "It was changed since it was read; its version is {version} by now."


class IfMatchRequired(HoldfastError):
    status = 428
    code = "if_match_required"
    sentence = "Send the ETag that you read as If-Match, so that no other change is overwritten."
