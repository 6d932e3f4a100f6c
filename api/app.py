"""The application factory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from api import problems
from api.checks import Checks, whole
from api.deps import Wiring
from api.edge import Edge
from api.headers import CrossOrigin, SecurityHeaders
from api.limits import RateLimiting
from api.metrics import Metrics
from api.middleware import RequestFrame
from api.openapi import Documented
from api.routes import (
    accounts,
    auth,
    carts,
    categories,
    discounts,
    docs,
    health,
    incidents,
    me,
    metrics,
    orders,
    payments,
    products,
    sessions,
    timeline,
    webhooks,
)
from api.schemas import read_strictly

# How long an idle connection is kept: longer than proxies keep theirs (60 s mostly), so that none is closed here while
# a call is on its way through it.
KEEP_ALIVE_SECONDS = 75
DESCRIPTION = """
Durable order processing. Amounts are integers in minor units of ISO 4217 currencies. Calls that move money or stock
take an `Idempotency-Key`: a repeat with the same body gets the first answer. Errors are `application/problem+json`.
"""


def create_app(wiring: Wiring, *, max_body_bytes: int = 1_000_000, edge: Edge | None = None) -> FastAPI:
    """The HTTP surface over one wiring."""
    edge = edge or Edge()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(edge.tracer.close)

    app = Documented(
        title="Holdfast",
        version="1",
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": "/", "description": "This deployment"}],
        docs_url=None,
        redoc_url=None,
        # To another address, over plain http behind a proxy, with what was sent: a wrong address is not found.
        redirect_slashes=False,
        dependencies=[Depends(read_strictly)],
        lifespan=lifespan,
    )
    app.state.wiring = wiring
    _surround(app, edge, max_body_bytes)
    problems.install(app)
    resources = (
        *(auth, sessions, me, accounts, products, categories, carts, discounts, orders, timeline),
        *(payments, webhooks, incidents, health, metrics, docs),
    )
    for resource in resources:
        app.include_router(resource.router)
    return app


def _surround(app: FastAPI, edge: Edge, max_body_bytes: int) -> None:
    """From the inside out: what is refused further out has been seen by nobody further in."""
    measured = Metrics(lambda: app.state.wiring.database)
    app.state.metrics, app.state.metrics_token, app.state.proxies = measured, edge.metrics_token, edge.proxies
    app.state.checks, app.state.limits = Checks(whole(mails=edge.mails)), edge.limits
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=max_body_bytes)
    if edge.limits is not None:
        app.add_middleware(RateLimiting, limits=edge.limits, proxies=edge.proxies, metrics=measured)
    app.add_middleware(RequestFrame, metrics=measured, tracer=edge.tracer, proxies=edge.proxies)
    if edge.origins:
        app.add_middleware(CrossOrigin, origins=edge.origins)
    app.add_middleware(SecurityHeaders, hsts_seconds=edge.hsts_seconds)
