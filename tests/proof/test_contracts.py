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
# What is compiled anew in a copy, beside the packages.
SOURCES = ("src", "test", "bin", "foundry.toml")
BUGS = SETTLING[: sized(1, len(SETTLING))]
PROVES = f"1,000 runs of 100 random calls by everyone; {len(BUGS)} deliberate bugs, each caught"


def forge(directory: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FORGE, *words],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not FULL, reason="in full size only; `make test` runs the quick profile")
@pytest.mark.timeout(3600)
def test_all_tests_pass_on_the_shipped_bytecode(tmp_path: Path) -> None:
    ended = forge(CONTRACTS, "test", "--out", str(tmp_path / "out"), "--cache-path", str(tmp_path / "cache"))

    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    assert re.search(r"(\d+) tests passed, 0 failed, 0 skipped", ended.stdout), ended.stdout[-400:]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_in_a_contract_is_caught(bug: Bug, tmp_path: Path) -> None:
    for each in SOURCES:
        copy = shutil.copytree if (CONTRACTS / each).is_dir() else shutil.copy
        copy(CONTRACTS / each, tmp_path / each)
    (tmp_path / "node_modules").symlink_to(CONTRACTS / "node_modules")
    (tmp_path / bug.file.removeprefix("contracts/")).write_text(bug.in_tree(ROOT))

    only = f"test/{{{','.join(bug.caught_by)}}}.t.sol"
    # What a bug makes superfluous is no reason not to compile it.
    ended = forge(tmp_path, "test", "--match-path", only, FOUNDRY_PROFILE="quick", FOUNDRY_DENY="never")

    assert ended.returncode == 1, ended.stdout[-4000:] + ended.stderr[-4000:]
    # A contract that doesn't compile is no bug that was caught.
    assert re.search(r"^\[FAIL", ended.stdout, re.MULTILINE), ended.stdout[-4000:] + ended.stderr[-4000:]
