"""The contracts: all tests on the bytecode that is shipped, and deliberate bugs, each of which a test catches."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.mutants.bug import Bug
from tests.mutants.settling import SETTLING
from tests.proof.sizes import FULL, sized

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
FORGE = CONTRACTS / "node_modules/.bin/forge"
HALMOS = CONTRACTS / ".venv/bin/halmos"
# What is compiled anew in a copy, beside the packages.
SOURCES = ("src", "test", "bin", "foundry.toml")
BUGS = SETTLING[: sized(1, len(SETTLING))]
# The steps whose call doesn't tell whether it did anything: each has to fail on a bug that makes it insolvent.
UNSOUND = {
    "authorized_twice": {"authorize", "authorizeBatch", "authorizeWithPermit"},
    "captures_forgotten": {"captureRunOfOne", "captureRunOfTwo"},
    "void_is_not_final": {"voidBatch"},
}
# What a bug makes superfluous is no reason not to compile it.
ANY_WARNING = {"FOUNDRY_DENY": "never"}
PROVES = (
    "1,000 runs of 100 random calls by everyone; every branch tested; solvency proven for each step from any state; "
    f"{len(BUGS)} deliberate bugs, each caught"
)


def forge(directory: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(directory, FORGE, *words, **environment)


def run(directory: Path, program: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{FORGE.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [program, *words],
        cwd=directory,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def halmos(directory: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    options = ("--contract", "EscrowSymbolicTest", "--loop", "5", "--solver-timeout-assertion", "0", "--no-status")
    return run(directory, HALMOS, *options, *words, FOUNDRY_PROFILE="quick", **environment)


def steps_that(ended: str, output: str) -> set[str]:
    return set(re.findall(rf"\[{ended}\]\S* check_(\w+)", output))


def copy_to(directory: Path) -> None:
    for each in SOURCES:
        copy = shutil.copytree if (CONTRACTS / each).is_dir() else shutil.copy
        copy(CONTRACTS / each, directory / each)
    (directory / "node_modules").symlink_to(CONTRACTS / "node_modules")


@pytest.mark.skipif(not FULL, reason="in full size only; `make test` runs the quick profile")
@pytest.mark.timeout(3600)
def test_all_tests_pass_on_the_shipped_bytecode(tmp_path: Path) -> None:
    ended = forge(CONTRACTS, "test", "--out", str(tmp_path / "out"), "--cache-path", str(tmp_path / "cache"))

    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    assert re.search(r"(\d+) tests passed, 0 failed, 0 skipped", ended.stdout), ended.stdout[-400:]


@pytest.mark.skipif(not FULL, reason="in full size only: coverage is measured on code that nothing optimised")
@pytest.mark.timeout(1200)
def test_every_line_and_branch_of_the_contracts_is_tested(tmp_path: Path) -> None:
    report = ("--report", "summary", "--no-match-coverage", "test")
    out = ("--out", str(tmp_path / "out"), "--cache-path", str(tmp_path / "cache"))
    ended = forge(CONTRACTS, "coverage", *report, *out, FOUNDRY_PROFILE="quick")

    covered = dict(re.findall(r"^\| (src/\S+) +\| (.*) \|$", ended.stdout, re.MULTILINE))
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert covered.keys() >= {"src/Anchor.sol", "src/Escrow.sol", "src/ExactTransfer.sol", "src/SelfCall.sol"}
    assert {percent for row in covered.values() for percent in re.findall(r"[\d.]+%", row)} == {"100.00%"}, covered


@pytest.mark.skipif(not FULL, reason="in full size only: a solver takes minutes")
@pytest.mark.timeout(1800)
def test_the_escrow_is_solvent_after_each_step_from_any_state(tmp_path: Path) -> None:
    copy_to(tmp_path)
    steps = set(re.findall(r"function check_(\w+)", (tmp_path / "test/EscrowSymbolic.t.sol").read_text()))

    ended = halmos(tmp_path)

    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said[-4000:]
    assert steps_that("PASS", ended.stdout) == steps
    assert f"{len(steps)} passed; 0 failed" in ended.stdout
    # It passes what it has not looked at to the end, with a warning.
    assert "not been fully explored" not in said, said[-4000:]


@pytest.mark.skipif(not FULL, reason="in full size only, as the proof itself")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", [bug for bug in SETTLING if bug.name in UNSOUND], ids=lambda bug: bug.name)
def test_a_step_that_is_not_solvent_is_seen(bug: Bug, tmp_path: Path) -> None:
    copy_to(tmp_path)
    (tmp_path / bug.file.removeprefix("contracts/")).write_text(bug.in_tree(ROOT))
    steps = UNSOUND[bug.name]

    only = rf"check_({'|'.join(sorted(steps))})\("
    ended = halmos(tmp_path, "--function", only, "--early-exit", **ANY_WARNING)

    assert steps_that("FAIL", ended.stdout) == steps, ended.stdout[-4000:] + ended.stderr[-4000:]
    assert "Counterexample" in ended.stdout


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_in_a_contract_is_caught(bug: Bug, tmp_path: Path) -> None:
    copy_to(tmp_path)
    (tmp_path / bug.file.removeprefix("contracts/")).write_text(bug.in_tree(ROOT))

    only = f"test/{{{','.join(bug.caught_by)}}}.t.sol"
    ended = forge(tmp_path, "test", "--match-path", only, FOUNDRY_PROFILE="quick", **ANY_WARNING)

    assert ended.returncode == 1, ended.stdout[-4000:] + ended.stderr[-4000:]
    # A contract that doesn't compile is no bug that was caught.
    assert re.search(r"^\[FAIL", ended.stdout, re.MULTILINE), ended.stdout[-4000:] + ended.stderr[-4000:]
