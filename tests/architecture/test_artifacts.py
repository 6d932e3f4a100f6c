"""The compiled contracts are what their sources say, byte for byte, and fit onto a chain."""

import json
import os
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from contracts import Name, artifact

CONTRACTS = Path(__file__).parents[2] / "contracts"
ARTIFACTS = CONTRACTS / "artifacts"
FORGE = CONTRACTS / "node_modules/.bin/forge"
NAMES: tuple[str, ...] = get_args(Name)
# EIP-170.
LARGEST = 24_576


def test_what_is_committed_is_what_the_sources_compile_to(tmp_path: Path) -> None:
    # The sources alone, in a directory that holds nothing of an earlier run.
    subprocess.run(
        [FORGE, "build", "--quiet", "--out", tmp_path, "--cache-path", tmp_path / "cache"],
        cwd=CONTRACTS,
        env={**os.environ, "FOUNDRY_TEST": "none"},
        check=True,
    )
    for name in NAMES:
        made = json.loads((tmp_path / f"{name}.sol" / f"{name}.json").read_text())
        kept = {"abi": made["abi"], "bytecode": made["bytecode"]["object"]}
        current = json.dumps(kept, indent=1) + "\n"
        if os.environ.get("HOLDFAST_RECORD"):
            (ARTIFACTS / f"{name}.json").write_text(current)

        assert (ARTIFACTS / f"{name}.json").read_text() == current, f"{name}: run `make contracts`"


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_is_no_larger_than_a_chain_takes(name: Name) -> None:
    # The constructor's part is in it too, so what is kept on the chain is smaller still.
    assert len(bytes.fromhex(artifact(name).bytecode.removeprefix("0x"))) <= LARGEST
