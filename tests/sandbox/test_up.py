"""`up` as a process of its own: what it prints, what its end leaves behind, and running as an ordinary user."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM, Signals
from urllib.parse import urlsplit

import psycopg
import pytest

from sandbox.postgres import Postgres
from sandbox.ready import Ready
from tests.sandbox import ordinary_user
from tests.sandbox.waiting import alive, until, user_of

_UP = Path(__file__).with_name("stand_in") / "up.py"
_ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def up(home: Path, *flags: str, prefix: tuple[str, ...] = ()) -> AsyncIterator[tuple[Process, Ready]]:
    ready_file = home / "ready.json"
    command = (*prefix, sys.executable, str(_UP), str(home / "data"), str(ready_file), *flags)
    ours = {"PYTHONPATH": str(_ROOT), "TMPDIR": str(home / "tmp"), "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **ours}
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT, env=environment, cwd="/")
    try:
        await until(lambda: ready_file.exists() or process.returncode is not None)
        assert process.returncode is None, await output_of(process)
        yield process, Ready.model_validate_json(ready_file.read_text())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def output_of(process: Process) -> str:
    assert process.stdout
    return (await process.stdout.read()).decode()


def owner_dsn(home: Path, ready: Ready) -> str:
    port = urlsplit(ready.database).port
    assert port
    return Postgres(home / "data" / "postgres", port=port).owner_dsn


def everything_in(home: Path) -> list[str]:
    return sorted(path.name for path in home.rglob("*"))


def all_gone(ready: Ready) -> bool:
    return not any(alive(pid) for pid in ready.pids.model_dump().values())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path


@pytest.mark.parametrize("signal", [SIGINT, SIGTERM])
async def test_a_stop_signal_ends_it_in_order_and_ephemeral_data_is_gone(home: Path, signal: Signals) -> None:
    async with up(home, "--ephemeral") as (process, ready):
        process.send_signal(signal)
        output = await output_of(process)

        assert await process.wait() == 0

    assert all_gone(ready)
    assert everything_in(home) == ["tmp"]
    lines = [line.split()[0] for line in output.splitlines()]
    assert lines.index("postgres") < lines.index("migrate") < lines.index("worker") < lines.index("Password")
    assert f"{ready.api}/docs" in output
    assert f"{ready.temporal.ui}/namespaces/holdfast/workflows" in output
    assert ready.mail.inbox in output
    assert ready.accounts.buyer.password in output
    assert lines[-1] == "Stopped"


async def test_it_leaves_no_orphans_when_killed_and_the_next_one_goes_on_with_the_data(home: Path) -> None:
    async with up(home) as (process, before):
        async with await psycopg.AsyncConnection.connect(owner_dsn(home, before)) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        process.kill()
        await process.wait()
        await until(lambda: all_gone(before))

    (home / "ready.json").unlink()
    async with up(home) as (_, after), await psycopg.AsyncConnection.connect(owner_dsn(home, after)) as connection:
        row = await (await connection.execute("SELECT n FROM kept")).fetchone()

    assert row == (42,)
    # Told to write no bytecode beside the sources, its children share a cache among the data.
    assert "bytecode" in everything_in(home / "data")
    assert after.accounts == before.accounts


async def test_what_a_killed_ephemeral_one_left_is_removed_by_the_next(home: Path) -> None:
    async with up(home, "--ephemeral") as (process, ready):
        process.send_signal(SIGKILL)
        await process.wait()
        await until(lambda: all_gone(ready))
        (abandoned,) = (home / "tmp").iterdir()

    (home / "ready.json").unlink()
    async with up(home, "--ephemeral"):
        (living,) = (home / "tmp").iterdir()

    assert living != abandoned


async def test_an_ordinary_user_runs_it() -> None:
    with ordinary_user.home() as home:
        async with up(home, prefix=ordinary_user.prefix()) as (process, ready):
            same_user = {user_of(pid) for pid in ready.pids.model_dump().values()}
            assert same_user == {user_of(process.pid)}

            process.send_signal(SIGTERM)

            assert await process.wait() == 0
        assert all_gone(ready)
