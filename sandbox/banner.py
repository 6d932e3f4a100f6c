"""What a person at the terminal sees of a stack: a line per event, then where to click."""

from pathlib import Path
from typing import assert_never

from rich.console import Console

from sandbox.ready import Ready
from sandbox.supervisor import Notice


class Banner:
    def __init__(self, console: Console) -> None:
        self._console = console

    def starting(self, directory: str) -> None:
        self._console.print(f"Holdfast starts in {directory}")

    def notice(self, name: str, notice: Notice, where: str) -> None:
        match notice:
            case Notice.READY | Notice.DONE:
                line = f"[green]{notice}[/]"
            case Notice.DIED:
                line = "[red]died[/], restarting"
            case Notice.RESTARTED:
                line = "[green]ready again[/]"
            case _:
                assert_never(notice)
        self._console.print(f"  {name:<9} {line}  {where}".rstrip())

    def welcome(self, ready: Ready, logs: Path) -> None:
        accounts = ready.accounts
        self._console.print("[bold]Holdfast is ready[/]")
        for what, where in (
            ("API", f"{ready.api}/docs"),
            ("Temporal Web UI", f"{ready.temporal.ui}/namespaces/{ready.temporal.namespace}/workflows"),
            ("Stripe simulator", f"{ready.stripe}/_sandbox/state"),
            ("Chain", f"{ready.chain.rpc} (id {ready.chain.chain_id})"),
            ("Mail inbox", ready.mail.inbox),
            ("Accounts", ", ".join(account.email for account in (accounts.admin, accounts.seller, accounts.buyer))),
            ("Password", accounts.buyer.password),
            ("Logs", str(logs)),
        ):
            self._console.print(f"  {what:<17} {where}", markup=False)
        self._console.print("Ctrl-C stops all.")

    def stopping(self) -> None:
        self._console.print("Stopping")

    def stopped(self) -> None:
        self._console.print("Stopped")
