"""A database, a Temporal server and a whole system of one's own, for fixtures of every scope."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from db.session import Database
from sandbox.errors import ChildDied
from sandbox.ports import free_ports
from sandbox.postgres import Postgres
from sandbox.temporal import TemporalServer
from tests.support.arena import Arena, free_listener, open_arena
from tests.support.stripe_sandbox import open_sandbox
from workflows.names import SEARCH_ATTRIBUTES

TEMPLATE = "holdfast"

# A closed workflow is deleted once its tasks are acknowledged: every 30 s by default.
QUICK_DELETION = {
    f"history.{queue}ProcessorUpdateAckInterval": '"200ms"' for queue in ("transfer", "timer", "visibility")
}

# Privileged, and drawn by nobody: whoever asks there is refused at once, and never meets another test's server.
NOBODY_LISTENS = 1


@asynccontextmanager
async def own_database_name(postgres: Postgres) -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    await postgres.create_database(name, template=TEMPLATE)
    yield name
    await postgres.drop_database(name)


@asynccontextmanager
async def own_database(postgres: Postgres, name: str) -> AsyncIterator[Database]:
    """Logged in as the application."""
    opened = Database(postgres.app_dsn_of(name))
    yield opened
    await opened.close()


async def _started(scratch: Path, *, persistent: bool) -> TemporalServer:
    """The ports that it draws for itself, and ours until it listens, can be taken by another.

    It ends then, by an error or a panic.
    """
    for tries_left in reversed(range(3)):
        port, ui_port = free_ports(2)
        server = TemporalServer(
            scratch / f"temporal-{port}",
            port=port,
            ui_port=ui_port,
            search_attributes=SEARCH_ATTRIBUTES,
            persistent=persistent,
            dynamic_config=QUICK_DELETION,
        )
        try:
            await server.start()
        except ChildDied:
            if not tries_left:
                raise
        else:
            return server
    raise AssertionError


@asynccontextmanager
async def own_temporal(scratch: Path, *, persistent: bool = False) -> AsyncIterator[TemporalServer]:
    server = await _started(scratch, persistent=persistent)
    yield server
    await server.kill()


def absent_temporal(scratch: Path) -> TemporalServer:
    """One that is never started."""
    return TemporalServer(scratch / "temporal-absent", port=NOBODY_LISTENS, ui_port=NOBODY_LISTENS)


@asynccontextmanager
async def own_arena(database: Database, temporal: TemporalServer, *, working: bool = True) -> AsyncIterator[Arena]:
    """The whole system, with the provider's webhooks on."""
    listening = free_listener()
    webhook_url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/webhooks/stripe"
    with open_sandbox(webhook_url) as stripe:
        async with open_arena(database, temporal.address, stripe, listening, working=working) as opened:
            yield opened
