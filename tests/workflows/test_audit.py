"""The audit: broken books, orders without workflows and workflows without orders become incidents, once each."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from sqlalchemy import select, update
from temporalio.client import ScheduleOverlapPolicy

from activities.audit import AuditActivities, Audited, Look
from db.books_roll import Mismatches, mismatches
from db.commands import PLACE_ROUTE
from db.ids import new_id
from db.tables import Incident, Order, Request, Stock
from domain.incidents import IncidentKind
from domain.orders import Role
from domain.sweep import Presence
from tests.support.arena import Arena, eventually
from workflows import names
from workflows.audit import AuditWorkflow
from workflows.policies import TASK_TIMEOUT
from workflows.roll import TemporalRoll
from workflows.schedules import ensure_schedules

NOTHING = dict.fromkeys(
    (
        IncidentKind.INVARIANT_BROKEN,
        IncidentKind.ORDER_WITHOUT_WORKFLOW,
        IncidentKind.WORKFLOW_OF_CLOSED_ORDER,
        IncidentKind.CLAIM_WITHOUT_WORKFLOW,
    ),
    0,
)


class Behind(TemporalRoll):
    """A roll whose list does not know the newest orders yet."""

    async def running(self) -> frozenset[str]:
        return frozenset()


async def audited(arena: Arena) -> dict[IncidentKind, int]:
    seen: Audited = await arena.temporal.execute_workflow(
        AuditWorkflow.run, id=f"{names.AUDIT}/{uuid.uuid4()}", task_queue=names.ORDERS, task_timeout=TASK_TIMEOUT
    )
    return seen.opened


async def incidents(arena: Arena) -> list[tuple[Any, ...]]:
    async with arena.database.transaction() as session:
        return [tuple(row) for row in await session.execute(select(Incident.kind, Incident.subject, Incident.details))]


async def listed(arena: Arena, order: str) -> None:
    """Temporal's list is some moments behind."""
    roll = TemporalRoll(arena.temporal)

    async def there() -> bool:
        return order in await roll.running()

    await eventually(there)


async def gone(arena: Arena, order: str) -> None:
    roll = TemporalRoll(arena.temporal)

    async def away() -> bool:
        return order not in await roll.running()

    await eventually(away)


async def behind_every_guard(owner_dsn: str, statement: LiteralString, order: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        await connection.execute("SET session_replication_role = replica")
        assert (await connection.execute(statement, [order])).rowcount == 1


async def test_a_sound_system_has_no_incidents(arena: Arena) -> None:
    product = await arena.product()
    for card in ("pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired"):
        await arena.place(product, card=card)
    cancelled = (await arena.place(product)).json()
    await arena.command(cancelled, "cancel")

    assert await audited(arena) == NOTHING
    assert await incidents(arena) == []


async def test_books_that_are_off_are_reported_once_with_what_is_off(arena: Arena) -> None:
    product = await arena.product(on_hand=7)
    async with arena.database.transaction() as session:
        await session.execute(update(Stock).where(Stock.product_id == product).values(on_hand=6))

    assert await audited(arena) == {**NOTHING, IncidentKind.INVARIANT_BROKEN: 1}
    assert await audited(arena) == NOTHING

    [(kind, subject, details)] = await incidents(arena)
    assert (kind, subject) == (IncidentKind.INVARIANT_BROKEN, product)
    assert details.startswith("stock_on_hand: ")


async def test_a_confirmed_order_whose_workflow_was_terminated_is_found(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await listed(arena, order)
    await arena.temporal.get_workflow_handle(names.order_workflow_id(order)).terminate("by mistake")
    await gone(arena, order)

    assert await audited(arena) == {**NOTHING, IncidentKind.ORDER_WITHOUT_WORKFLOW: 1}
    assert (await arena.order(order))["status"] == "confirmed"


async def test_an_order_that_the_list_does_not_show_yet_is_no_incident(arena: Arena) -> None:
    await arena.place(await arena.product())

    seen = await AuditActivities(arena.database, Behind(arena.temporal)).roll(Look(at=datetime.now(UTC)))

    assert not any(seen.values())


async def test_a_workflow_that_outlives_its_order_is_found(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await listed(arena, order)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    async with arena.database.transaction() as session:
        await session.execute(update(Order).where(Order.id == order).values(status="cancelled", updated=long_ago))

    seen = await AuditActivities(arena.database, TemporalRoll(arena.temporal)).roll(Look(at=datetime.now(UTC)))

    assert seen[IncidentKind.WORKFLOW_OF_CLOSED_ORDER] == 1


async def test_a_workflow_of_an_order_that_a_restored_database_lost_is_named(arena: Arena, owner_dsn: str) -> None:
    product = await arena.product()
    kept, lost = [(await arena.place(product)).json()["id"] for _ in range(2)]
    for order in (kept, lost):
        await listed(arena, order)
    roll = TemporalRoll(arena.temporal)
    row, claim = (
        "DELETE FROM orders WHERE request_id = (SELECT id FROM requests WHERE resource_id = %s)",
        "DELETE FROM requests WHERE resource_id = %s",
    )

    await behind_every_guard(owner_dsn, row, lost)
    # Between its claim and its row an order is on its way.
    assert await mismatches(arena.database, roll, datetime.now(UTC)) == Mismatches(lost=(), ended=(), unknown=())

    await behind_every_guard(owner_dsn, claim, lost)
    assert await mismatches(arena.database, roll, datetime.now(UTC)) == Mismatches(lost=(), ended=(), unknown=(lost,))


async def test_a_claim_that_came_to_nothing_is_found_once(arena: Arena) -> None:
    at, order = datetime.now(UTC), new_id("ord")
    async with arena.database.transaction() as session:
        session.add(
            Request(
                id=new_id("req"),
                account_id=arena.people[Role.BUYER],
                route=PLACE_ROUTE,
                key="forgotten",
                fingerprint=b"",
                resource_id=order,
                body={},
                owed=True,
                created=at - timedelta(minutes=11),
            )
        )
    activities = AuditActivities(arena.database, TemporalRoll(arena.temporal))

    first = await activities.roll(Look(at=at, last=at - timedelta(hours=1)))
    next_one = await activities.roll(Look(at=at + timedelta(hours=1), last=at))

    assert first[IncidentKind.CLAIM_WITHOUT_WORKFLOW] == 1
    assert not any(next_one.values())
    assert await TemporalRoll(arena.temporal).presence(order) is Presence.NONE
    assert [row[:2] for row in await incidents(arena)] == [(IncidentKind.CLAIM_WITHOUT_WORKFLOW, order)]


async def test_the_audit_is_scheduled(arena: Arena) -> None:
    await ensure_schedules(arena.temporal)

    described = await arena.temporal.get_schedule_handle(names.AUDIT).describe()

    assert described.schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert [each.every for each in described.schedule.spec.intervals] == [timedelta(hours=1)]
