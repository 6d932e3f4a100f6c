"""`reconcile`: after a restore, what the provider knows of payments that the database lost."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from cli.answers import AsJson, answer
from cli.database import opened
from cli.settled import leave, required, settings
from db import incidents
from db.books_since import compare, unsettled
from db.condition import DatabaseUnreadable
from db.session import Database
from domain.books import Finding, Invariant, by_subject
from domain.errors import HoldfastError
from domain.incidents import IncidentKind
from providers.stripe import NAME as STRIPE
from providers.stripe.statement import StripeStatement
from settings import Settings

_UNKNOWN_TO_US = IncidentKind.MONEY_MOVED_OUTSIDE


def reconcile(
    since: Annotated[datetime, typer.Option(help="UTC; some minutes before what the backup still has.")],
    report: Annotated[bool, typer.Option(help="Open an incident for each order that differs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the provider's payments with ours, before the workers start; exits with 1 if any differ.

    Those that were begun or refunded since a time, and those that were not at an end in the database.
    """
    told, at = settings(), since.replace(tzinfo=UTC)
    try:
        with Console(stderr=True).status("Reading the provider's payments"):
            found = asyncio.run(_compared(told, at, report=report))
    except (HoldfastError, DatabaseUnreadable) as problem:
        leave(str(problem))
    if as_json:
        answer({"since": at.isoformat(), "differences": [each.model_dump() for each in found]})
    else:
        _show(found)
    raise typer.Exit(1 if found else 0)


async def _compared(told: Settings, since: datetime, *, report: bool) -> tuple[Finding, ...]:
    statement = StripeStatement(
        required(told.stripe_api_key, "HOLDFAST_STRIPE_API_KEY"),
        api_base=told.stripe_api_base,
        timeout=(told.stripe_connect_timeout, told.stripe_read_timeout),
    )
    async with opened(told) as database:
        asked = await unsettled(database, STRIPE, since)
        truth = await asyncio.to_thread(statement.since, asked.since, asked.references)
        found = await compare(database, STRIPE, truth, since)
        if report:
            await _report(database, found)
    return found


async def _report(database: Database, found: tuple[Finding, ...]) -> None:
    async with database.transaction() as session:
        for subject, details in by_subject(found).items():
            if not await incidents.report(session, _UNKNOWN_TO_US, subject, datetime.now(UTC), details):
                typer.echo(f"{subject} has an open incident already, which stays as it was.", err=True)


def _show(found: tuple[Finding, ...]) -> None:
    console = Console(highlight=False)
    for each in found:
        console.print(f"  {each.subject}: {each.sentence}", style="red", soft_wrap=True, markup=False)
    lost = sum(each.invariant is Invariant.KNOWN_TO_US for each in found)
    if found:
        console.print(f"{len(found)} differences; {lost} payments are unknown to this database.")
    else:
        console.print("The provider's payments and ours agree.", style="green")
