"""The list of deliberate bugs keeps up with the code: each text is there exactly once, each named test exists."""

import ast
import re
import subprocess
import sys
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.mutants.__main__ import Run, report, table
from tests.mutants.bug import Bug
from tests.mutants.bugs import BUGS
from tests.mutants.settling import SETTLING

ROOT = Path(__file__).parents[2]


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_switched_on_and_is_caught_by_a_test_that_exists(bug: Bug) -> None:
    sick = bug.in_tree(ROOT)

    assert sick != (ROOT / bug.file).read_text()
    ast.parse(sick)
    assert bug.tests != ()
    for test in bug.tests:
        path, _, name = test.partition("::")
        assert name.partition("[")[0] in names_in(path), test


@pytest.mark.parametrize("bug", SETTLING, ids=lambda bug: bug.name)
def test_a_bug_in_a_contract_can_be_switched_on_and_names_tests_that_exist(bug: Bug) -> None:
    assert bug.in_tree(ROOT) != (ROOT / bug.file).read_text()
    for test in bug.caught_by:
        assert (ROOT / "contracts/test" / f"{test}.t.sol").exists(), test


def test_no_bug_is_only_a_name_that_is_not_there(tmp_path: Path) -> None:
    """Such a one would be caught by whatever runs the line."""
    for bug in BUGS:
        (tmp_path / f"{bug.name}.py").write_text(bug.in_tree(ROOT))
        own = set(re.findall(r"\bself\.(_\w+)\(", bug.new))
        assert own <= set(re.findall(r"\bdef (\w+)\(", bug.in_tree(ROOT))), bug.name

    lint = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F821",
        "--output-format",
        "concise",
        str(tmp_path),
    ]
    found = subprocess.run(lint, capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stdout


def test_every_bug_has_a_name_of_its_own() -> None:
    names = [bug.name for bug in (*BUGS, *SETTLING)]

    assert len(set(names)) == len(names)
    assert len(names) > 30


def test_the_list_of_who_caught_what_names_tests_whole() -> None:
    caught_by = "tests/integration/test_order_lists.py::test_a_filter_is_refused[/v1/orders]"
    run = Run(status=1, failed=caught_by, why="", seconds=1.0, output="")
    console = Console(width=300, record=True, file=StringIO())

    console.print(table({BUGS[0]: run}))

    assert caught_by in console.export_text()
    assert f"`{caught_by}`" in report({BUGS[0]: run})
