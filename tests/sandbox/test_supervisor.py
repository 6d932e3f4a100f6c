"""The supervisor, with little programs of our own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from signal import SIGKILL

import pytest

from sandbox.children import Child, Program
from sandbox.errors import ChildDied, ChildNotReady, KeepsCrashing
from sandbox.readiness import present
from sandbox.supervisor import Notice, Part, Patience, Supervisor
from tests.sandbox.waiting import alive, until

_HASTY = Patience(crashes=3, first_pause=0.01, longest_pause=0.02, steady_after=3600)

# Tells a diary when it is ready and when it ends.
_FAITHFUL = """
import signal, sys, threading
name, diary, mark = sys.argv[1:]
def write(what):
    with open(diary, "a") as pages:
        print(what, name, file=pages)
def leave(*_):
    write("down")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
write("up")
open(mark, "w").close()
while True:
    signal.pause()
"""


@pytest.fixture
def faithful(tmp_path: Path) -> Callable[[str], Program]:
    def program(name: str) -> Program:
        mark = tmp_path / f"{name}.ready"
        return Program(
            name=name,
            argv=(sys.executable, "-c", _FAITHFUL, name, str(tmp_path / "diary"), str(mark)),
            log=tmp_path / f"{name}.log",
            ready=present(mark),
            clear=partial(mark.unlink, missing_ok=True),
        )

    return program


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str, str], Program]:
    def program(name: str, code: str) -> Program:
        return Program(name=name, argv=(sys.executable, "-c", code), log=tmp_path / f"{name}.log")

    return program


@asynccontextmanager
async def supervised(*parts: Part, patience: Patience = _HASTY) -> AsyncIterator[tuple[Supervisor, list[str]]]:
    told: list[str] = []
    supervisor = Supervisor(parts, notify=lambda name, notice: told.append(f"{name} {notice}"), patience=patience)
    try:
        yield supervisor, told
    finally:
        await supervisor.stop()


async def test_parts_start_when_what_they_need_is_ready_and_stop_in_reverse(
    faithful: Callable[[str], Program], script: Callable[[str, str], Program], tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    step = script("migrate", f"open({str(diary)!r}, 'a').write('done migrate\\n')")
    parts = (
        Part(Child(faithful("api")), after=("migrate",)),
        Part(step, after=("database",)),
        Part(Child(faithful("database"))),
    )

    async with supervised(*parts) as (supervisor, told):
        await supervisor.start()
        pids = supervisor.pids

    assert diary.read_text().splitlines() == ["up database", "done migrate", "up api", "down api", "down database"]
    assert told == ["database ready", "migrate done", "api ready"]
    assert set(pids) == {"api", "database"}
    assert not any(alive(pid) for pid in pids.values())


async def test_a_killed_child_is_restarted_however_often(faithful: Callable[[str], Program]) -> None:
    async with supervised(Part(Child(faithful("worker")))) as (supervisor, told):
        await supervisor.start()
        for kills in range(1, _HASTY.crashes + 3):
            os.kill(supervisor.pids["worker"], SIGKILL)
            await until(partial(_told_times, told, f"worker {Notice.RESTARTED}", kills))

        assert alive(supervisor.pids["worker"])


async def test_a_child_that_crashes_for_ever_makes_it_fail_with_the_end_of_its_log(
    script: Callable[[str, str], Program],
) -> None:
    crashing = script("worker", "raise SystemExit('no database, no work')")
    # Counts as ready at once, then crashes: as a worker does that loses what it needs.
    async with supervised(Part(Child(crashing))) as (supervisor, _):
        with pytest.raises(KeepsCrashing, match="no database, no work") as caught:
            await run(supervisor)

    assert caught.value.name == "worker"
    assert caught.value.crashes == 3


def _told_times(told: list[str], what: str, times: int) -> bool:
    return told.count(what) == times


async def run(supervisor: Supervisor) -> None:
    async with asyncio.timeout(30):
        await supervisor.start()
        await supervisor.failure()


async def test_a_step_that_fails_stops_the_start_before_those_that_need_it(
    faithful: Callable[[str], Program], script: Callable[[str, str], Program], tmp_path: Path
) -> None:
    parts = (
        Part(Child(faithful("database"))),
        Part(script("migrate", "raise SystemExit('column missing')"), after=("database",)),
        Part(Child(faithful("api")), after=("migrate",)),
    )

    async with supervised(*parts) as (supervisor, _):
        with pytest.raises(ChildDied, match=r"migrate ended with code 1\.\ncolumn missing"):
            await run(supervisor)
        database = supervisor.pids["database"]

    assert (tmp_path / "diary").read_text().splitlines() == ["up database", "down database"]
    assert not alive(database)


async def test_a_child_that_does_not_become_ready_is_killed_and_named(faithful: Callable[[str], Program]) -> None:
    waiting = replace(faithful("api"), ready=present(Path("/nowhere")), ready_within=0.3)
    child = Child(waiting)

    async with supervised(Part(child)) as (supervisor, _):
        with pytest.raises(ChildNotReady, match="api was not ready within"):
            await run(supervisor)

    assert not alive(child.pid)


async def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(
    script: Callable[[str, str], Program], tmp_path: Path
) -> None:
    mark = tmp_path / "deaf"
    code = f"""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open({str(mark)!r}, "w").close()
while True:
    signal.pause()
"""
    child = Child(replace(script("worker", code), ready=present(mark), grace=0.2))

    async with supervised(Part(child)) as (supervisor, _):
        await supervisor.start()

    assert await child.wait() == -SIGKILL


async def test_grandchildren_do_not_outlive_a_stopped_child(
    script: Callable[[str, str], Program], tmp_path: Path
) -> None:
    mark = tmp_path / "grandchild"
    code = f"""
import signal, subprocess
grandchild = subprocess.Popen(["sleep", "3600"])
with open({str(mark)!r}, "w") as file:
    file.write(f"{{grandchild.pid}}\\n")
signal.pause()
"""
    async with supervised(Part(Child(script("worker", code)))) as (supervisor, _):
        await supervisor.start()
        grandchild = int(await until(lambda: mark.exists() and mark.read_text().endswith("\n") and mark.read_text()))

    await until(lambda: not alive(grandchild))


async def test_stopping_in_the_middle_of_a_start_leaves_nothing_running(faithful: Callable[[str], Program]) -> None:
    never = Child(replace(faithful("api"), ready=present(Path("/nowhere"))))
    supervisor = Supervisor([Part(never)])
    starting = asyncio.create_task(supervisor.start())
    await until(lambda: never.pid)

    starting.cancel()
    await asyncio.wait({starting})
    await supervisor.stop()

    assert starting.cancelled()
    assert not alive(never.pid)
