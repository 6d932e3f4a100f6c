"""What people and machines are shown of an audit of the books."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from db.books_audit import Audit, Records
from domain.books import Invariant

LOOKED_AT = {
    Invariant.ENTRY_BALANCED: Records.ENTRIES,
    Invariant.LEDGER_SUMS_TO_ZERO: Records.POSTINGS,
    Invariant.GUARDED_BALANCE: Records.GUARDED_ACCOUNTS,
    Invariant.OPERATION_POSTED: Records.OPERATIONS,
    Invariant.CLEARING_AT_PROVIDER: Records.POSTINGS,
    Invariant.CUSTOMER_FUNDS_HELD: Records.POSTINGS,
    Invariant.SALE_POSTED: Records.PAYMENTS,
    Invariant.ONE_PAYMENT_PER_ORDER: Records.ORDERS,
    Invariant.KNOWN_TO_PROVIDER: Records.PAYMENTS,
    Invariant.KNOWN_TO_US: Records.PROVIDER_PAYMENTS,
    Invariant.SAME_CURRENCY: Records.PAYMENTS,
    Invariant.SAME_AMOUNTS: Records.PAYMENTS,
    Invariant.CHARGED_ONCE: Records.PAYMENTS,
    Invariant.REFUNDS_WITHIN_CAPTURES: Records.PAYMENTS,
    Invariant.STATUS_DERIVED: Records.PAYMENTS,
    Invariant.SHIPPED_MEANS_PAID: Records.PAYMENTS,
    Invariant.NOTHING_LEFT_OPEN: Records.PAYMENTS,
    Invariant.NOTHING_HELD_AFTER_END: Records.PAYMENTS,
    Invariant.STOCK_ON_HAND: Records.STOCK,
    Invariant.STOCK_HELD: Records.STOCK,
    Invariant.STOCK_IN_RANGE: Records.STOCK,
    Invariant.HOLDS_ENDED: Records.HOLDS,
    Invariant.DISCOUNT_USES_COUNTED: Records.DISCOUNT_USES,
    Invariant.DISCOUNT_USES_ENDED: Records.DISCOUNT_USES,
    Invariant.PLACED_LOGGED: Records.ORDERS,
    Invariant.EVENTS_LEGAL: Records.EVENTS,
    Invariant.EVENTS_IN_ORDER: Records.EVENTS,
    Invariant.CAPTURES_LOGGED: Records.PAYMENTS,
    Invariant.REFUNDS_LOGGED: Records.REFUNDS,
    Invariant.OPEN_MEANS_RUNNING: Records.ORDERS,
}


def document(audit: Audit) -> dict[str, Any]:
    """For machines: how many invariants were checked, what breaks them, and who was asked."""
    return {
        "checked": len(audit.checked),
        "breaches": [each.model_dump(mode="json") for each in audit.findings],
        "provider": audit.provider,
        "workflows": audit.workflows,
    }


def show(audit: Audit, console: Console) -> None:
    """A table of all invariants, a line for each breach, and the verdict."""
    console.print(_table(audit))
    for each in audit.findings:
        line = Text(f"  {each.invariant} {each.subject}: {each.sentence}", "red")
        # Ids stay whole: they are copied from here.
        console.print(line, soft_wrap=True)
    console.print(Text(verdict(audit), "bold green" if audit.right else "bold red"), soft_wrap=True)


def verdict(audit: Audit) -> str:
    match audit.provider, audit.workflows:
        case True, True:
            against = "against the provider's truth and Temporal's"
        case True, False:
            against = "against the provider's truth; Temporal was not asked"
        case False, True:
            against = "in our own books and against Temporal's; no provider was asked"
        case _:
            against = "in our own books; neither a provider nor Temporal was asked"
    if audit.right:
        return f"The books are right: {len(audit.checked)} invariants hold {against}."
    broken = len({each.invariant for each in audit.findings})
    return f"Something is off: {broken} of {len(audit.checked)} invariants are broken {against}."


def _table(audit: Audit) -> Table:
    breaches = Counter(each.invariant for each in audit.findings)
    table = Table(title="The books", title_justify="left")
    table.add_column("Invariant", no_wrap=True)
    table.add_column("Looked at", justify="right", no_wrap=True)
    table.add_column("Breaches", justify="right", no_wrap=True)
    for invariant in Invariant:
        if invariant not in audit.checked:
            table.add_row(Text(invariant, "dim"), Text("not checked", "dim"), Text("-", "dim"))
            continue
        records = LOOKED_AT[invariant]
        count = breaches[invariant]
        table.add_row(invariant, f"{audit.records[records]:,} {records}", Text(str(count), "red" if count else "green"))
    return table
