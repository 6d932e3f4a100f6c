"""`holdfast demo` as a person runs it, and its verdict, which must not be able to be right when anything is off."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT
from tempfile import mkdtemp

import pytest

from domain.books import Finding, Invariant
from sandbox.demo.verdict import Played, Verdict


@asynccontextmanager
async def demo(directory: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`holdfast demo` in a process of its own, with `directory` for everything that it writes."""
    program = Path(sys.executable).with_name("holdfast")
    environment = {**os.environ, "TMPDIR": str(directory)}
    process = await asyncio.create_subprocess_exec(program, "demo", stdout=PIPE, stderr=STDOUT, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def directory(scratch: Path) -> Path:
    made = Path(mkdtemp(dir=scratch))
    made.chmod(0o755)
    return made


def at_work_in(directory: Path) -> list[str]:
    """The command lines of processes that were given the directory."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(directory) in line:
            lines.append(line)
    return lines


def left_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


@pytest.mark.timeout(240)
async def test_every_scenario_ends_as_expected_and_the_books_are_right(directory: Path) -> None:
    async with demo(directory) as process:
        output = (await process.communicate())[0].decode()

    assert process.returncode == 0, output
    assert output.count(": as expected, ") == 12, output
    assert output.splitlines()[-1] == (
        "The books are right: 12 of 12 scenarios ended as expected, "
        f"and {len(Invariant)} invariants hold against the provider's truth and Temporal's."
    )
    assert at_work_in(directory) == []
    assert left_in(directory) == []


@pytest.mark.timeout(240)
async def test_ctrl_c_leaves_nothing_behind(directory: Path) -> None:
    async with demo(directory) as process:
        assert process.stdout is not None
        while b"1/12" not in (line := await process.stdout.readline()):
            assert line, "it ended before its first scenario"
        assert at_work_in(directory) != []

        process.send_signal(signal.SIGINT)
        output = (await process.stdout.read()).decode()

        assert await process.wait() == 130
        assert "The books are right" not in output
        assert at_work_in(directory) == []
        assert left_in(directory) == []


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(played=(), moved=(), findings=()),
        Verdict(played=(Played("one", 1.0, failure="it hung"),), moved=(), findings=()),
        Verdict(played=(Played("one", 1.0),), moved=(), findings=()),
        Verdict(
            played=(),
            moved=(),
            findings=(Finding(invariant=Invariant.STOCK_HELD, subject="prd_1", sentence="Held are 2, not 1."),),
        ),
        Verdict(played=(), moved=("for O-100001 the provider has captures 2, not 1",), findings=()),
        Verdict(played=(), moved=(), findings=(), misdelivered=("the mail did not arrive",)),
    ],
)
def test_a_verdict_with_any_problem_is_not_right(verdict: Verdict) -> None:
    assert not verdict.right
    assert verdict.sentence.startswith("Something is off")
