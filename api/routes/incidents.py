"""Incidents (O7): listed for staff, closed with a word about what was done."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, StringConstraints
from sqlalchemy import select

from api.deps import Admin, Wired, now
from api.lists import Page, Paging, page_of
from api.schemas import Sent
from db import incidents
from db.tables import Incident
from domain.ids import IncidentId
from domain.incidents import IncidentKind, IncidentView
from domain.values import TEXT, WORD

router = APIRouter(prefix="/v1/incidents", tags=["Incidents"])


class IncidentFilter(BaseModel):
    open: bool | None = Query(default=None, description="Only open ones, or only closed ones.")
    kind: IncidentKind | None = Query(default=None)
    subject: str | None = Query(default=None, max_length=64, pattern=TEXT, description="The id of what they are about.")


class CloseRequest(Sent):
    """`note` says what was found and done; it stays with the incident."""

    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=WORD)]


@router.get("", operation_id="listIncidents")
async def list_incidents(
    caller: Admin,  # noqa: ARG001 - the role is what matters
    wired: Wired,
    paging: Paging,
    wanted: Annotated[IncidentFilter, Query()],
) -> Page[IncidentView]:
    """Incidents, newest first."""
    query = select(Incident.id)
    if wanted.open is not None:
        query = query.where(Incident.closed.is_(None) if wanted.open else Incident.closed.is_not(None))
    if wanted.kind is not None:
        query = query.where(Incident.kind == wanted.kind)
    if wanted.subject is not None:
        query = query.where(Incident.subject == wanted.subject)
    async with wired.database.transaction() as session:
        return await page_of(session, query, Incident.id, paging, partial(incidents.views, session))


@router.post("/{incident_id}/close", operation_id="closeIncident", responses={409: {}})
async def close_incident(incident_id: IncidentId, body: CloseRequest, caller: Admin, wired: Wired) -> IncidentView:
    """Close an incident; the sweep opens another if it finds the same again."""
    async with wired.database.transaction() as session:
        return await incidents.close(session, incident_id, actor_id=caller.account_id, note=body.note, at=now())
