"""`account`: accounts, for whoever has the database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from pydantic import EmailStr, TypeAdapter, ValidationError

from cli.database import opened
from cli.settled import new_password, settings
from db import staffing
from db.session import Database
from domain.errors import HoldfastError
from domain.orders import Role


def _email(given: str) -> str:
    try:
        return str(TypeAdapter(EmailStr).validate_python(given))
    except ValidationError:
        raise typer.BadParameter("This is no e-mail address") from None


def create(
    email: Annotated[str, typer.Option(callback=_email)],
    name: Annotated[str, typer.Option()],
    role: Annotated[Role, typer.Option(help="An administrator is made here, or by another one.")] = Role.ADMIN,
) -> None:
    """Make an account that is active at once; the password is asked for, or read from standard input."""
    _on_accounts(lambda database: staffing.create(database, email, name, role, new_password()))


def erase(account_id: str) -> None:
    """Erase the account of somebody who asked for it and can't log in."""
    _on_accounts(lambda database: staffing.erase(database, account_id))


def _on_accounts(act: Callable[[Database], Awaitable[str]]) -> None:
    """Say what came of it; a refusal exits with 1."""
    told = settings()

    async def acted() -> str:
        async with opened(told) as database:
            return await act(database)

    try:
        typer.echo(asyncio.run(acted()))
    except HoldfastError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from None
