"""The parts of a deployment: `migrate`, `worker`, `api`, and `sweep`; the composition root of the API."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

import worker as workers
from activities import logs
from api.app import KEEP_ALIVE_SECONDS, create_app
from api.calls import RETRIES
from api.cookies import CookieRules
from api.deps import Wiring
from api.edge import Edge
from api.limits import Limits, Quota
from api.passwords import Passwords
from api.peers import Proxies
from api.tokens import SigningKey, Tokens
from cli.settled import leave, settings
from db.migrate import upgrade
from db.session import Database
from domain.tracing import NoTracer, Tracer
from providers.stripe import NAME as STRIPE
from providers.stripe.webhooks import StripeWebhooks
from settings import Settings
from workflows.connecting import connect
from workflows.schedules import ensure_schedules, sweep_now

# Longest request that a stopping API lets finish: the budget of a placing call, and some.
_GRACE_SECONDS = 15


def migrate() -> None:
    """Bring the database to the newest schema."""
    told = settings()
    upgrade((told.migration_database_url or told.database_url).get_secret_value())


def sweep() -> None:
    """Have a sweep start at once instead of at the next minute; a running worker does it."""

    async def start() -> None:
        client = await connect()
        await ensure_schedules(client)
        await sweep_now(client)

    asyncio.run(start())


def worker(ready_file: Annotated[Path | None, typer.Option(help="Touched once the workers poll.")] = None) -> None:
    """Run the workers: workflows, their database steps, and the calls to providers."""
    told = _logged(settings())

    def ready() -> None:
        if ready_file is not None:
            ready_file.touch()

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await workers.run(told, stop, ready)

    asyncio.run(until_stopped())


def api(host: str = "127.0.0.1", port: int = 8080) -> None:
    """Run the HTTP API."""
    application = _application(_logged(settings()))
    workers.settle_heap()
    uvicorn.run(
        application,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        # Which proxies are believed is ours to say (api/peers.py); uvicorn would believe any on this machine.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _application(told: Settings) -> FastAPI:
    webhooks = StripeWebhooks([secret.get_secret_value() for secret in told.stripe_webhook_secrets])
    tracing = workers.tracing(told, "holdfast-api")
    interceptors = [] if tracing is None else [tracing.interceptor]
    wiring = Wiring(
        database=Database(told.database_url.get_secret_value(), pool_size=told.database_pool_size),
        temporal=asyncio.run(connect(interceptors, retry_config=RETRIES, lazy=True)),
        tokens=_tokens(told),
        webhooks={STRIPE: webhooks},
        policy=told.policy,
        answer_budget_seconds=told.answer_budget_seconds,
        temporal_ui_url=told.temporal_ui_url,
        sign_in=told.sign_in,
        cookies=CookieRules(secure=told.cookie_secure, origin=told.public_origin),
        passwords=Passwords(told.passwords_at_once),
    )
    return create_app(wiring, max_body_bytes=told.max_body_bytes, edge=_edge(told, tracing or NoTracer()))


def _edge(told: Settings, tracer: Tracer) -> Edge:
    quotas = {Quota(name): rate for name, rate in told.rate_limits.by_quota().items()}
    token = told.metrics_token
    return Edge(
        origins=tuple(told.cors_origins),
        hsts_seconds=told.hsts_seconds,
        limits=Limits(quotas, told.rate_limit_store.get_secret_value()),
        proxies=Proxies(told.trusted_proxies),
        metrics_token=None if token is None else token.get_secret_value(),
        tracer=tracer,
        mails=told.smtp_host is not None,
    )


def _tokens(told: Settings) -> Tokens:
    keys = [SigningKey(kid, secret) for kid, secret in told.signing_keys]
    if not keys:
        leave("Neither HOLDFAST_JWT_KEYS nor HOLDFAST_JWT_SECRET is set")
    try:
        return Tokens(keys, told.access_token_seconds)
    except ValueError as unfit:
        leave(str(unfit))


def _logged(told: Settings) -> Settings:
    logs.configure(told.log_level)
    return told
