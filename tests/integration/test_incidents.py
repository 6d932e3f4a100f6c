"""Incidents: opened once for each thing that is wrong, seen and closed by staff only, with a word that stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from activities.sweep import Sweep, SweepActivities, Swept
from db import incidents
from db.ids import new_id
from db.tables import Payment
from domain.incidents import IncidentKind
from domain.orders import Role
from domain.payments import PaymentStatus
from tests.support.arena import Arena
from workflows.waking import TemporalWaker

LOST, UNKNOWN = IncidentKind.ORDER_WITHOUT_WORKFLOW, IncidentKind.PAYMENT_UNKNOWN


async def opened(arena: Arena, kind: IncidentKind = LOST, subject: str | None = None) -> tuple[str, bool]:
    """The subject of a reported incident, and whether it was opened by this report."""
    about = subject or new_id("ord")
    async with arena.database.transaction() as session:
        return about, await incidents.report(session, kind, about, datetime.now(UTC))


async def listed(arena: Arena, query: str = "") -> list[dict[str, Any]]:
    page = await arena.get(f"/v1/incidents{query}", Role.ADMIN)
    found: list[dict[str, Any]] = page["data"]
    return found


async def sweep(arena: Arena) -> Swept:
    activities = SweepActivities(arena.database, TemporalWaker(arena.temporal))
    return await activities.orders(Sweep(at=datetime.now(UTC)))


@pytest.mark.idle
async def test_the_same_thing_is_reported_once_while_it_is_open(arena: Arena) -> None:
    order, first = await opened(arena)

    again = await opened(arena, subject=order)
    other = await opened(arena, UNKNOWN, order)

    assert (first, again, other) == (True, (order, False), (order, True))
    assert [(each["kind"], each["subject"]) for each in await listed(arena)] == [(UNKNOWN, order), (LOST, order)]


@pytest.mark.idle
async def test_staff_close_an_incident_with_a_word_and_once(arena: Arena) -> None:
    order, _ = await opened(arena)
    incident = (await listed(arena))[0]
    assert (incident["closed"], incident["closed_by"], incident["note"]) == (None, None, None)

    closed = await arena.post(f"/v1/incidents/{incident['id']}/close", {"note": " looked at it "}, Role.ADMIN)
    again = await arena.post(f"/v1/incidents/{incident['id']}/close", {"note": "me too"}, Role.ADMIN)

    assert closed.status_code == 200, closed.text
    assert (closed.json()["closed_by"], closed.json()["note"]) == (arena.people[Role.ADMIN], "looked at it")
    assert (again.status_code, again.json()["code"]) == (409, "incident_closed")
    assert [await listed(arena, f"?open={word}&subject={order}") for word in ("true", "false")] == [[], [closed.json()]]
    assert await opened(arena, subject=order) == (order, True)
    assert len(await listed(arena, f"?subject={order}&kind={LOST}")) == 2


@pytest.mark.idle
@pytest.mark.parametrize("role", [Role.BUYER, Role.SELLER])
async def test_only_staff_see_or_close_incidents(arena: Arena, role: Role) -> None:
    await opened(arena)
    incident = (await listed(arena))[0]["id"]

    seen = await arena.http.get("/v1/incidents", headers=await arena.headers(role))
    closed = await arena.post(f"/v1/incidents/{incident}/close", {"note": "x"}, role)

    assert {(each.status_code, each.json()["code"]) for each in (seen, closed)} == {(403, "role_not_allowed")}
    assert (await listed(arena))[0]["closed"] is None


@pytest.mark.idle
@pytest.mark.parametrize("note", ["", "   ", "x" * 2001, None])
async def test_an_incident_is_not_closed_without_a_fit_word(arena: Arena, note: str | None) -> None:
    await opened(arena)
    incident = (await listed(arena))[0]["id"]

    refused = await arena.post(f"/v1/incidents/{incident}/close", {"note": note}, Role.ADMIN)

    assert refused.status_code == 422
    assert (await listed(arena))[0]["closed"] is None


@pytest.mark.idle
async def test_an_incident_that_is_not_there_is_not_found(arena: Arena) -> None:
    missing = await arena.post(f"/v1/incidents/{new_id('inc')}/close", {"note": "x"}, Role.ADMIN)

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_payment_that_stays_unknown_becomes_a_person_s_matter(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), card="pm_card_authenticationRequired")).json()["id"]
    for minutes, reported in ((9, 0), (11, 1), (12, 0)):
        async with arena.database.transaction() as session:
            await session.execute(
                update(Payment)
                .where(Payment.order_id == order)
                .values(status=PaymentStatus.UNKNOWN, updated=datetime.now(UTC) - timedelta(minutes=minutes))
            )
        assert (await sweep(arena)).reported == reported, minutes

    assert [(each["kind"], each["subject"]) for each in await listed(arena)] == [(UNKNOWN, order)]
