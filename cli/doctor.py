"""`doctor`: what a deployment is missing, and how to mend it."""

import asyncio

import typer
from rich.console import Console
from rich.text import Text

from cli import checks
from cli.answers import AsJson, answer
from cli.checks import Found, State

_LOOKS = {State.RIGHT: ("ok", "green"), State.DOUBTFUL: ("look", "yellow"), State.WRONG: ("wrong", "red")}


def doctor(as_json: AsJson = False) -> None:
    """Look at settings, database, Temporal and provider; exits with 1 if something is wrong."""
    with Console(stderr=True).status("Looking"):
        found = asyncio.run(checks.everything())
    if as_json:
        answer([each.model_dump() for each in found])
    else:
        _show(found)
    raise typer.Exit(1 if any(each.state is State.WRONG for each in found) else 0)


def _show(found: list[Found]) -> None:
    console = Console(highlight=False)
    for each in found:
        word, colour = _LOOKS[each.state]
        console.print(Text(f"{word:>5}", colour), Text(f"{each.what}: {each.seen}"), soft_wrap=True)
        if each.mend:
            console.print(Text(f"      {each.mend}", "dim"), soft_wrap=True)
