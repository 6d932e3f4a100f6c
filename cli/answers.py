"""What a verb answers to machines: one JSON document on standard output, and nothing else there."""

import json
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def answer(document: object) -> None:
    typer.echo(json.dumps(document, indent=2))
