"""The command line itself: which verbs there are, and where each of them is."""

import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

import cli

_VERBS: Mapping[str, str | Mapping[str, str]] = {
    "up": "cli.local:up",
    "demo": "cli.local:demo",
    "migrate": "cli.setup:migrate",
    "worker": "cli.deployment:worker",
    "api": "cli.deployment:api",
    "sweep": "cli.deployment:sweep",
    "seed": "cli.setup:seed",
    "verify": "cli.books:verify",
    "doctor": "cli.doctor:doctor",
    "replay": "cli.replay:replay",
    "reconcile": "cli.reconcile:reconcile",
    "order": {
        "show": "cli.order:show",
        "list": "cli.order:list_orders",
        "test": "cli.order:try_out",
    },
    "account": {
        "create": "cli.account:create",
        "erase": "cli.account:erase",
    },
    "chain": {
        "deploy": "cli.chain:deploy",
        "info": "cli.chain:info",
        "hand-over": "cli.chain:hand_over",
        "accept": "cli.chain:accept",
        "new-key": "cli.chain:new_key",
    },
}
_GROUPS = {
    "order": "Look at orders, or place one as a test.",
    "account": "Accounts, for whoever has the database.",
    "chain": "Our contracts on a chain.",
}


class _Verbs(Mapping[str, Any]):
    """Commands by name, each imported when it is asked for: every part of a deployment is a program that one of them
    starts, and all of them together take longer to import than most need to begin.
    """

    def __init__(self, places: Mapping[str, str | Mapping[str, str]]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer doesn't name the type of its commands
        match self._places[name]:
            case str(place):
                module, _, function = place.partition(":")
                only = typer.Typer(add_completion=False)
                only.command(name)(getattr(import_module(module), function))
                return typer.main.get_command(only)
            case verbs:
                return _Group(_Verbs(verbs), name=name, help=_GROUPS[name], no_args_is_help=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class _Group(TyperGroup):
    def __init__(self, verbs: _Verbs | None = None, **attributes: Any) -> None:  # noqa: ANN401 - as typer's own
        super().__init__(**attributes)
        self.commands = verbs or _Verbs(_VERBS)  # type: ignore[assignment]  # nobody adds one


app = typer.Typer(cls=_Group, help=cli.__doc__, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def holdfast() -> None:
    """Without a verb it does nothing."""


def main() -> None:
    """Leave without the interpreter's own shutdown: the SDK's threads abort it (temporalio/sdk-python issue 300)."""
    try:
        app()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
