"""What operators do by hand, in the database: the audit of it, and what they have to look at."""

from datetime import datetime

from sqlalchemy import select
from temporalio import activity

from db import event_log, incidents, orders
from db.commands import Answering, keep_answer
from db.session import Database
from db.tables import EventRow, Request
from domain.events import Event, EventType
from domain.ids import OrderId
from domain.incidents import IncidentKind
from domain.orders import Command
from domain.values import Value


class HoldStep(Value):
    """An order was held, or released; `at` is when."""

    order_id: OrderId
    command: Command
    held: bool
    at: datetime


class Trouble(Value):
    """What a workflow can't mend by itself."""

    kind: IncidentKind
    subject: str
    details: str
    at: datetime


class RepairActivities:
    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="repair.report")
    async def report(self, trouble: Trouble) -> None:
        """Open an incident for a person; one that is open already is enough."""
        async with self._database.transaction() as session:
            await incidents.report(session, trouble.kind, trouble.subject, trouble.at, trouble.details)

    @activity.defn(name="repair.record_hold")
    async def record_hold(self, step: HoldStep) -> None:
        """Write down that the order stands still, or goes on again, and who said so; once for each command."""
        command, kind = step.command, EventType.ORDER_HELD if step.held else EventType.ORDER_RELEASED
        async with self._database.transaction() as session:
            order = await orders.lock(session, step.order_id)
            known = select(EventRow.id).where(
                EventRow.subject == order.id, EventRow.type == kind, EventRow.causation_id == command.request_id
            )
            if await session.scalar(known) is not None:
                return
            order.held, order.updated = step.held, step.at
            event_log.append(
                session,
                Event(
                    type=kind,
                    time=step.at,
                    subject=order.id,
                    data={"actor_id": command.actor_id, "reason": command.hold},
                    correlation_id=command.correlation_id,
                    causation_id=command.request_id,
                ),
            )
            # A command that was sent past the API, while that was down, has no claim to answer.
            if await session.get(Request, command.request_id) is not None:
                name = "hold" if step.held else "release"
                answering = Answering(request_id=command.request_id, order_id=order.id, name=name, at=step.at)
                await keep_answer(session, answering)
