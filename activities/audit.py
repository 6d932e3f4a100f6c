"""The audit: our books against themselves, and the database's orders against Temporal's. It only opens incidents."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from db import commands, incidents, orders
from db.books_audit import own_findings
from db.session import Database
from domain.incidents import IncidentKind
from domain.sweep import FORGOTTEN, Presence, Roll
from domain.values import Value

# How far back the very first audit looks for forgotten claims.
_FIRST = timedelta(hours=1)
# What a workflow may take from the end of its order to its own.
_LINGERS = timedelta(minutes=10)


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
        found = {each.subject: f"{each.invariant}: {each.sentence}" for each in findings}
        async with self._database.transaction() as session:
            return {IncidentKind.INVARIANT_BROKEN: await _report(session, IncidentKind.INVARIANT_BROKEN, found, look)}

    @activity.defn(name="audit.roll")
    async def roll(self, look: Look) -> dict[IncidentKind, int]:
        """An incident for every open order without a running workflow, the reverse, and every forgotten claim."""
        since = (look.last or look.at - _FIRST) - FORGOTTEN
        async with self._database.transaction() as session:
            open_orders = await orders.open_ids(session)
            claims = await commands.forgotten(session, since, look.at - FORGOTTEN)
        running = await self._roll.running()
        # The list is some moments behind, and orders go on meanwhile: each difference is looked at once more.
        lost = await self._having(open_orders - running, Presence.NONE, Presence.CLOSED)
        left = await self._having(running - open_orders, Presence.RUNNING)
        never_began = await self._having(claims, Presence.NONE)
        async with self._database.transaction() as session:
            still = await orders.open_ids(session)
            kinds = {
                IncidentKind.ORDER_WITHOUT_WORKFLOW: [order for order in lost if order in still],
                IncidentKind.WORKFLOW_OF_CLOSED_ORDER: await orders.ended_before(session, left, look.at - _LINGERS),
                IncidentKind.CLAIM_WITHOUT_WORKFLOW: never_began,
            }
            return {kind: await _report(session, kind, dict.fromkeys(found), look) for kind, found in kinds.items()}

    async def _having(self, suspects: Iterable[str], *presence: Presence) -> list[str]:
        return [order for order in sorted(suspects) if await self._roll.presence(order) in presence]


async def _report(session: AsyncSession, kind: IncidentKind, found: Mapping[str, str | None], look: Look) -> int:
    return sum([await incidents.report(session, kind, each, look.at, details) for each, details in found.items()])
