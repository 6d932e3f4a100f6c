"""The house rules that a linter does not know: sizes, names, no mocks, who reads the environment."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARD_LIMIT = 400
FUNCTION_LIMIT = 40
MEDIAN_LIMIT = 120
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "service", "base", "data", "info"}
# A migration is as long as its tables.
UNLIMITED = ("db/migrations/versions/",)
SQL_LAYERS = ("db/", "activities/", "api/", "tests/", "benchmarks/")


def sources() -> list[str]:
    listed = subprocess.run(  # tracked files and new ones, without what git ignores
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],  # noqa: S607 - git of the PATH
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(path for path in listed.stdout.splitlines() if (ROOT / path).exists())


def lengths() -> dict[str, int]:
    return {path: len((ROOT / path).read_text().splitlines()) for path in sources() if not path.startswith(UNLIMITED)}


def functions(path: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def imports(path: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        match node:
            case ast.Import():
                found |= {alias.name.split(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.split(".")[0])
            case _:
                pass
    return found


def test_no_file_is_longer_than_the_hard_limit() -> None:
    assert {path: count for path, count in lengths().items() if count > HARD_LIMIT} == {}


def test_the_median_file_is_short() -> None:
    counts = sorted(count for path, count in lengths().items() if not path.startswith("tests/"))

    assert counts[len(counts) // 2] <= MEDIAN_LIMIT


def test_no_function_is_longer_than_the_limit() -> None:
    long = {
        f"{path}:{name}": count
        for path in sources()
        if not path.startswith(UNLIMITED)
        for name, count in functions(path)
        if count > FUNCTION_LIMIT
    }

    assert long == {}


def test_no_file_is_named_after_nothing() -> None:
    assert [path for path in sources() if FORBIDDEN_NAMES & set(Path(path).with_suffix("").parts)] == []


def test_nothing_of_our_own_is_mocked() -> None:
    mocking = re.compile(r"unittest\.mock|from unittest import mock|monkeypatch\.setattr|pytest_mock|mocker")

    assert [path for path in sources() if mocking.search((ROOT / path).read_text()) and path != _here()] == []


def test_only_settings_and_the_sandbox_read_the_environment() -> None:
    reading = re.compile(r"os\.environ|os\.getenv")
    allowed = ("settings.py", "sandbox/", "tests/", "benchmarks/")

    found = [path for path in sources() if reading.search((ROOT / path).read_text()) and not path.startswith(allowed)]

    assert found == []


def test_sql_stays_with_the_rows() -> None:
    assert [path for path in sources() if "sqlalchemy" in imports(path) and not path.startswith(SQL_LAYERS)] == []


@pytest.mark.parametrize("vendor", ["stripe"])
def test_a_vendor_sdk_is_imported_in_its_own_package_only(vendor: str) -> None:
    importers = [path for path in sources() if vendor in imports(path) and not path.startswith("tests/")]

    assert importers != []
    assert [path for path in importers if not path.startswith(f"providers/{vendor}/")] == []


def _here() -> str:
    return str(Path(__file__).relative_to(ROOT))
