"""Two things at once on one order: what each may be refused for, and what the order must come to."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import httpx2
from temporalio.service import RPCError, RPCStatusCode

from domain.books import ProviderPayment
from domain.orders import Role
from tests.support.arena import Arena, answered, eventually, same
from workflows.names import order_workflow_id

One = TypeVar("One")
Other = TypeVar("Other")

# One shackle at 19.99, 7.25 % tax on it, 5.00 shipping.
TOTAL = 2644
# How many races are run beside each other.
_AT_ONCE = 10
# The one alone, and the other after its answer: no race, but both outcomes are seen in it for sure.
IN_TURN = (math.inf, -math.inf)


@dataclass(frozen=True, slots=True)
class End:
    """What an order comes to: its statuses and reason, and the provider's truth of its one payment."""

    status: str
    payment_status: str
    reason: str | None = None
    sold: int = 0
    money: Mapping[str, int] = field(default_factory=dict)

    @property
    def truth(self) -> ProviderPayment:
        nothing = dict.fromkeys(("authorized", "captured", "refunded", "voided", "captures", "refunds"), 0)
        return ProviderPayment(currency="USD", intents=1, **{**nothing, **self.money})

    async def reached(self, arena: Arena, order_id: str) -> None:
        """Wait for the end; its reason, its refunds and the provider's money are exactly what they should be."""
        order = await arena.until(order_id, status=self.status, payment_status=self.payment_status)
        assert order["cancel_reason"] == self.reason, order
        assert [each["status"] for each in order["refunds"]] == ["completed"] * self.truth.refunds, order
        known = await arena.truth(order_id)
        assert known.items() >= self.truth.model_dump().items(), known


_TAKEN = {"authorized": TOTAL, "captured": TOTAL, "captures": 1}
SOLD = End("completed", "completed", sold=1, money=_TAKEN)


def refunded(reason: str = "requested") -> End:
    return End("cancelled", "refunded", reason, money={**_TAKEN, "refunded": TOTAL, "refunds": 1})


def released(reason: str = "requested") -> End:
    return End("cancelled", "cancelled", reason, money={"authorized": TOTAL, "voided": TOTAL})


def unpaid(reason: str = "expired") -> End:
    return End("cancelled", "cancelled", reason)


@dataclass(frozen=True, slots=True)
class Command:
    """A person's command over REST, and what it may be refused for when another was faster.

    `later` tells that the other is no hindrance once it is done: then `order_busy` is the only refusal.
    """

    verb: str
    who: Role
    refused: frozenset[str]
    later: bool = False

    async def say(self, arena: Arena, order_id: str, key: str) -> httpx2.Response:
        """The final answer: the call is repeated with its key until there is one."""
        return await answered(lambda: arena.command(order_id, self.verb, self.who, key, **self._body))

    async def won(self, arena: Arena, order_id: str, key: str, answer: httpx2.Response) -> bool:
        """Whether it was done. A final answer is the same when it is asked for again; `order_busy` is not final."""
        again = await arena.insist(order_id, self.verb, self.who, key, **self._body)
        if answer.status_code == 200 or self._reason(answer) != "order_busy":
            assert same(answer, again), (answer.text, again.text)
            return answer.status_code == 200
        if self.later:
            assert again.status_code == 200, again.text
        else:
            self._reason(again)
        return self.later

    @property
    def _body(self) -> dict[str, Any]:
        return {"payment": {"method": "card", "payment_method_id": "pm_card_visa"}} if self.verb == "pay" else {}

    def _reason(self, answer: httpx2.Response) -> str:
        """Why it was refused: a problem with one of the reasons that it may have."""
        assert answer.status_code == 409, f"{self.verb}: {answer.status_code} {answer.text}"
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["code"] in self.refused, f"{self.verb}: {problem}"
        assert problem["detail"], problem
        return str(problem["code"])


@dataclass(frozen=True, slots=True)
class TemporalCancel:
    """An operator's cancel in Temporal's own UI or CLI; its answer is what becomes of the order."""

    async def say(self, arena: Arena, order_id: str, key: str) -> None:  # noqa: ARG002 - Temporal takes no key
        try:
            await arena.temporal.get_workflow_handle(order_workflow_id(order_id)).cancel()
        except RPCError as error:
            # It has ended.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        await arena.until(order_id, status="cancelled")


Draw = Callable[[Random], float]


def moments(seed: str, count: int, draw: Draw) -> list[float]:
    draws = Random(seed)  # noqa: S311 - replayable on purpose
    return [draw(draws) for _ in range(count)]


async def apart(
    first: Callable[[], Awaitable[One]], second: Callable[[], Awaitable[Other]], seconds: float
) -> tuple[One, Other]:
    """Do both, the second so many seconds after the first, or before it; infinity waits for the other's answer."""
    if seconds == math.inf:
        return await first(), await second()
    if seconds == -math.inf:
        answer = await second()
        return await first(), answer
    return await asyncio.gather(_after(-seconds, first), _after(seconds, second))


async def _after(seconds: float, what: Callable[[], Awaitable[One]]) -> One:
    await asyncio.sleep(max(0.0, seconds))
    return await what()


async def all_of(seed: str, races: Sequence[Callable[[], Awaitable[One]]]) -> list[One]:
    """What the races came to, in order, some run at the same time; the seed is told with what fails."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def run(number: int, race: Callable[[], Awaitable[One]]) -> One:
        async with free:
            try:
                return await race()
            except Exception as problem:
                problem.add_note(f"seed {seed}, race {number}")
                raise

    return await asyncio.gather(*(run(number, race) for number, race in enumerate(races)))


async def bring_to_its_end(arena: Arena, order_id: str) -> None:
    """What was paid is shipped, and what was shipped is delivered; an order that has ended is left alone."""
    order: dict[str, Any] = await arena.order(order_id)
    if order["status"] == "confirmed":
        order = (await arena.insist(order_id, "ship", Role.SELLER)).json()
    if order["status"] == "shipped":
        delivered = await arena.insist(order_id, "deliver")
        assert delivered.status_code == 200, delivered.text


async def expect_all_closed(arena: Arena) -> None:
    """Every workflow comes to its own end: none is left running, none failed."""

    async def closed() -> bool:
        return (await arena.temporal.count_workflows("ExecutionStatus = 'Running'")).count == 0

    await eventually(closed)
    assert (await arena.temporal.count_workflows("ExecutionStatus != 'Completed'")).count == 0


async def expect_exact(arena: Arena, product: str, on_hand: int, ends: Sequence[End]) -> None:
    """The books agree with the provider, the shelf has what was not sold, and every workflow is closed."""
    await expect_all_closed(arena)
    _, findings = await arena.audit()
    assert findings == ()
    shelf = await arena.get(f"/v1/products/{product}")
    assert shelf["stock"] == on_hand - sum(end.sold for end in ends)
