"""The application factory."""

from fastapi import Depends, FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from api import problems
from api.deps import Wiring
from api.middleware import RequestFrame
from api.openapi import Documented
from api.routes import auth, carts, categories, health, incidents, orders, payments, products, webhooks
from api.schemas import read_strictly

# How long an idle connection is kept: longer than proxies keep theirs (60 s mostly), so that none is closed here while
# a call is on its way through it.
KEEP_ALIVE_SECONDS = 75
DESCRIPTION = """
Durable order processing. Amounts are integers in minor units of ISO 4217 currencies. Calls that move money or stock
take an `Idempotency-Key`: a repeat with the same body gets the first answer. Errors are `application/problem+json`.
"""


def create_app(wiring: Wiring, *, max_body_bytes: int = 1_000_000) -> FastAPI:
    """The HTTP surface over one wiring."""
    app = Documented(
        title="Holdfast",
        version="1",
        description=DESCRIPTION,
        redoc_url=None,
        dependencies=[Depends(read_strictly)],
    )
    app.state.wiring = wiring
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=max_body_bytes)
    app.add_middleware(RequestFrame)
    problems.install(app)
    for resource in (auth, products, categories, carts, orders, payments, webhooks, incidents, health):
        app.include_router(resource.router)
    return app
