"""What most verbs begin with: the settings, or a plain word about what is missing."""

import sys
from typing import NoReturn, TypeVar

import typer
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsError

from settings import Settings

Read = TypeVar("Read", bound=BaseSettings)


def settings() -> Settings:
    return readable(Settings)


def readable(kind: type[Read]) -> Read:
    """The settings; leaves with 2 when they can't be read. Their own error text is not shown: it has the values."""
    problem = problem_of(kind)
    if problem is not None:
        leave(f"The settings could not be read: {problem}.")
    return kind()


def problem_of(kind: type[BaseSettings]) -> str | None:
    """Which settings are missing or wrong, in words."""
    try:
        kind()
    except ValidationError as wrong:
        missing = {_named(each, kind) for each in wrong.errors() if each["type"] == "missing"}
        others = {_named(each, kind) for each in wrong.errors()} - missing
        said = (("missing", missing), ("wrong", others))
        return "; ".join(f"{how}: {', '.join(sorted(which))}" for how, which in said if which)
    except SettingsError as wrong:
        return str(wrong)
    return None


def _named(wrong: ErrorDetails, kind: type[BaseSettings]) -> str:
    """The variable that is wrong by itself, or our own word about two that don't go together: it has no values."""
    if not wrong["loc"]:
        return wrong["msg"].removeprefix("Value error, ")
    name = str(wrong["loc"][0])
    return f"{kind.model_config['env_prefix']}{name}".upper() if name in kind.model_fields else name


def required(secret: SecretStr | None, name: str) -> str:
    """Leaves with 2 when the secret is not set."""
    if secret is None:
        leave(f"{name} is not set")
    return secret.get_secret_value()


def new_password() -> str:
    """Never an argument: those are seen by everybody on the machine."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def leave(why: str) -> NoReturn:
    """End with 2: nothing was done."""
    typer.echo(why, err=True)
    raise typer.Exit(2)
