"""Figures of the whole system that metrics show; they are read every some seconds, so each is a count over few rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import mails
from db.tables import Incident
from domain.incidents import IncidentKind


@dataclass(frozen=True, slots=True)
class Figures:
    open_incidents: Mapping[IncidentKind, int]
    closed_incidents: Mapping[IncidentKind, int]
    unsent_mails: int


async def figures(session: AsyncSession) -> Figures:
    still_open = Incident.closed.is_(None)
    counted = await session.execute(
        select(Incident.kind, func.count().filter(still_open), func.count().filter(~still_open)).group_by(Incident.kind)
    )
    rows = counted.all()
    return Figures(
        open_incidents={kind: opened for kind, opened, _ in rows},
        closed_incidents={kind: closed for kind, _, closed in rows},
        unsent_mails=await mails.unsent(session),
    )
