"""Everything at once on this machine: `up` and `demo`. The sandbox is an extra that a deployment goes without."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer


def up(
    data_dir: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path(".holdfast"),
    ephemeral: Annotated[bool, typer.Option(help="Keep nothing.")] = False,
    free_ports: Annotated[bool, typer.Option(help="Pick free ports, so that several can run side by side.")] = False,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written when all is ready: addresses, accounts, pids.")
    ] = None,
) -> None:
    """Run everything on this machine: database, Temporal with its Web UI, chain, Stripe simulator, worker and API."""
    from sandbox import stack  # noqa: PLC0415 - an extra
    from sandbox.errors import StackError  # noqa: PLC0415 - as above

    options = stack.StackOptions(data_dir=data_dir, ephemeral=ephemeral, free_ports=free_ports, ready_file=ready_file)
    try:
        asyncio.run(stack.up(options))
    except StackError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None


def demo(keep: Annotated[bool, typer.Option(help="Keep it running at the end, until Ctrl-C.")] = False) -> None:
    """Play orders, failures and all, on a stack of their own, and check the books; exits with 1 if anything is off."""
    from sandbox.demo import play  # noqa: PLC0415 - an extra
    from sandbox.errors import StackError  # noqa: PLC0415 - as above

    try:
        status = asyncio.run(play.demo(keep=keep))
    except StackError as problem:
        typer.echo(str(problem), err=True)
        status = 1
    raise typer.Exit(status)
