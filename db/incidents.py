"""The one writer of incidents."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import new_id
from db.tables import Incident
from domain.errors import IncidentClosed, ResourceNotFound
from domain.incidents import IncidentKind, IncidentView


async def report(
    session: AsyncSession, kind: IncidentKind, subject: str, at: datetime, details: str | None = None
) -> bool:
    """Open an incident; False when one of its kind about the subject is open already.

    `details` say what was seen, in ids and amounts.
    """
    added = await session.scalar(
        insert(Incident)
        .values(id=new_id("inc"), kind=kind, subject=subject, opened=at, details=details)
        .on_conflict_do_nothing()
        .returning(Incident.id)
    )
    return added is not None


async def close(session: AsyncSession, incident_id: str, *, actor_id: str, note: str, at: datetime) -> IncidentView:
    """Raises ResourceNotFound, or IncidentClosed when somebody closed it before."""
    row = await session.get(Incident, incident_id, with_for_update=True)
    if row is None:
        raise ResourceNotFound(resource="incident", id=incident_id)
    if row.closed is not None:
        raise IncidentClosed(id=incident_id)
    row.closed, row.closed_by, row.note = at, actor_id, note
    return IncidentView.model_validate(row)


async def settle(
    session: AsyncSession, kind: IncidentKind, subject: str, actor_id: str, note: str, at: datetime
) -> None:
    """Close the open incident of a kind about a subject, if there is one: what it was about is done."""
    await session.execute(
        update(Incident)
        .where(Incident.kind == kind, Incident.subject == subject, Incident.closed.is_(None))
        .values(closed=at, closed_by=actor_id, note=note)
    )


async def views(session: AsyncSession, ids: Sequence[str]) -> list[IncidentView]:
    """The incidents with these ids, in the given order."""
    rows = await session.scalars(select(Incident).where(Incident.id.in_(ids)))
    found = {row.id: IncidentView.model_validate(row) for row in rows}
    return [found[each] for each in ids if each in found]
