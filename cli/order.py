"""`order`: look at orders as the database has them, or place one as a test through the API."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.answers import AsJson, answer
from cli.database import opened
from cli.settled import leave, settings
from db import event_tail
from db.queries import newest_orders, order_id_of, order_view
from domain.money import in_words
from domain.order_view import OrderView
from domain.orders import OrderStatus, Role
from domain.timeline import TimelineEntry, entry_of

_PASSWORD = "HOLDFAST_TEST_PASSWORD"  # noqa: S105 - a variable's name
_MOST = 1000


def show(
    order: Annotated[str, typer.Argument(help="An order's id (ord_…) or number (O-100001).")],
    as_json: AsJson = False,
) -> None:
    """One order with its payments and its life in words; exits with 1 if there is none."""
    told = settings()

    async def read() -> tuple[OrderView, list[TimelineEntry]] | None:
        async with opened(told) as database, database.transaction() as session:
            order_id = await order_id_of(session, order)
            view = None if order_id is None else await order_view(session, order_id)
            if view is None:
                return None
            logged = await event_tail.all_of_subject(session, view.id, _MOST)
        entries = [entry for each in logged if (entry := entry_of(each, Role.ADMIN, frozenset())) is not None]
        return view, entries

    found = asyncio.run(read())
    if found is None:
        typer.echo(f"There is no order {order}.", err=True)
        raise typer.Exit(1)
    view, entries = found
    if as_json:
        answer({**view.model_dump(mode="json"), "timeline": [each.model_dump(mode="json") for each in entries]})
    else:
        _show(view, entries)


def list_orders(
    status: Annotated[OrderStatus | None, typer.Option(help="Only those in a status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """Orders, newest first."""
    told = settings()

    async def read() -> list[OrderView]:
        async with opened(told) as database, database.transaction() as session:
            return await newest_orders(session, status, limit)

    views = asyncio.run(read())
    if as_json:
        answer([each.model_dump(mode="json") for each in views])
        return
    table = Table(box=None)
    for column in ("number", "id", "created", "status", "payment", "total"):
        table.add_column(column, no_wrap=True)
    for each in views:
        total = each.totals.total
        created = f"{each.created:%Y-%m-%d %H:%M}"
        money = in_words(total.amount, total.currency)
        table.add_row(each.number, each.id, created, each.status, each.payment_status, money)
    Console(highlight=False).print(table)


def try_out(
    email: Annotated[str, typer.Option(help="A buyer's.", prompt=True)],
    password: Annotated[
        str,
        typer.Option(
            help="Theirs; given here, all on the machine see it.", envvar=_PASSWORD, prompt=True, hide_input=True
        ),
    ],
    api: Annotated[str, typer.Option(help="Where the API is.")] = "http://127.0.0.1:8080",
    product: Annotated[str | None, typer.Option(help="What to buy; the newest in stock without it.")] = None,
    country: Annotated[str, typer.Option(help="Where to ship.")] = "US",
    keep: Annotated[bool, typer.Option(help="Leave the order open instead of cancelling it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Place an order with the provider's test card, see it paid, cancel it, and see the money back.

    It works against deployments in test mode only: the provider takes no test card in live mode.
    """
    try:
        from cli import purchase  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        leave(f"The package {missing.name} is not installed: install holdfast[sandbox].")
    console = Console(highlight=False, stderr=as_json)
    try:
        bought = purchase.made(purchase.Wanted(api, email, password, product, country, keep=keep), console)
    except purchase.NotAsItShould as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None
    console.print("The test order went as it should.", style="green")
    if as_json:
        answer(bought._asdict())


def _show(view: OrderView, entries: list[TimelineEntry]) -> None:
    console, total = Console(highlight=False), view.totals.total
    held = ", on hold" if view.held else ""
    console.print(f"[bold]{view.number}[/] {view.id}")
    console.print(f"{view.status}{held}, payment {view.payment_status}, {in_words(total.amount, total.currency)}")
    for line in view.lines:
        cost = in_words(line.total.amount, line.total.currency)
        console.print(f"  {line.quantity} of {line.name}: {cost}", markup=False)
    for payment in view.payments:
        console.print(f"payment {payment.number} {payment.id} by {payment.provider}: {payment.status}")
    for refund in view.refunds:
        amount = in_words(refund.amount.amount, refund.amount.currency)
        console.print(f"refund {refund.number} {refund.id}: {amount}, {refund.status}")
    console.print("[bold]What happened[/]")
    for each in entries:
        console.print(f"  {each.created:%Y-%m-%d %H:%M:%S} {each.sentence}", markup=False)
