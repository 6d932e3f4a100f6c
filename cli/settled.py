"""What most verbs begin with: the settings, or a plain word about what is missing, and a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import typer
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from db.session import Database
from settings import Settings


def settings() -> Settings:
    """The settings; leaves with 2 when they can't be read. Their own error text is not shown: it has the values."""
    problem = problem_of_settings()
    if problem is not None:
        leave(f"The settings could not be read: {problem}.")
    return Settings()


def problem_of_settings() -> str | None:
    """Which settings are missing or wrong, in words."""
    try:
        Settings()
    except ValidationError as wrong:
        return "missing or wrong: " + ", ".join(sorted({_named(each) for each in wrong.errors()}))
    except SettingsError as wrong:
        return str(wrong)
    return None


def _named(wrong: ErrorDetails) -> str:
    """The setting that is wrong by itself, or our own word about two that don't go together: it has no values."""
    return str(wrong["loc"][0]) if wrong["loc"] else wrong["msg"].removeprefix("Value error, ")


def required(secret: SecretStr | None, name: str) -> str:
    """Leaves with 2 when the secret is not set."""
    if secret is None:
        leave(f"{name} is not set")
    return secret.get_secret_value()


def leave(why: str) -> NoReturn:
    """End with 2: nothing was done."""
    typer.echo(why, err=True)
    raise typer.Exit(2)


@asynccontextmanager
async def opened(told: Settings, pool_size: int = 2) -> AsyncIterator[Database]:
    database = Database(told.database_url.get_secret_value(), pool_size=pool_size)
    try:
        yield database
    finally:
        await database.close()
