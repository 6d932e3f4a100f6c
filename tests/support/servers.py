"""A database, a Temporal server and a whole system of one's own, for fixtures of every scope."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.engine import Dialect

from db.session import Database
from sandbox.errors import ChildDied
from sandbox.ports import LOOPBACK, free_ports
from sandbox.postgres import Postgres
from sandbox.ready import Temporal
from sandbox.temporal import TemporalServer
from tests.support.arena import Arena
from tests.support.opening import free_listener, open_arena
from tests.support.stripe_sandbox import open_sandbox
from workflows.names import SEARCH_ATTRIBUTES

TEMPLATE = "holdfast"

# A closed workflow is deleted once its tasks are acknowledged: every 30 s by default.
QUICK_DELETION = {
    f"history.{queue}ProcessorUpdateAckInterval": '"200ms"' for queue in ("transfer", "timer", "visibility")
}

# Privileged, and drawn by nobody: whoever asks there is refused at once, and never meets another test's server.
NOBODY_LISTENS = 1

# How many tests share a server: what one leaves open stays with it, and costs the later ones a little.
LODGERS = 40


@asynccontextmanager
async def own_database_name(postgres: Postgres) -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    await postgres.create_database(name, template=TEMPLATE)
    yield name
    await postgres.drop_database(name)


class _Lent(Database):
    """Speaks to one test's database after another: what SQLAlchemy compiled for the first serves all of them."""

    def __init__(self) -> None:
        super().__init__("postgresql://")
        for engine in (self.engine, self._beside):
            event.listen(engine.sync_engine, "do_connect", self._aim)

    def _aim(self, dialect: Dialect, _record: Any, _words: Any, parameters: dict[str, Any]) -> None:
        parameters |= dialect.create_connect_args(make_url(self.url))[1]


_VACANT: list[_Lent] = []


@asynccontextmanager
async def own_database(postgres: Postgres, name: str) -> AsyncIterator[Database]:
    """Logged in as the application."""
    lent = _VACANT.pop() if _VACANT else _Lent()
    lent.url = postgres.app_dsn_of(name)
    yield lent
    await lent.close()
    _VACANT.append(lent)


async def _started(scratch: Path, *, persistent: bool, more_namespaces: Sequence[str] = ()) -> TemporalServer:
    """The ports that it draws for itself, and ours until it listens, can be taken by another.

    It ends then, by an error or a panic.
    """
    for tries_left in reversed(range(3)):
        port, ui_port = free_ports(2)
        server = TemporalServer(
            scratch / f"temporal-{port}",
            port=port,
            ui_port=ui_port,
            more_namespaces=more_namespaces,
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


def known(server: TemporalServer, namespace: str | None = None) -> Temporal:
    """What others are told of a server, and of its namespace that is theirs."""
    return Temporal(address=server.address, namespace=namespace or server.namespace, ui=server.ui)


@dataclass
class SharedTemporal:
    """A server for many tests, each in a namespace of its own: to start one takes longer than most tests do."""

    scratch: Path
    _server: TemporalServer | None = None
    _vacant: list[str] = field(default_factory=list)

    async def lend(self) -> Temporal:
        """A namespace in which nothing has ever run."""
        if self._server is None or not self._vacant:
            await self.close()
            self._vacant = [f"lodger-{number}" for number in range(LODGERS)]
            self._server = await _started(self.scratch, persistent=False, more_namespaces=self._vacant)
        return known(self._server, self._vacant.pop())

    async def close(self) -> None:
        if self._server is not None:
            await self._server.kill()


def absent_temporal() -> Temporal:
    """One that is never started."""
    return Temporal(address=f"{LOOPBACK}:{NOBODY_LISTENS}", namespace="nobody", ui="")


@asynccontextmanager
async def own_arena(database: Database, temporal: Temporal, *, working: bool = True) -> AsyncIterator[Arena]:
    """The whole system, with the provider's webhooks on."""
    listening = free_listener()
    webhook_url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/webhooks/stripe"
    with open_sandbox(webhook_url) as stripe:
        async with open_arena(database, temporal, stripe, listening, working=working) as opened:
            yield opened
