"""What stands in the database while the order's workflow does not know of it: its worker died in between."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from activities.attempts import AttemptActivities, OpenAttempt
from activities.cancellation import Cancellation, CancellationActivities
from activities.fulfilment import FulfilmentActivities, FulfilmentStep
from activities.parts import CallOff, PartActivities
from activities.sweep import Sweep, SweepActivities, Swept
from db.ids import new_id
from db.tables import Request
from domain.orders import CancelReason, Command, Role
from tests.support.arena import Arena
from workflows.waking import TemporalWaker

SHIPMENT = {"carrier": "DHL", "tracking_number": "JD01"}
# As old as a claim must be before a sweep takes it up.
OLD = timedelta(seconds=31)
# As one of a moment ago.
YOUNG = timedelta(0)

Fact = Callable[[Arena, str, Command], Awaitable[Any]]


async def sweep(arena: Arena) -> Swept:
    return await SweepActivities(arena.database, TemporalWaker(arena.temporal)).orders(Sweep(at=datetime.now(UTC)))


async def owed(arena: Arena) -> list[str]:
    async with arena.database.transaction() as session:
        query = select(Request.verb).where(Request.owed, Request.verb.is_not(None))
        return [str(verb) for verb in await session.scalars(query)]


async def claimed(
    arena: Arena, order: str, verb: str, who: Role = Role.ADMIN, age: timedelta = OLD, **fields: Any
) -> Command:
    """A command's claim, as the API leaves it when it dies before it knows how the command ended."""
    request, caller = new_id("req"), arena.people[who]
    command = Command(request_id=request, actor_id=caller, role=who, correlation_id="lost", **fields)
    async with arena.database.transaction() as session:
        session.add(
            Request(
                id=request,
                account_id=caller,
                route=f"POST /v1/orders/{order}/{verb}",
                key=request,
                fingerprint=b"",
                resource_id=order,
                body=SHIPMENT,
                verb=verb,
                command=command.model_dump(mode="json"),
                owed=True,
                created=datetime.now(UTC) - age,
            )
        )
    return command


def step_of(order: str, command: Command) -> FulfilmentStep:
    return FulfilmentStep(order_id=order, command=command, at=datetime.now(UTC))


async def shipped(arena: Arena, order: str, command: Command) -> None:
    await FulfilmentActivities(arena.database).ship(step_of(order, command))


async def delivered(arena: Arena, order: str, command: Command) -> None:
    await FulfilmentActivities(arena.database).deliver(step_of(order, command))


def cancellation(order: str, command: Command | None) -> Cancellation:
    return Cancellation(
        order_id=order,
        reason=CancelReason.REQUESTED,
        restock=True,
        request_id=None if command is None else command.request_id,
        correlation_id="lost",
        at=datetime.now(UTC),
    )


async def ended(arena: Arena, order: str, command: Command | None = None) -> None:
    await CancellationActivities(arena.database).finish(cancellation(order, command))


async def refund_approved(arena: Arena, order: str, command: Command) -> None:
    assert (await CancellationActivities(arena.database).begin(cancellation(order, command))).refund is not None


async def cancelled(arena: Arena, order: str, command: Command) -> None:
    await refund_approved(arena, order, command)
    await ended(arena, order, command)


async def called_off(arena: Arena, order: str, command: Command) -> None:
    step = CallOff(order_id=order, command=command, at=datetime.now(UTC))
    assert (await PartActivities(arena.database).call_off(step)).refund is not None


async def attempt_opened(arena: Arena, order: str, command: Command) -> None:
    step = OpenAttempt(order_id=order, command=command, number=2, at=datetime.now(UTC))
    await AttemptActivities(arena.database).open(step)


async def nothing(arena: Arena, order: str, command: Command) -> None:
    """The worker had not begun."""
