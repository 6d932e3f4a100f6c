"""`verify`: the books against themselves, against Temporal, and against the Stripe simulator's own truth."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from cli.answers import AsJson, answer
from cli.settled import problem_of
from db.books_audit import Audit, BooksUnreadable, audit
from db.books_report import document, show
from domain.books import ProviderTruth
from domain.errors import WorkflowsUnavailable
from providers.stripe import NAME as STRIPE
from settings import Settings
from workflows.connecting import connect
from workflows.roll import TemporalRoll


def verify(
    as_json: AsJson = False,
    stripe_truth: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Compare with the Stripe simulator at this address, on loopback and while nothing is under way; "
            "without it only our own books are checked.",
        ),
    ] = None,
    workflows: Annotated[
        bool, typer.Option(help="Compare the open orders with the workflows that run, as Temporal tells.")
    ] = True,
) -> None:
    """Check the books and change nothing; exits with 1 if anything is off, with 2 if they could not be read."""
    try:
        with Console(stderr=True).status("Checking the books"):
            audited = asyncio.run(_audit(stripe_truth, workflows=workflows))
    except BooksUnreadable as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(2) from None
    if as_json:
        answer(document(audited))
    else:
        show(audited, Console(highlight=False))
    raise typer.Exit(0 if audited.right else 1)


async def _audit(stripe_url: str | None, *, workflows: bool) -> Audit:
    """Raises BooksUnreadable, also for settings or packages that are missing."""
    problem = problem_of(Settings)
    if problem is not None:
        raise BooksUnreadable("The settings", problem)
    truths = {} if stripe_url is None else {STRIPE: await _stripe_truth(stripe_url)}
    try:
        roll = TemporalRoll(await connect()) if workflows else None
        return await audit(Settings().database_url.get_secret_value(), truths, roll)
    except (RuntimeError, WorkflowsUnavailable) as failure:
        why = "Temporal does not answer; --no-workflows leaves it out"
        raise BooksUnreadable("The list of workflows", why) from failure


async def _stripe_truth(url: str) -> ProviderTruth:
    try:
        from sandbox.books_truth import stripe_truth  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        package = str(missing.name).partition(".")[0]
        why = f"the package {package} is not installed: install holdfast[sandbox]"
        raise BooksUnreadable("The provider's truth", why) from None
    return await stripe_truth(url)
