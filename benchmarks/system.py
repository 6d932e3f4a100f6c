"""The measured system: its own PostgreSQL, Temporal server, worker process and API process."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.tokens import SigningKey, Tokens
from db import stock
from db.ids import new_id
from db.migrate import upgrade
from db.seed import seed_prices
from db.session import Database
from db.tables import Account, Product
from domain.orders import Role
from sandbox.ports import free_ports
from sandbox.postgres import Postgres
from sandbox.temporal import TemporalServer
from settings import UNLIMITED, RateSettings
from workflows.names import SEARCH_ATTRIBUTES

_SECRET = "only for the length of a benchmark, never kept"  # noqa: S105 - a throw-away server's
_TICKS = os.sysconf("SC_CLK_TCK")
_PIECES = 10_000_000


@dataclass
class System:
    """`cpu()` is the CPU time in seconds of everything that takes part, this process included."""

    postgres: Postgres
    database: Database
    temporal: Client
    http: httpx2.AsyncClient
    tokens: Tokens
    roots: tuple[int, ...]
    buyer: str = ""
    product: str = ""

    def cpu(self) -> float:
        return sum(_cpu_of(pid) for pid in _descendants((os.getpid(), *self.roots)))

    async def stocked(self) -> None:
        """A buyer, and a product that never runs out."""
        at = datetime.now(UTC)
        self.buyer, seller, self.product = new_id("acc"), new_id("acc"), new_id("prd")
        async with self.database.transaction() as session:
            await seed_prices(session)
            for identity, role in ((self.buyer, Role.BUYER), (seller, Role.SELLER)):
                email = f"{identity}@example.com"
                session.add(Account(id=identity, email=email, name=role, role=role, password_hash="-", created=at))  # noqa: S106 - nobody logs in
            await session.flush()
            product = Product(
                id=self.product,
                seller_id=seller,
                own_sale=False,
                name="Anchor shackle",
                price=1999,
                currency="USD",
                created=at,
                updated=at,
            )
            session.add(product)
            await session.flush()
            stock.open_stock(session, self.product, _PIECES, at)


@asynccontextmanager
async def running_system() -> AsyncIterator[System]:
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench-")))
        await asyncio.to_thread(directory.chmod, 0o755)
        database_port, temporal_port, ui_port, api_port = free_ports(4)
        postgres = Postgres(directory / "postgres", port=database_port, durable=False)
        temporal = TemporalServer(
            directory / "temporal",
            port=temporal_port,
            ui_port=ui_port,
            search_attributes=SEARCH_ATTRIBUTES,
            persistent=False,
        )
        for server in (postgres, temporal):
            await server.start()
            stack.push_async_callback(server.stop)
        await asyncio.to_thread(upgrade, postgres.owner_dsn)
        env = _environment(postgres, temporal)
        worker = stack.enter_context(_child(["-m", "benchmarks.worker"], env))
        api = stack.enter_context(_child(["-m", "cli", "api", "--port", str(api_port)], env))
        database = Database(postgres.app_dsn)
        stack.push_async_callback(database.close)
        http = await stack.enter_async_context(
            httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{api_port}", timeout=120, limits=httpx2.Limits(max_connections=1200)
            )
        )
        client = await Client.connect(
            temporal.address, namespace=temporal.namespace, data_converter=pydantic_data_converter
        )
        roots = (postgres.pid, temporal.pid, worker.pid, api.pid)
        tokens = Tokens([SigningKey("benchmark", _SECRET)], 3600)
        system = System(postgres, database, client, http, tokens, roots)
        await system.stocked()
        await _answering(http, worker)
        yield system


def _environment(postgres: Postgres, temporal: TemporalServer) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": postgres.app_dsn,
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": temporal.namespace,
        "HOLDFAST_JWT_KEYS": json.dumps([{"kid": "benchmark", "secret": _SECRET}]),
        "HOLDFAST_LOG_LEVEL": "ERROR",
        # One buyer places all orders.
        "HOLDFAST_RATE_LIMITS": json.dumps(dict.fromkeys(RateSettings.model_fields, UNLIMITED)),
    }


def _child(arguments: list[str], env: dict[str, str]) -> "_Process":
    return _Process([sys.executable, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


class _Process(subprocess.Popen[bytes]):
    """A child that is ended with the block."""

    def __exit__(self, *_: object) -> None:
        self.terminate()
        try:
            self.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()
        if self.stdout:
            self.stdout.close()


async def _answering(http: httpx2.AsyncClient, worker: "_Process") -> None:
    assert worker.stdout is not None
    await asyncio.to_thread(worker.stdout.readline)
    for _ in range(600):
        try:
            if (await http.get("/health/ready")).status_code == 200:  # noqa: PLR2004 - HTTP's own number
                return
        except httpx2.TransportError:
            await asyncio.sleep(0.05)
    message = "the API did not start"
    raise RuntimeError(message)


def _descendants(roots: tuple[int, ...]) -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = set(), list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def _cpu_of(pid: int) -> float:
    """User and system time with that of children which have ended (a connection's backend, for one), in seconds."""
    try:
        fields = (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS
