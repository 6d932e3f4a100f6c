"""The ASGI application: Stripe's routes behind the fault layer."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import FaultLayer
from sandbox.stripe.challenge import challenge
from sandbox.stripe.courier import RETRY_AFTER_SECONDS
from sandbox.stripe.dispatch import serve
from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.operations import OPERATIONS, Operation
from sandbox.stripe.simulator import Simulator

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def create_app(
    webhook_url: str | None,
    webhook_secret: str,
    *,
    state: Path | None = None,
    retry_after: Sequence[float] = RETRY_AFTER_SECONDS,
) -> ASGIApp:
    """`state`: a SQLite file that outlives the process; without it everything is forgotten at its end.

    `retry_after`: the pauses between tries to deliver an event; when they are used up it is given up.
    """
    simulator = Simulator(state, webhook_url, webhook_secret, retry_after)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with simulator.running():
            yield

    async def pose(request: Request) -> Response:
        return await challenge(simulator, request)

    routes = [
        Route(operation.path, _endpoint(simulator, operation), methods=[operation.method]) for operation in OPERATIONS
    ]
    app = Starlette(
        routes=[*routes, Route("/_sandbox/3ds/{id}", pose, methods=["GET", "POST"])],
        exception_handlers={404: _unrecognized, 405: _unrecognized},
        lifespan=lifespan,
    )
    # Outside of Starlette's own layers, which would hide the connection that a script wants dropped.
    return FaultLayer(app, simulator)


def _endpoint(simulator: Simulator, operation: Operation) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await serve(simulator, operation, request)

    return endpoint


async def _unrecognized(request: Request, _: Exception) -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse(InvalidRequest(message).body(), 404)
