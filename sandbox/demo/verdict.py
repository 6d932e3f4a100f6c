"""Whether everything in a demo was as it should be: each scenario, the money at the end, and the books."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client

from db.books import check
from db.books_roll import mismatches
from db.session import Database
from domain.books import Finding, Invariant, ProviderTruth
from sandbox.demo.post import misdelivered
from sandbox.demo.world import Ending, disagreement
from sandbox.ready import Ready
from workflows.roll import TemporalRoll

_STRIPE = "stripe"


@dataclass(frozen=True)
class Played:
    """A scenario that was played: its ending, or why it has none."""

    name: str
    seconds: float
    ending: Ending | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Verdict:
    played: Sequence[Played]
    moved: Sequence[str]
    findings: Sequence[Finding]
    misdelivered: Sequence[str] = ()

    @property
    def right(self) -> bool:
        return bool(self.played) and not self.problems

    @property
    def problems(self) -> list[str]:
        failed = [f"{each.name}: {each.failure or 'it has no ending'}" for each in self.played if each.ending is None]
        books = [f"{each.invariant} {each.subject}: {each.sentence}" for each in self.findings]
        return [*failed, *self.moved, *books, *self.misdelivered]

    @property
    def sentence(self) -> str:
        good = sum(each.ending is not None for each in self.played)
        scenarios = f"{good} of {len(self.played)} scenarios ended as expected"
        if self.right:
            against = "against the provider's truth and Temporal's"
            return f"The books are right: {scenarios}, and {len(Invariant)} invariants hold {against}."
        return f"Something is off: {scenarios}; problems told above: {len(self.problems)}."


async def judge(played: Sequence[Played], ready: Ready, truth: ProviderTruth) -> Verdict:
    """Check the books of the database against the provider's truth and Temporal's, and once more what each scenario
    expects of it.

    And that its buyer was told of each order by mail.
    """
    database = Database(ready.database, pool_size=2)
    try:
        findings = await check(database, {_STRIPE: truth})
        temporal = await Client.connect(ready.temporal.address, namespace=ready.temporal.namespace)
        unmatched = await mismatches(database, TemporalRoll(temporal), datetime.now(UTC))
    finally:
        await database.close()
    orders = [each.ending.order for each in played if each.ending is not None]
    # Orders of scenarios without an ending have mails that nobody can foretell.
    mails = await misdelivered(ready, orders) if len(orders) == len(played) else ()
    return Verdict(
        played=played,
        moved=tuple(_moved(played, truth)),
        findings=(*findings, *unmatched.findings()),
        misdelivered=mails,
    )


def _moved(played: Sequence[Played], truth: ProviderTruth) -> Iterator[str]:
    """Money that moved after its scenario had ended, or that belongs to none."""
    endings = [each.ending for each in played if each.ending is not None]
    for ending in endings:
        told = truth.payments.get(ending.order.id)
        if told != ending.money:
            yield disagreement(ending.order, ending.money, told)
    if len(endings) == len(played):
        for stranger in sorted(truth.payments.keys() - {ending.order.id for ending in endings}):
            yield f"the provider has a payment for {stranger}, which no scenario made"
