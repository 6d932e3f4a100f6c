"""What a verb answers to machines: one JSON document on standard output, and nothing else there."""

from typing import Annotated

import typer
from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def answer(document: object) -> None:
    Console().print_json(data=document)
