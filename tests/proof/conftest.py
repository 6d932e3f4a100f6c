"""Writes what a run of the proof suites showed, when it is asked to: the first part of docs/proof.md."""

import os
import platform
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from tests.proof.sizes import FULL, SEED

# The processes that tests are handed to report to the one that hands them out.
_HANDED_OUT = "PYTEST_XDIST_WORKER" in os.environ
_REPORT = None if _HANDED_OUT else os.environ.get("HOLDFAST_PROOF_REPORT")
_ENDS = ("passed", "failed", "error", "skipped")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In full size a failure is shown when it happens: pytest's own summary comes hours later."""
    if FULL and report.failed and not _HANDED_OUT:
        sys.stderr.write(f"\n{report.nodeid}\n{report.longreprtext}\n")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    terminalreporter.write_line(f"proof: {_run()}")
    if _REPORT is not None:
        Path(_REPORT).write_text(_document(terminalreporter), encoding="utf-8")


def _document(reporter: TerminalReporter) -> str:
    ends: defaultdict[str, Counter[str]] = defaultdict(Counter)
    seconds: defaultdict[str, float] = defaultdict(float)
    for end in _ENDS:
        for report in reporter.stats.get(end, ()):
            if isinstance(report, pytest.TestReport):
                ends[report.nodeid.partition("::")[0]][end] += 1
                seconds[report.nodeid.partition("::")[0]] += report.duration
    rows = [_row(file, counted, seconds[file]) for file, counted in sorted(ends.items())]
    return "\n".join([*_head(), *rows, ""])


def _head() -> Iterable[str]:
    yield "# Proof"
    yield ""
    yield "Written by `make prove`. `HOLDFAST_PROOF_SEED` draws other moments."
    yield ""
    yield f"Commit `{_commit()}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_run()}."
    yield ""
    yield "| what was shown | how much of it | tests | seconds |"
    yield "|---|---|---|---|"


def _row(file: str, ends: Counter[str], seconds: float) -> str:
    module = import_module(file.removesuffix(".py").replace("/", "."))
    told = (module.__doc__ or "").partition("\n")[0].rstrip(".")
    counted = ", ".join(f"{ends[end]} {end}" for end in _ENDS if ends[end])
    return f"| {told} (`{file}`) | {module.PROVES} | {counted} | {seconds:.0f} |"


def _run() -> str:
    """What tells one run from another of the same commit; a machine is told from others by when it was started."""
    size = "full" if FULL else "small"
    boot = Path("/proc/sys/kernel/random/boot_id")
    started = boot.read_text(encoding="utf-8")[:8] if boot.exists() else "unknown"
    kernel = platform.release().partition("-")[0]
    system = f"{platform.system()} {kernel}, Python {platform.python_version()}, {os.cpu_count()} CPUs"
    return f"{size} size, seed {SEED}, on {system} (boot {started})"


def _commit() -> str:
    """The commit that was run, marked when the tree was changed."""
    told = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)  # noqa: S607 - the git of whoever runs it
    return told.stdout.strip() or "unknown"
