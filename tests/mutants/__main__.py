"""Switches on deliberate bugs, each alone in a copy of the tree: for each, a named test has to fail.

python -m tests.mutants [--report FILE] [NAME ...]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.mutants.bug import Bug
from tests.mutants.bugs import BUGS

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".holdfast", ".hypothesis", "__pycache__", ".*_cache", "node_modules"
)
# How many copies are hunted through at once.
TREES = 2
# What pytest ends with: https://docs.pytest.org/en/stable/reference/exit-codes.html
PASSED, FAILED = 0, 1
# In columns: pytest cuts the reason of a failure off at the edge.
WIDE = "300"
# The tail of pytest's output that is shown when a run did not end as it should.
SHOWN_CHARACTERS = 4000

console = Console()


@dataclass(frozen=True, slots=True)
class Run:
    """How a run of pytest ended; `failed` is the test that stopped it and `why`; an error round a test is none."""

    status: int
    failed: str | None
    why: str
    seconds: float
    output: str

    @property
    def caught(self) -> bool:
        return self.status == FAILED and self.failed is not None

    @property
    def tail(self) -> str:
        return self.output[-SHOWN_CHARACTERS:]


def pytest(tree: Path, tests: Sequence[str], processes: int = 0) -> Run:
    """Run these tests in the tree, up to the first that fails."""
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-n", f"{processes}", "-p", "no:cacheprovider", *tests],
        cwd=tree,
        # The environment's own modules are those of the working tree: the copy goes before them.
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": WIDE},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    told = re.search(r"^FAILED (.+?)(?: - (.*))?$", ended.stdout, re.MULTILINE)
    failed, why = told.groups(default="") if told else (None, "")
    return Run(ended.returncode, failed, why, seconds, ended.stdout + ended.stderr)


@contextmanager
def infested(tree: Path, bug: Bug) -> Iterator[None]:
    """The tree has the bug while the block runs."""
    path = tree / bug.file
    sound, sick = path.read_text(), bug.in_tree(tree)
    path.write_text(sick)
    try:
        yield
    finally:
        path.write_text(sound)


def hunt(tree: Path, bug: Bug) -> Run:
    with infested(tree, bug):
        run = pytest(tree, bug.tests)
    console.print(f"{'[green]caught' if run.caught else '[red]missed'}[/] {run.seconds:6.1f} s  [bold]{bug.name}[/]")
    console.print(f"  {run.why}", style="dim", markup=False, highlight=False, soft_wrap=True)
    if not run.caught:
        console.print(run.tail, markup=False, highlight=False)
    return run


def hunt_all(scratch: Path, bugs: Sequence[Bug]) -> dict[Bug, Run]:
    free = SimpleQueue[Path]()
    for number in range(TREES):
        free.put(copied(scratch / f"tree{number}"))

    def one(bug: Bug) -> Run:
        tree = free.get()
        try:
            return hunt(tree, bug)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(TREES) as pool:
        return dict(zip(bugs, pool.map(one, bugs), strict=True))


def copied(tree: Path) -> Path:
    return Path(shutil.copytree(ROOT, tree, ignore=LEFT_OUT))


def table(runs: dict[Bug, Run]) -> Table:
    shown = Table("Bug", "Caught by", "Seconds", title=f"{len(runs)} deliberate bugs")
    for bug, run in runs.items():
        # The names of tests have what was given them in brackets, which is no markup.
        caught_by = Text(run.failed or "") if run.caught else Text(f"nothing (pytest ended with {run.status})", "red")
        shown.add_row(Text.assemble((bug.name, "bold"), "\n", bug.story), caught_by, f"{run.seconds:.1f}")
    return shown


def report(runs: dict[Bug, Run]) -> str:
    """The same as a Markdown table."""
    rows = [
        f"| `{bug.name}`: {bug.story} | {f'`{run.failed}`' if run.caught else 'nothing'} | {run.seconds:.1f} |"
        for bug, run in runs.items()
    ]
    return "\n".join(["| bug | caught by | seconds |", "|---|---|---|", *rows, ""])


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a bug; without any, all of them")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the list as a Markdown table")
    given = parser.parse_args()
    unknown = set(given.names) - {bug.name for bug in BUGS}
    if unknown:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}")
    return given


def sound(tree: Path, bugs: Sequence[Bug]) -> bool:
    """Whether all named tests pass without a bug."""
    for bug in bugs:
        bug.in_tree(tree)
    run = pytest(tree, sorted({test for bug in bugs for test in bug.tests}), processes=2)
    console.print(f"without a bug: pytest ended with {run.status} after {run.seconds:.0f} s")
    if run.status != PASSED:
        console.print(run.tail, markup=False, highlight=False)
    return run.status == PASSED


def main() -> int:
    """0 when every bug is caught."""
    given = options()
    bugs = [bug for bug in BUGS if not given.names or bug.name in given.names]
    with TemporaryDirectory(prefix="holdfast-mutants-") as scratch:
        # The tests' database server is another user.
        Path(scratch).chmod(0o755)
        if not sound(copied(Path(scratch) / "sound"), bugs):
            return 1
        runs = hunt_all(Path(scratch), bugs)
    if given.report is not None:
        given.report.write_text(report(runs))
    console.print(table(runs))
    return 0 if all(run.caught for run in runs.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
