"""`make bench`: every ratio from interleaved slices of one run, the median of five; aims are printed beside it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks import measures as measure
from benchmarks.system import System, running_system

SLICES = 5
AT_ONCE = 1000
HOLDS = 20
_WARM_UP = 30
_MEDIAN, _P99 = 49, 98

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure: measured, beside what, aim; a slice yields both sides."""

    name: str
    aim: str
    slice: Callable[[System], Awaitable[Pair]]


async def _cpu_beside_empty(system: System) -> Pair:
    return (
        await measure.cpu_each(system, measure.checkout, 60, 8),
        await measure.cpu_each(system, measure.empty, 60, 8),
    )


async def _throughput_beside_noop(system: System) -> Pair:
    return (
        await measure.throughput(system, measure.checkout, 150, 32),
        await measure.throughput(system, measure.noop, 150, 32),
    )


async def _accept_beside_insert(system: System) -> Pair:
    accepted = await measure.latencies(system, measure.posted, 40, 1)
    inserted = await measure.latencies(system, measure.row_insert, 100, 1)
    return accepted[_MEDIAN], inserted[_MEDIAN]


async def _accept_with_tail(system: System) -> Pair:
    tailed = await measure.latencies(system, measure.tailed_checkout, 40, 1)
    plain = await measure.latencies(system, measure.checkout, 40, 1)
    return tailed[_MEDIAN], plain[_MEDIAN]


async def _spread(system: System) -> Pair:
    took = await measure.latencies(system, measure.posted, 320, 32)
    return took[_P99], took[_MEDIAN]


RATIOS = (
    Ratio("CPU of a card checkout / an empty workflow", "<= 3.0", _cpu_beside_empty),
    Ratio("throughput of checkouts / a no-op flow of the same shape", ">= 0.70", _throughput_beside_noop),
    Ratio("accept p50 / a bare row insert", "", _accept_beside_insert),
    Ratio("accept p50 with 3 x 50 ms behind it / without", "<= 1.4", _accept_with_tail),
    Ratio("accept p99 / p50 at 32 in flight", "<= 2", _spread),
)


async def _at_once(system: System) -> str:
    statuses = await asyncio.gather(*(measure.post_order(system) for _ in range(AT_ONCE)))
    refused = sum(status not in {201, 202} for status in statuses)
    for _ in range(1200):
        if await measure.unfinished(system) == 0:
            return (
                f"{AT_ONCE - refused} accepted, {statuses.count(201)} of them at once, all confirmed; {refused} failed"
            )
        await asyncio.sleep(0.1)
    return f"{await measure.unfinished(system)} of {AT_ONCE} not confirmed after two minutes; {refused} failed"


async def _hold_without_database(system: System) -> str:
    there, away = [[await measure.checked_out(system) for _ in range(HOLDS)] for _ in range(2)]
    beside = await measure.holds(system, there)
    await system.postgres.stop()
    alone = await measure.holds(system, away)
    return (
        f"{median(alone):.3f} s, the slowest of {HOLDS} {max(alone):.3f} s; "
        f"with it {median(beside):.3f} s, ratio {median(alone) / median(beside):.2f}"
    )


async def main() -> None:
    console = Console()
    table = Table("ratio", "median of five", "least", "most", "aim")
    async with running_system() as system:
        for one in (measure.empty, measure.noop, measure.checkout, measure.tailed_checkout, measure.posted):
            await measure.throughput(system, one, _WARM_UP, 8)
        seen: dict[str, list[float]] = {ratio.name: [] for ratio in RATIOS}
        for number in range(SLICES):
            for ratio in RATIOS:
                left, right = await ratio.slice(system)
                seen[ratio.name].append(left / right)
                console.print(f"slice {number + 1}: {ratio.name}: {left:.4g} / {right:.4g} = {left / right:.2f}")
        for ratio in RATIOS:
            values = seen[ratio.name]
            table.add_row(ratio.name, f"{median(values):.2f}", f"{min(values):.2f}", f"{max(values):.2f}", ratio.aim)
        console.print(table)
        console.print(f"{AT_ONCE} checkouts at once: {await _at_once(system)}")
        console.print(f"a hold while PostgreSQL is away: {await _hold_without_database(system)}")


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    # The SDK's threads can abort the interpreter's own shutdown (temporalio/sdk-python issue 300).
    os._exit(0)
