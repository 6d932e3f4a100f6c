"""The one writer of the event log; call it in the transaction that makes the fact."""

from typing import Any

from sqlalchemy import ColumnElement, Insert, bindparam, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import new_id
from db.tables import EventRow
from domain.events import Cause, Event, EventType

SOURCE = "holdfast"


def append(session: AsyncSession, *events: Event) -> None:
    """Add events to the log, in their order, when the transaction commits."""
    session.add_all(
        EventRow(
            id=new_id("evt"),
            type=event.type,
            version=event.version,
            time=event.time,
            source=SOURCE,
            subject=event.subject,
            data=event.data,
            correlation_id=event.correlation_id,
            causation_id=event.causation_id,
        )
        for event in events
    )


def appended_when(fact: ColumnElement[bool], kind: EventType, data: ColumnElement[Any]) -> Insert:
    """The event as a part of the statement that makes the fact, appended when it is one; takes `event_parameters`."""
    columns = EventRow.__table__.c
    given = {
        name: bindparam(f"event_{name}", type_=columns[name].type)
        for name in ("id", "time", "subject", "correlation_id", "causation_id")
    }
    known = {"type": literal(kind.value), "version": literal(1), "source": literal(SOURCE), "data": data}
    return insert(EventRow).from_select([*given, *known], select(*given.values(), *known.values()).where(fact))


def event_parameters(subject: str, cause: Cause) -> dict[str, Any]:
    return {
        "event_id": new_id("evt"),
        "event_time": cause.at,
        "event_subject": subject,
        "event_correlation_id": cause.correlation_id,
        "event_causation_id": cause.causation_id,
    }
