"""Opens an arena on servers that run: the API behind a port, its clients, and workers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from socket import create_server, socket
from typing import Any

import httpx2
import uvicorn
from starlette.types import ASGIApp
from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import KEEP_ALIVE_SECONDS
from api.calls import RETRIES
from api.cookies import CookieRules
from api.deps import Wiring
from api.edge import Edge
from api.tokens import SigningKey, Tokens
from db.seed import seed_prices
from db.session import Database
from domain.gateway import PaymentGateway
from domain.orders import Policy, Role
from providers.stripe import NAME as STRIPE
from providers.stripe.gateway import StripeGateway
from providers.stripe.webhooks import StripeWebhooks
from sandbox.ready import Temporal
from tests.support.apps import NO_TLS, quick_app
from tests.support.arena import Arena, eventually
from tests.support.stripe_sandbox import SECRET, Sandbox

SIGNING_KEY = SigningKey("tests", "a secret of the tests that is long enough")
# Far below the default: a lost answer is noticed soon.
READ_TIMEOUT = 1.0


class _Served(uvicorn.Server):
    """A server inside a test's own loop, which keeps its signal handlers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp, listening: socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
        proxy_headers=False,
    )
    server = _Served(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    await eventually(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def _client(server: Temporal, interceptors: Sequence[Interceptor], **how: Any) -> Client:
    return await Client.connect(
        server.address,
        namespace=server.namespace,
        data_converter=pydantic_data_converter,
        interceptors=interceptors,
        **how,
    )


def _wiring(database: Database, temporal: Client, tokens: Tokens) -> Wiring:
    return Wiring(
        database=database,
        temporal=temporal,
        tokens=tokens,
        webhooks={STRIPE: StripeWebhooks([SECRET])},
        policy=Policy(payment_deadline=1800, inspection_window=3600),
        answer_budget_seconds=10.0,
        temporal_ui_url=None,
        cookies=CookieRules(secure=False),
    )


def _http(listening: socket) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
        verify=NO_TLS,
        # That a burst waits for the client's own connections is no fault of the API.
        timeout=httpx2.Timeout(60, pool=None),
        limits=httpx2.Limits(max_connections=200),
    )


@asynccontextmanager
async def open_arena(
    database: Database,
    server: Temporal,
    stripe: Sandbox,
    listening: socket,
    *,
    edge: Edge | None = None,
    interceptors: Sequence[Interceptor] = (),
    observe: Callable[[PaymentGateway], PaymentGateway] = lambda gateway: gateway,
    working: bool = True,
) -> AsyncIterator[Arena]:
    """`edge`, `interceptors` and `observe` are for those who look at the whole from outside.

    Without `working` there are no workers, and no Temporal is needed before something is asked of it.
    """
    temporal = await _client(server, interceptors, lazy=not working)
    gateway = StripeGateway("sk_test_arena", api_base=stripe.url, timeout=(1.0, READ_TIMEOUT))
    tokens = Tokens([SIGNING_KEY], 900)
    asking = await _client(server, interceptors, retry_config=RETRIES, lazy=not working)
    wiring = _wiring(database, asking, tokens)
    app = quick_app(wiring, edge)
    async with database.transaction() as session:
        await seed_prices(session)
    async with serving(app, listening), _http(listening) as http:
        arena = Arena(database, temporal, stripe, http, tokens, {STRIPE: observe(gateway)}, app)
        arena.people = {role: await arena.new_account(role) for role in Role}
        if working:
            await arena.start_workers()
        try:
            yield arena
        finally:
            await arena.stop_workers()


def free_listener() -> socket:
    """A listening socket on a free loopback port: known before the server that will use it starts."""
    return create_server(("127.0.0.1", 0))
