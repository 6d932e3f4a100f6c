"""Real servers for all tests: PostgreSQL and Temporal a test process, a migrated database and a namespace a test."""

import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

import providers.chain  # noqa: F401 - before a test imports web3 by itself: this one keeps the limit of recursion
from db.migrate import upgrade
from db.session import Database
from sandbox.ports import free_port
from sandbox.postgres import Postgres
from sandbox.ready import Temporal
from sandbox.temporal import TemporalServer
from tests.support.arena import Arena
from tests.support.front_desk import FrontDesk, open_desk
from tests.support.servers import (
    SharedTemporal,
    absent_temporal,
    known,
    own_arena,
    own_database,
    own_database_name,
    own_temporal,
)
from worker import settle_heap

# A database is made ten times cheaper where files are kept in memory, if there is room for those of all tests.
MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108 - as `scratch`, a directory of our own in there

# An access line for every poll of a waiting test would bury what matters.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first: at the end it would have the machine for itself."""
    items.sort(key=lambda item: item.path.parent.name not in {"e2e", "proof"})


def pytest_collection_finish() -> None:
    """What was imported and collected lives as long as the process: the collector need not walk it in every test."""
    settle_heap()


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
    async with own_database_name(postgres) as name:
        yield name


@pytest.fixture
def owner_dsn(postgres: Postgres, database_name: str) -> str:
    """The login that owns the schema of the test's database."""
    return postgres.owner_dsn_of(database_name)


@pytest_asyncio.fixture
async def database(postgres: Postgres, database_name: str) -> AsyncIterator[Database]:
    """A migrated database of the test's own, logged in as the application."""
    async with own_database(postgres, database_name) as opened:
        yield opened


@pytest_asyncio.fixture
async def desk(database: Database) -> AsyncIterator[FrontDesk]:
    """The API over the test's own database, without Temporal or providers."""
    async with open_desk(database) as opened:
        yield opened


def _idle(request: pytest.FixtureRequest) -> bool:
    """By the nearest mark: `idle(False)` at a test excepts it from its module's."""
    mark = request.node.get_closest_marker("idle")
    return mark is not None and mark.args != (False,)


@pytest_asyncio.fixture
async def temporal_server(scratch: Path, request: pytest.FixtureRequest) -> AsyncIterator[TemporalServer]:
    """A Temporal server of the test's own, for those that stop it.

    It forgets everything when it is killed, unless the test is marked `lasting_temporal`.
    """
    lasting = request.node.get_closest_marker("lasting_temporal") is not None
    async with own_temporal(scratch, persistent=lasting) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def shared_temporal(scratch: Path) -> AsyncIterator[SharedTemporal]:
    shared = SharedTemporal(scratch)
    yield shared
    await shared.close()


@pytest_asyncio.fixture
async def lent_namespace(shared_temporal: SharedTemporal) -> Temporal:
    return await shared_temporal.lend()


@pytest.fixture
def temporal(request: pytest.FixtureRequest) -> Temporal:
    """The test's own server if it has one, or a namespace of its own: queues are named the same in every system.

    For a test that is marked `idle` it is never there.
    """
    if _idle(request):
        return absent_temporal()
    if "temporal_server" in request.fixturenames:
        return known(request.getfixturevalue("temporal_server"))
    lent: Temporal = request.getfixturevalue("lent_namespace")
    return lent


@pytest_asyncio.fixture
async def arena(database: Database, temporal: Temporal, request: pytest.FixtureRequest) -> AsyncIterator[Arena]:
    """The whole system, with the provider's webhooks on; of an `idle` test, without workers."""
    async with own_arena(database, temporal, working=not _idle(request)) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def quiet_arena(postgres: Postgres) -> AsyncIterator[Arena]:
    """As an `idle` test's, for all tests of a module that only look, or are refused: there are hundreds of them."""
    async with (
        own_database_name(postgres) as name,
        own_database(postgres, name) as database,
        own_arena(database, absent_temporal(), working=False) as opened,
    ):
        yield opened
