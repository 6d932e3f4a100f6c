"""The audit: our books against themselves, and the database's orders against Temporal's. It only opens incidents."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from db import commands, incidents
from db.books_audit import own_findings
from db.books_roll import having, mismatches
from db.session import Database
from domain.books import by_subject
from domain.incidents import IncidentKind
from domain.sweep import FORGOTTEN, Presence, Roll
from domain.values import Value

# How far back the very first audit looks for forgotten claims.
_FIRST = timedelta(hours=1)


class Look(Value):
    """`last` is when the audit before this one looked."""

    at: datetime
    last: datetime | None = None


class Audited(Value):
    """When an audit looked, and the incidents that it opened, by kind."""

    at: datetime
    opened: dict[IncidentKind, int]


class AuditActivities:
    def __init__(self, database: Database, roll: Roll) -> None:
        self._database = database
        self._roll = roll

    @activity.defn(name="audit.books")
    async def books(self, look: Look) -> dict[IncidentKind, int]:
        """An incident for every subject of which the books say what can't be."""
        # Judged in a thread: this loop has orders to carry on.
        findings = await asyncio.to_thread(own_findings, self._database.url)
        async with self._database.transaction() as session:
            return {
                IncidentKind.INVARIANT_BROKEN: await _report(
                    session, IncidentKind.INVARIANT_BROKEN, by_subject(findings), look
                )
            }

    @activity.defn(name="audit.roll")
    async def roll(self, look: Look) -> dict[IncidentKind, int]:
        """An incident for every open order without a running workflow, the reverse, and every forgotten claim."""
        since = (look.last or look.at - _FIRST) - FORGOTTEN
        async with self._database.transaction() as session:
            claims = await commands.forgotten(session, since, look.at - FORGOTTEN)
        seen = await mismatches(self._database, self._roll, look.at)
        kinds: dict[IncidentKind, Sequence[str]] = {
            IncidentKind.ORDER_WITHOUT_WORKFLOW: seen.lost,
            IncidentKind.WORKFLOW_OF_CLOSED_ORDER: seen.ended,
            IncidentKind.CLAIM_WITHOUT_WORKFLOW: await having(self._roll, claims, Presence.NONE),
        }
        async with self._database.transaction() as session:
            return {kind: await _report(session, kind, dict.fromkeys(found), look) for kind, found in kinds.items()}


async def _report(session: AsyncSession, kind: IncidentKind, found: Mapping[str, str | None], look: Look) -> int:
    return sum([await incidents.report(session, kind, each, look.at, details) for each, details in found.items()])
