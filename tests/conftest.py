"""Real servers for all tests: one PostgreSQL a test process, a migrated database and a Temporal server a test."""

import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from db.migrate import upgrade
from db.session import Database
from sandbox.errors import ChildDied
from sandbox.ports import free_port, free_ports
from sandbox.postgres import Postgres
from sandbox.temporal import TemporalServer
from tests.support.arena import Arena, free_listener, open_arena
from tests.support.front_desk import FrontDesk, open_desk
from tests.support.stripe_sandbox import open_sandbox
from workflows.names import SEARCH_ATTRIBUTES

TEMPLATE = "holdfast"

# A closed workflow is deleted once its tasks are acknowledged: every 30 s by default.
QUICK_DELETION = {
    f"history.{queue}ProcessorUpdateAckInterval": '"200ms"' for queue in ("transfer", "timer", "visibility")
}

# A database is made ten times cheaper where files are kept in memory, if there is room for those of all tests.
MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108 - as `scratch`, a directory of our own in there

# An access line for every poll of a waiting test would bury what matters.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A directory that an unprivileged database server may reach, gone afterwards."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    directory = Path(tempfile.mkdtemp(prefix="holdfast-test-", dir=MEMORY if roomy else None))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest_asyncio.fixture(scope="session")
async def postgres(scratch: Path) -> AsyncIterator[Postgres]:
    """One server, its `holdfast` database migrated once and used as the template of every test's own."""
    server = Postgres(scratch / "postgres", port=free_port(), durable=False)
    await server.start()
    upgrade(server.owner_dsn)
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def database_name(postgres: Postgres) -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    await postgres.create_database(name, template=TEMPLATE)
    yield name
    await postgres.drop_database(name)


@pytest.fixture
def owner_dsn(postgres: Postgres, database_name: str) -> str:
    """The login that owns the schema of the test's database."""
    return postgres.owner_dsn_of(database_name)


@pytest_asyncio.fixture
async def database(postgres: Postgres, database_name: str) -> AsyncIterator[Database]:
    """A migrated database of the test's own, logged in as the application."""
    opened = Database(postgres.app_dsn_of(database_name))
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def desk(database: Database) -> AsyncIterator[FrontDesk]:
    """The API over the test's own database, without Temporal or providers."""
    async with open_desk(database) as opened:
        yield opened


async def _temporal(scratch: Path, *, persistent: bool = False) -> TemporalServer:
    """A started server. The ports that it draws for itself, and ours until it listens, can be taken by another.

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


@pytest_asyncio.fixture
async def temporal(scratch: Path, request: pytest.FixtureRequest) -> AsyncIterator[TemporalServer]:
    """A Temporal server of the test's own: queues are named the same in every system.

    It forgets everything when it is killed, unless the test is marked `lasting_temporal`.
    """
    server = await _temporal(scratch, persistent=request.node.get_closest_marker("lasting_temporal") is not None)
    yield server
    await server.kill()


@pytest_asyncio.fixture
async def arena(database: Database, temporal: TemporalServer) -> AsyncIterator[Arena]:
    """The whole system, with the provider's webhooks on."""
    listening = free_listener()
    webhook_url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/webhooks/stripe"
    with open_sandbox(webhook_url) as stripe:
        async with open_arena(database, temporal.address, stripe, listening) as opened:
            yield opened
