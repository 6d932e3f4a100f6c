"""The command line itself: which verbs there are."""

import os
import sys

import typer

import cli
from cli import account, books, deployment, doctor, local, order, reconcile, replay, setup

app = typer.Typer(help=cli.__doc__, no_args_is_help=True, pretty_exceptions_enable=False)
orders = typer.Typer(help="Look at orders, or place one as a test.", no_args_is_help=True)
accounts = typer.Typer(help="Accounts, for whoever has the database.", no_args_is_help=True)

for verb in (
    local.up,
    local.demo,
    deployment.migrate,
    deployment.worker,
    deployment.api,
    deployment.sweep,
    setup.seed,
    books.verify,
    doctor.doctor,
    replay.replay,
    reconcile.reconcile,
):
    app.command()(verb)
orders.command("show")(order.show)
orders.command("list")(order.list_orders)
orders.command("test")(order.try_out)
accounts.command("create")(account.create)
accounts.command("erase")(account.erase)
app.add_typer(orders, name="order")
app.add_typer(accounts, name="account")


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
