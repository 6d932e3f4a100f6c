"""The contracts as they were compiled: what Python calls and deploys. Committed; `make contracts` writes them anew."""

import json
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

Name = Literal["Escrow", "Anchor", "TestToken"]


class Artifact(NamedTuple):
    """A contract's interface, and the bytecode that deploys it, in hexadecimal with 0x."""

    abi: list[dict[str, Any]]
    bytecode: str


@cache
def artifact(name: Name) -> Artifact:
    read = json.loads(files(__name__).joinpath("artifacts", f"{name}.json").read_text())
    return Artifact(read["abi"], read["bytecode"])
