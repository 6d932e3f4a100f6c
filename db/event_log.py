"""The one writer of the event log; call it in the transaction that makes the fact."""

from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import new_id
from db.tables import EventRow
from domain.events import Event

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
