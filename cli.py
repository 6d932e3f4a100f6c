"""`holdfast`: run the parts of a deployment, or everything at once on one machine."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

import worker as workers
from activities import logs
from api.app import KEEP_ALIVE_SECONDS, create_app
from api.calls import RETRIES
from api.deps import Wiring
from api.edge import Edge
from api.limits import Limits, Quota
from api.peers import Proxies
from api.tokens import Tokens
from db.books_audit import Audit, BooksUnreadable, audit
from db.books_report import document, show
from db.migrate import upgrade
from db.seed import seed_demo
from db.session import Database
from domain.books import ProviderTruth
from domain.tracing import NoTracer, Tracer
from providers.stripe import NAME as STRIPE
from providers.stripe.webhooks import StripeWebhooks
from settings import Settings
from workflows.connecting import connect
from workflows.schedules import ensure_schedules, sweep_now

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)

# Longest request that a stopping API lets finish: the budget of a placing call, and some.
_GRACE_SECONDS = 15


@app.command()
def up(
    data_dir: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path(".holdfast"),
    ephemeral: Annotated[bool, typer.Option(help="Keep nothing.")] = False,
    free_ports: Annotated[bool, typer.Option(help="Pick free ports, so that several can run side by side.")] = False,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written when all is ready: addresses, accounts, pids.")
    ] = None,
) -> None:
    """Run everything on this machine: database, Temporal with its Web UI, Stripe simulator, worker and API."""
    # The sandbox is an extra that a deployment goes without.
    from sandbox import stack  # noqa: PLC0415
    from sandbox.errors import StackError  # noqa: PLC0415

    options = stack.StackOptions(data_dir=data_dir, ephemeral=ephemeral, free_ports=free_ports, ready_file=ready_file)
    try:
        asyncio.run(stack.up(options))
    except StackError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None


@app.command()
def demo(keep: Annotated[bool, typer.Option(help="Keep it running at the end, until Ctrl-C.")] = False) -> None:
    """Play orders, failures and all, on a stack of their own, and check the books; exits with 1 if anything is off."""
    from sandbox.demo import play  # noqa: PLC0415 - as for `up`
    from sandbox.errors import StackError  # noqa: PLC0415

    try:
        status = asyncio.run(play.demo(keep=keep))
    except StackError as problem:
        typer.echo(str(problem), err=True)
        status = 1
    raise typer.Exit(status)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    settings = Settings()
    upgrade((settings.migration_database_url or settings.database_url).get_secret_value())


@app.command()
def seed(demo: Annotated[bool, typer.Option(help="Demo accounts, products and price tables.")] = False) -> None:
    """Fill an empty deployment."""
    settings = Settings()
    if demo:
        asyncio.run(_seed(settings, _required(settings.demo_password, "HOLDFAST_DEMO_PASSWORD")))


@app.command()
def verify(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    stripe_truth: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Compare with the Stripe simulator at this address, on loopback and while nothing is under way; "
            "without it only our own books are checked.",
        ),
    ] = None,
) -> None:
    """Check the books and change nothing; exits with 1 if anything is off, with 2 if they could not be read."""
    try:
        with Console(stderr=True).status("Checking the books"):
            audited = asyncio.run(_audit(stripe_truth))
    except BooksUnreadable as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(document(audited))
    else:
        show(audited, Console(highlight=False))
    raise typer.Exit(0 if audited.right else 1)


@app.command()
def sweep() -> None:
    """Have a sweep start at once instead of at the next minute; a running worker does it."""

    async def start() -> None:
        client = await connect()
        await ensure_schedules(client)
        await sweep_now(client)

    asyncio.run(start())


@app.command()
def worker(ready_file: Annotated[Path | None, typer.Option(help="Touched once the workers poll.")] = None) -> None:
    """Run the workers: workflows, their database steps, and the calls to providers."""
    settings = _logged(Settings())

    def ready() -> None:
        if ready_file is not None:
            ready_file.touch()

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await workers.run(settings, stop, ready)

    asyncio.run(until_stopped())


@app.command()
def api(host: str = "127.0.0.1", port: int = 8080) -> None:
    """Run the HTTP API."""
    settings = _logged(Settings())
    application = _application(settings)
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


def main() -> None:
    """Leave without the interpreter's own shutdown: the SDK's threads abort it (temporalio/sdk-python issue 300)."""
    try:
        app()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


async def _seed(settings: Settings, password: str) -> None:
    database = Database(settings.database_url.get_secret_value(), pool_size=2)
    try:
        await seed_demo(database, password)
    finally:
        await database.close()


async def _audit(stripe_url: str | None) -> Audit:
    """Raises BooksUnreadable, also for settings or packages that are missing."""
    try:
        database_url = Settings().database_url.get_secret_value()
    except ValidationError as wrong:
        # Its own text shows the values.
        names = ", ".join(str(each["loc"][0]) for each in wrong.errors())
        raise BooksUnreadable("The settings", f"missing or wrong: {names}") from None
    except SettingsError as wrong:
        raise BooksUnreadable("The settings", str(wrong)) from None
    truths = {} if stripe_url is None else {STRIPE: await _stripe_truth(stripe_url)}
    return await audit(database_url, truths)


async def _stripe_truth(url: str) -> ProviderTruth:
    try:
        from sandbox.books_truth import stripe_truth  # noqa: PLC0415 - as for `up`
    except ModuleNotFoundError as missing:
        package = str(missing.name).partition(".")[0]
        why = f"the package {package} is not installed: install holdfast[sandbox]"
        raise BooksUnreadable("The provider's truth", why) from None
    return await stripe_truth(url)


def _application(settings: Settings) -> FastAPI:
    webhooks = StripeWebhooks([secret.get_secret_value() for secret in settings.stripe_webhook_secrets])
    tracing = workers.tracing(settings, "holdfast-api")
    interceptors = [] if tracing is None else [tracing.interceptor]
    wiring = Wiring(
        database=Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size),
        temporal=asyncio.run(connect(interceptors, retry_config=RETRIES, lazy=True)),
        tokens=Tokens(_required(settings.jwt_secret, "HOLDFAST_JWT_SECRET"), settings.access_token_seconds),
        webhooks={STRIPE: webhooks},
        policy=settings.policy,
        answer_budget_seconds=settings.answer_budget_seconds,
        temporal_ui_url=settings.temporal_ui_url,
    )
    return create_app(wiring, max_body_bytes=settings.max_body_bytes, edge=_edge(settings, tracing or NoTracer()))


def _edge(settings: Settings, tracer: Tracer) -> Edge:
    quotas = {Quota(name): rate for name, rate in settings.rate_limits.by_quota().items()}
    token = settings.metrics_token
    return Edge(
        origins=tuple(settings.cors_origins),
        hsts_seconds=settings.hsts_seconds,
        limits=Limits(quotas, settings.rate_limit_store.get_secret_value()),
        proxies=Proxies(settings.trusted_proxies),
        metrics_token=None if token is None else token.get_secret_value(),
        tracer=tracer,
        mails=settings.smtp_host is not None,
    )


def _required(secret: SecretStr | None, name: str) -> str:
    if secret is None:
        typer.echo(f"{name} is not set", err=True)
        raise typer.Exit(2)
    return secret.get_secret_value()


def _logged(settings: Settings) -> Settings:
    logs.configure(settings.log_level)
    return settings


if __name__ == "__main__":
    main()
