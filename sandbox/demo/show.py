"""What a person sees of the demo: a line a scenario, the table at the end, and the verdict."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from domain.money import in_words
from sandbox.demo.verdict import Played, Verdict

# A log has no edge to fold at: links stay whole.
_WIDTH_WITHOUT_TERMINAL = 220


def open_console() -> Console:
    width = None if Console().is_terminal else _WIDTH_WITHOUT_TERMINAL
    return Console(highlight=False, width=width)


class Show:
    def __init__(self, console: Console, scenarios: int) -> None:
        self._console = console
        self._scenarios = scenarios

    def under_way(self, number: int, name: str) -> AbstractContextManager[Status]:
        return self._console.status(self._line(number, name))

    def tell(self, number: int, name: str, story: str) -> None:
        line = self._line(number, name)
        line.append(f": {story}", "dim")
        self._console.print(line)

    def played(self, number: int, played: Played) -> None:
        line = self._line(number, played.name)
        if played.ending is not None:
            line.append(": as expected", "green")
            line.append(f", {played.ending.outcome}")
        else:
            line.append(": NOT as expected", "bold red")
            line.append(f", {played.failure}")
        line.append(f" ({played.seconds:.1f} s)", "dim")
        self._console.print(line)

    def end(self, verdict: Verdict) -> None:
        self._console.print(_table(verdict.played))
        if verdict.right:
            self._console.print("  The buyer was told of every order by mail, of each thing once.")
        for problem in verdict.problems:
            self._console.print(Text(f"  {problem}", "red"))
        self._console.print(Text(verdict.sentence, "bold green" if verdict.right else "bold red"))

    def _line(self, number: int, name: str) -> Text:
        return Text(f"  {number}/{self._scenarios} {name}")


def _table(every: Sequence[Played]) -> Table:
    table = Table(title="What happened", title_justify="left")
    table.add_column("Order", no_wrap=True)
    table.add_column("Scenario")
    table.add_column("Outcome")
    table.add_column("Amount", justify="right", no_wrap=True)
    table.add_column("Workflow", overflow="fold")
    for played in every:
        if played.ending is None:
            table.add_row("-", played.name, Text("not as expected", "red"), "-", "-")
            continue
        order = played.ending.order
        where = order.workflow.url or order.workflow.id if order.workflow else "-"
        link = Text(where, f"link {where}")
        total = in_words(order.totals.total.amount, order.totals.total.currency)
        table.add_row(order.number, played.name, Text(played.ending.outcome), total, link)
    return table
