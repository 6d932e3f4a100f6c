"""The launcher of PostgreSQL, on real servers."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGKILL
from subprocess import PIPE
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg import AsyncConnection

from sandbox.ports import free_port
from sandbox.postgres import Postgres
from tests.sandbox import ordinary_user
from tests.sandbox.waiting import alive, until, user_of

_ORDINARY = """
import asyncio, os, sys
from pathlib import Path
import psycopg
from sandbox.ports import free_port
from sandbox.postgres import Postgres

async def main():
    server = Postgres(Path(sys.argv[1], "postgres"), port=free_port(), durable=False)
    await server.start()
    async with await psycopg.AsyncConnection.connect(server.app_dsn) as connection:
        who = await (await connection.execute("SELECT current_user")).fetchone()
    print(os.geteuid() != 0, who[0])
    await server.stop()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    running = Postgres(tmp_path_factory.mktemp("postgres"), port=free_port(), durable=False)
    await running.start()
    yield running
    await running.stop()


async def connect(dsn: str) -> AsyncConnection:
    return await AsyncConnection.connect(dsn, autocommit=True)


async def value(dsn: str, query: str) -> object:
    async with await connect(dsn) as connection:
        row = await (await connection.execute(query)).fetchone()
    return row[0] if row else None


async def test_the_app_logs_in_as_a_member_of_its_group_and_listens_on_loopback_only(server: Postgres) -> None:
    assert await value(server.app_dsn, "SELECT current_user") == "holdfast"
    assert await value(server.app_dsn, "SELECT pg_has_role('holdfast_app', 'member')") is True
    assert await value(server.app_dsn, "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'holdfast_app'") is False
    assert await value(server.owner_dsn, "SHOW listen_addresses") == "127.0.0.1"
    assert await value(server.owner_dsn, "SHOW unix_socket_directories") == ""
    assert await value(server.app_dsn, "SHOW timezone") == "UTC"


async def test_a_wrong_password_is_refused(server: Postgres) -> None:
    forged = f"postgresql://holdfast:guess@127.0.0.1:{server.port}/holdfast"

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await connect(forged)


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE t (n int)", "CREATE TEMPORARY TABLE t (n int)", "CREATE SCHEMA s", "CREATE ROLE r"]
)
async def test_the_app_cannot_change_the_schema(server: Postgres, statement: str) -> None:
    async with await connect(server.app_dsn) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(statement.encode())


async def test_a_database_is_copied_from_a_template_and_keeps_the_apps_limits(server: Postgres) -> None:
    await server.create_database("template_of_one")
    async with await connect(server.owner_dsn_of("template_of_one")) as connection:
        await connection.execute("CREATE TABLE t AS SELECT 7 AS n")

    await server.create_database("copy_of_one", template="template_of_one")

    assert await value(server.owner_dsn_of("copy_of_one"), "SELECT n FROM t") == 7
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await value(server.app_dsn_of("copy_of_one"), "CREATE TEMPORARY TABLE t2 AS SELECT 1")
    await server.drop_database("copy_of_one")
    assert await value(server.owner_dsn, "SELECT count(*) FROM pg_database WHERE datname = 'copy_of_one'") == 0


async def test_values_of_a_failed_statement_stay_out_of_the_log(server: Postgres) -> None:
    async with await connect(server.owner_dsn) as connection:
        await connection.execute("CREATE TABLE people (name text UNIQUE)")
        await connection.execute("INSERT INTO people VALUES ('Marked Person')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.execute("INSERT INTO people VALUES ('Marked Person')")

    await until(lambda: "duplicate key" in server.log.read_text())

    assert "Marked Person" not in server.log.read_text()


async def test_a_killed_backend_takes_only_its_own_connections_down(server: Postgres) -> None:
    postmaster = server.pid
    victim = await connect(server.app_dsn)

    os.kill(victim.info.backend_pid, SIGKILL)

    with pytest.raises(psycopg.OperationalError):
        await victim.execute("SELECT 1")
    await victim.close()
    await answers_again(server)
    assert server.pid == postmaster
    assert alive(postmaster)


async def answers_again(server: Postgres) -> None:
    for _ in range(500):
        try:
            await value(server.app_dsn, "SELECT 1")
        except psycopg.OperationalError:
            await asyncio.sleep(0.02)
        else:
            return
    pytest.fail("PostgreSQL did not recover")


async def test_it_survives_kill_9_of_the_postmaster_while_a_backend_works_on(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", port=free_port(), durable=False)
    await server.start()
    killed = server.pid
    async with await connect(server.owner_dsn) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    busy = await connect(server.owner_dsn)
    backend = busy.info.backend_pid
    # Works without waiting for anything, so it does not notice that its postmaster is gone.
    work = asyncio.create_task(busy.execute("SELECT count(*) FROM generate_series(1, 10000000000)"))
    await until(lambda: "R" in Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2])

    os.kill(killed, SIGKILL)
    assert await server.wait() == -SIGKILL
    await server.start()

    assert server.pid != killed
    assert not alive(backend)
    assert await value(server.owner_dsn, "SELECT n FROM kept") == 42
    with pytest.raises(psycopg.OperationalError):
        await work
    await busy.close()
    await server.stop()
    assert not alive(server.pid)


async def test_it_starts_over_a_postmaster_file_that_names_another_living_process(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", port=free_port(), durable=False)
    await server.start()
    stale = (server.data / "postmaster.pid").read_text().splitlines()
    await server.kill()
    (server.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *stale[1:]]) + "\n")

    await server.start()

    assert await value(server.app_dsn, "SELECT 1") == 1
    await server.stop()


async def test_it_starts_over_an_initdb_that_was_killed(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", port=free_port(), durable=False)
    (tmp_path / "postgres" / "data.new" / "base").mkdir(parents=True)

    await server.start()

    assert await value(server.app_dsn, "SELECT 1") == 1
    await server.stop()


async def test_passwords_are_kept_and_only_for_the_owner_to_read(tmp_path: Path) -> None:
    first = Postgres(tmp_path / "postgres", port=free_port(), durable=True)
    await first.start()
    await first.stop()

    second = Postgres(tmp_path / "postgres", port=first.port, durable=True)
    await second.start()

    assert second.app_dsn == first.app_dsn
    assert await value(second.app_dsn, "SELECT current_setting('fsync')") == "on"
    assert (tmp_path / "postgres" / "secrets.json").stat().st_mode & 0o777 == 0o600
    await second.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
@pytest.mark.parametrize(("mode", "runs_as_root"), [(0o755, False), (0o700, True)])
async def test_root_gives_it_to_nobody_or_hides_it_where_nobody_has_no_way(mode: int, *, runs_as_root: bool) -> None:
    with TemporaryDirectory() as folder:
        os.chmod(folder, mode)  # noqa: PTH101 - pathlib is not for coroutines (ASYNC240)
        server = Postgres(Path(folder, "postgres"), port=free_port(), durable=False)

        await server.start()

        assert (user_of(server.pid) == 0) is runs_as_root
        assert await value(server.app_dsn, "SELECT 1") == 1
        await server.stop()


async def test_an_ordinary_user_starts_it() -> None:
    with ordinary_user.home() as home:
        process = await asyncio.create_subprocess_exec(
            *ordinary_user.prefix(),
            sys.executable,
            "-c",
            _ORDINARY,
            str(home),
            cwd=Path(__file__).parents[2],
            stdout=PIPE,
        )
        output, _ = await process.communicate()

    assert output.decode().split() == ["True", "holdfast"]
