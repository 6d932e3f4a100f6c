"""The parts of a deployment: `migrate`, `worker`, `api`, and `sweep`; the composition root of the API."""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvicorn
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig

import worker as workers
from api.app import KEEP_ALIVE_SECONDS, create_app
from api.calls import RETRIES
from api.cookies import CookieRules
from api.deps import Wiring
from api.passwords import Passwords
from api.tokens import SigningKey, Tokens
from cli.settled import leave, settings
from db.migrate import upgrade
from db.session import Database
from providers.stripe import NAME as STRIPE
from providers.stripe.webhooks import StripeWebhooks
from settings import Settings
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
        client = await workers.connect()
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
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _application(told: Settings) -> FastAPI:
    webhooks = StripeWebhooks([secret.get_secret_value() for secret in told.stripe_webhook_secrets])

    async def connect() -> Client:
        config = ClientConfig.load_client_connect_config()
        return await Client.connect(**config, data_converter=pydantic_data_converter, retry_config=RETRIES, lazy=True)

    wiring = Wiring(
        database=Database(told.database_url.get_secret_value(), pool_size=told.database_pool_size),
        temporal=asyncio.run(connect()),
        tokens=_tokens(told),
        webhooks={STRIPE: webhooks},
        policy=told.policy,
        answer_budget_seconds=told.answer_budget_seconds,
        temporal_ui_url=told.temporal_ui_url,
        sign_in=told.sign_in,
        cookies=CookieRules(secure=told.cookie_secure, origin=told.public_origin),
        passwords=Passwords(told.passwords_at_once),
    )
    return create_app(wiring, max_body_bytes=told.max_body_bytes)


def _tokens(told: Settings) -> Tokens:
    keys = [SigningKey(kid, secret) for kid, secret in told.signing_keys]
    if not keys:
        leave("Neither HOLDFAST_JWT_KEYS nor HOLDFAST_JWT_SECRET is set")
    try:
        return Tokens(keys, told.access_token_seconds)
    except ValueError as unfit:
        leave(str(unfit))


def _logged(told: Settings) -> Settings:
    """One JSON line an event on standard error; times in UTC."""
    level = logging.getLevelNamesMapping()[told.log_level.upper()]
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    return told
