"""Errors as `application/problem+json` (RFC 9457), from the one registry of domain/errors."""

import json
from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from domain.errors import (
    BodyInvalid,
    BodyMalformed,
    BodyTooLarge,
    DatabaseUnavailable,
    HoldfastError,
    MethodNotAllowed,
    RouteNotFound,
)

MEDIA_TYPE = "application/problem+json"
# What a caller waits before repeating when the error does not say itself.
RETRY_AFTER_SECONDS = 1

log = structlog.get_logger()


def request_id_of(request: Request) -> str:
    return str(request.scope["state"]["request_id"])


def body_of(error: HoldfastError, request_id: str, errors: Sequence[dict[str, str]] = ()) -> bytes:
    """The problem document. `errors` point into the request's body by JSON pointer, and never repeat its values."""
    problem: dict[str, Any] = {
        "type": f"urn:holdfast:problem:{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": str(error),
        "code": error.code,
        "request_id": request_id,
    }
    if errors:
        problem["errors"] = list(errors)
    return json.dumps(problem, separators=(",", ":")).encode()


def response_of(error: HoldfastError, request_id: str, errors: Sequence[dict[str, str]] = ()) -> Response:
    headers = {"Retry-After": str(error.values.get("retry_after", RETRY_AFTER_SECONDS))} if error.retryable else {}
    if error.status == 401:  # noqa: PLR2004 - RFC 9110 wants the challenge with it
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body_of(error, request_id, errors), error.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Register the one handler per kind of failure."""
    app.add_exception_handler(HoldfastError, _domain)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(PoolTimeoutError, _database)


async def _domain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HoldfastError)
    return response_of(error, request_id_of(request))


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return response_of(BodyMalformed(), request_id_of(request))
    errors = [{"pointer": _pointer(each["loc"]), "detail": each["msg"], "code": each["type"]} for each in found]
    return response_of(BodyInvalid(), request_id_of(request), errors)


def _pointer(location: Sequence[str | int]) -> str:
    """RFC 6901; the first part says where (body, query, header) and is kept for all but the body."""
    parts = location[1:] if location and location[0] == "body" else location
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: RouteNotFound(), 405: MethodNotAllowed(), 413: BodyTooLarge()}
    if error.status_code in known:
        answer = response_of(known[error.status_code], request_id_of(request))
        if error.status_code == MethodNotAllowed.status:
            answer.headers["Allow"] = _allowed(request)
        return answer
    return response_of(BodyMalformed(), request_id_of(request))


def _allowed(request: Request) -> str:
    """All methods of the address (RFC 9110, 10.2.1): the framework names those of one of its routes only.

    An address that a route has word for word is no identifier of another's (OpenAPI 3.1, paths object).
    """
    path = request.scope["path"]
    routes = [route for route in iter_route_contexts(request.app.routes) if route.path_regex.match(path)]
    routes = [route for route in routes if route.path_format == path] or routes
    return ", ".join(sorted({method for route in routes for method in route.methods or ()}))


async def _database(request: Request, error: Exception) -> Response:
    """Lost, refused and exhausted connections, deadlocks: the same request can succeed later; the rest is our fault."""
    lost = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError)
    if not lost and not (isinstance(error, DBAPIError) and error.connection_invalidated):
        raise error
    log.warning("database unavailable", error=type(error).__name__, request_id=request_id_of(request))
    return response_of(DatabaseUnavailable(), request_id_of(request))


def unexpected(error: Exception, request_id: str) -> bytes:
    """A 500's document; of the error only its kind and place are logged, for its message may repeat what was sent."""
    kind = type(error.orig).__name__ if isinstance(error, DBAPIError) else type(error).__name__
    log.error("unexpected error", error=kind, request_id=request_id, places=_places(error))
    return body_of(HoldfastError(), request_id)


def _places(error: BaseException) -> list[str]:
    places, step = [], error.__traceback__
    while step is not None:
        places.append(f"{step.tb_frame.f_code.co_filename}:{step.tb_lineno}")
        step = step.tb_next
    return places[-8:]
