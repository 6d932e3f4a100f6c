"""Filling a deployment: `seed`."""

import asyncio
from typing import Annotated

import typer

from cli.settled import opened, required, settings
from db.seed import seed_demo


def seed(demo: Annotated[bool, typer.Option(help="Demo accounts, products and price tables.")] = False) -> None:
    """Fill an empty deployment."""
    told = settings()
    if not demo:
        return
    password = required(told.demo_password, "HOLDFAST_DEMO_PASSWORD")

    async def fill() -> None:
        async with opened(told) as database:
            await seed_demo(database, password)

    asyncio.run(fill())
