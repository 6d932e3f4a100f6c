"""A deployment's database, before anything runs: `migrate` and `seed`."""

import asyncio
from typing import Annotated

import typer

from cli.answers import AsJson, answer
from cli.database import opened
from cli.settled import required, settings
from db.migrate import upgrade
from db.seed import DEMO_ACCOUNTS, seed_demo


def migrate() -> None:
    """Bring the database to the newest schema."""
    told = settings()
    upgrade((told.migration_database_url or told.database_url).get_secret_value())


def seed(
    demo: Annotated[bool, typer.Option(help="Demo accounts, products and price tables.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fill an empty deployment."""
    if not demo:
        raise typer.BadParameter("say what to fill it with: --demo")
    told = settings()
    password = required(told.demo_password, "HOLDFAST_DEMO_PASSWORD")

    async def fill() -> int:
        async with opened(told) as database:
            return await seed_demo(database, password)

    products = asyncio.run(fill())
    if as_json:
        answer({"accounts": DEMO_ACCOUNTS, "products": products})
    else:
        typer.echo(f"{products} products were added; the accounts are {', '.join(DEMO_ACCOUNTS.values())}.")
