"""The sweep: what nobody told a workflow is found, and found once; an order itself is never changed by it."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from temporalio.client import ScheduleOverlapPolicy

from activities.sweep import Sweep, SweepActivities, Swept
from db import webhooks
from db.tables import InboundWebhook, Payment, Refund, WebhookState
from domain.errors import WorkflowsUnavailable
from domain.gateway import InboundEvent
from domain.orders import Role
from domain.refunds import RefundStatus
from tests.support.arena import Arena, eventually
from tests.support.provider_side import intent_of
from tests.support.stripe_sandbox import DEAF
from tests.support.workflow_side import workflow_of
from workflows import names
from workflows.policies import TASK_TIMEOUT
from workflows.schedules import ensure_schedules, sweep_now
from workflows.sweep import SweepWorkflow
from workflows.waking import TemporalWaker

TOTAL = 2644


async def sweep(arena: Arena) -> Swept:
    identity = f"{names.SWEEP_ORDERS}/{uuid.uuid4()}"
    swept: Swept = await arena.temporal.execute_workflow(
        SweepWorkflow.run, id=identity, task_queue=names.ORDERS, task_timeout=TASK_TIMEOUT
    )
    return swept


async def age(arena: Arena, order: str, **by: float) -> None:
    """Let time pass for the payment and the webhooks of an order."""
    async with arena.database.transaction() as session:
        passed = timedelta(**by)
        await session.execute(update(Payment).where(Payment.order_id == order).values(updated=Payment.updated - passed))
        await session.execute(
            update(InboundWebhook)
            .where(InboundWebhook.order_id == order)
            .values(received=InboundWebhook.received - passed)
        )


async def challenged(arena: Arena) -> tuple[str, str]:
    order = (await arena.place(await arena.product(), card="pm_card_authenticationRequired")).json()
    return order["id"], order["next_action"]["client_secret"].partition("_secret_")[0]


async def decide(arena: Arena, intent: str) -> None:
    (await asyncio.to_thread(arena.stripe.challenge, intent, "succeed")).raise_for_status()


async def states(arena: Arena, order: str) -> set[tuple[WebhookState, bool]]:
    async with arena.database.transaction() as session:
        rows = await session.scalars(select(InboundWebhook).where(InboundWebhook.order_id == order))
        return {(row.state, row.settled is not None) for row in rows}


async def stored_and_forgotten(arena: Arena, order: str, refund: str | None = None, *, paid: bool = False) -> None:
    """A webhook that came eleven seconds ago, to an API that died before it told the workflow."""
    at = datetime.now(UTC) - timedelta(seconds=11)
    event = InboundEvent(
        provider="stripe", event_id=f"evt_{order}", type="news", created=at, order_id=order, refund_id=refund, paid=paid
    )
    async with arena.database.transaction() as session:
        assert await webhooks.store(session, event, at) is WebhookState.RECEIVED


async def test_a_payment_whose_webhooks_are_all_lost_is_found_at_its_provider(arena: Arena) -> None:
    arena.stripe.script(webhooks=DEAF)
    order, intent = await challenged(arena)
    await decide(arena, intent)

    early = await sweep(arena)
    assert (early.orders_woken, (await arena.order(order))["status"]) == (0, "pending")
    await age(arena, order, seconds=61)
    swept = await sweep(arena)

    await arena.until(order, status="confirmed", payment_status="completed")
    assert (swept.orders_woken, swept.webhooks, swept.lost) == (1, 0, ())
    assert (await arena.truth(order)).items() >= {"captured": TOTAL, "captures": 1, "intents": 1}.items()
    assert (await sweep(arena)).orders_woken == 0


async def test_a_webhook_that_was_stored_and_never_told_is_told(arena: Arena) -> None:
    arena.stripe.script(webhooks=DEAF)
    order, intent = await challenged(arena)
    await decide(arena, intent)
    await stored_and_forgotten(arena, order)

    swept = await sweep(arena)

    assert (swept.webhooks, swept.orders_woken) == (1, 1)
    await arena.until(order, status="confirmed")
    assert await states(arena, order) == {(WebhookState.SIGNALLED, True)}
    assert (await sweep(arena)).webhooks == 0


@pytest.mark.parametrize("state", [WebhookState.RECEIVED, WebhookState.SUPERSEDED])
async def test_news_of_held_money_that_were_never_told_are_told(arena: Arena, state: WebhookState) -> None:
    arena.stripe.script(webhooks=DEAF)
    order = (await arena.place(await arena.product(), capture="manual")).json()["id"]
    # As an operator does in the provider's dashboard.
    arena.stripe.client().v1.payment_intents.capture(intent_of(arena, order).id)
    await stored_and_forgotten(arena, order)
    async with arena.database.transaction() as session:
        await session.execute(update(InboundWebhook).where(InboundWebhook.order_id == order).values(state=state))

    swept = await sweep(arena)

    assert (swept.webhooks, swept.orders_woken) == (1, 1)
    await arena.until(order, payment_status="completed")
    assert (await sweep(arena)).orders_woken == 0


@pytest.mark.parametrize("paid", [True, False])
async def test_late_money_whose_webhook_was_never_told_is_reported(arena: Arena, paid: bool) -> None:
    arena.stripe.script(webhooks=DEAF)
    order, _ = await challenged(arena)
    await arena.command(order, "cancel")
    await workflow_of(arena, order).result()
    await stored_and_forgotten(arena, order, paid=paid)

    swept = await sweep(arena)

    assert (swept.webhooks, swept.orders_woken, swept.reported) == (1, 0, int(paid))
    assert await arena.incidents() == [("money_after_end", order)] * paid
    assert (await sweep(arena)).webhooks == 0


async def test_money_that_the_books_have_is_not_late(arena: Arena) -> None:
    order, _ = await refunded(arena)
    await workflow_of(arena, order).result()
    await stored_and_forgotten(arena, order, paid=True)

    swept = await sweep(arena)

    assert (swept.orders_woken, swept.reported) == (0, 0)
    assert await arena.incidents() == []


async def test_a_superseded_webhook_is_looked_at_once_and_wakes_nobody_who_is_done(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await eventually(lambda: states(arena, order))
    async with arena.database.transaction() as session:
        # As one that came while the provider's answer was still under way.
        await session.execute(update(InboundWebhook).where(InboundWebhook.order_id == order).values(settled=None))
    await age(arena, order, seconds=11)

    swept = await sweep(arena)

    assert (swept.webhooks > 0, swept.orders_woken) == (True, 0)
    assert await states(arena, order) == {(WebhookState.SUPERSEDED, True)}
    assert (await sweep(arena)).webhooks == 0


async def test_a_refund_whose_webhook_was_stored_and_never_told_is_told(arena: Arena) -> None:
    arena.stripe.script(webhooks=DEAF)
    order = (await arena.place(await arena.product(), card="pm_card_pendingRefund")).json()["id"]
    await arena.command(order, "cancel")

    async def refund() -> str | None:
        async with arena.database.transaction() as session:
            return await session.scalar(
                select(Refund.id).where(Refund.order_id == order, Refund.status == RefundStatus.PROCESSING)
            )

    identity: str = await eventually(refund)
    await stored_and_forgotten(arena, order, identity)

    swept = await sweep(arena)

    assert (swept.webhooks, swept.orders_woken, swept.refunds_woken) == (1, 0, 1)
    assert await states(arena, order) == {(WebhookState.SIGNALLED, True)}


class Mute(TemporalWaker):
    """A waker whose Temporal takes no signal."""

    async def order(self, order_id: str) -> bool:
        raise WorkflowsUnavailable(order=order_id)


async def test_what_could_not_be_told_is_told_by_the_next_sweep(arena: Arena) -> None:
    arena.stripe.script(webhooks=DEAF)
    order, intent = await challenged(arena)
    await decide(arena, intent)
    await stored_and_forgotten(arena, order)
    at = datetime.now(UTC)
    step = Sweep(at=at, swept=at - timedelta(minutes=5))

    mute = await SweepActivities(arena.database, Mute(arena.temporal)).orders(step)

    assert (mute.at, mute.orders_woken, mute.lost) == (step.swept, 0, ())
    assert await states(arena, order) == {(WebhookState.RECEIVED, False)}
    told = await SweepActivities(arena.database, TemporalWaker(arena.temporal)).orders(step)
    assert (told.at, told.orders_woken) == (at, 1)
    await arena.until(order, status="confirmed")


async def test_an_order_whose_workflow_was_terminated_is_reported_and_not_touched(arena: Arena) -> None:
    order, _ = await challenged(arena)
    await arena.temporal.get_workflow_handle(names.order_workflow_id(order)).terminate("by mistake")
    await age(arena, order, seconds=61)

    swept = await sweep(arena)

    assert (swept.lost, swept.reported) == ((order,), 1)
    assert (await arena.order(order))["status"] == "pending"


async def test_the_schedule_is_made_once_and_sweeps(arena: Arena) -> None:
    await ensure_schedules(arena.temporal)
    await ensure_schedules(arena.temporal)
    handle = arena.temporal.get_schedule_handle(names.SWEEP_ORDERS)
    assert (await handle.describe()).schedule.policy.overlap is ScheduleOverlapPolicy.SKIP

    await sweep_now(arena.temporal)

    async def swept() -> bool:
        return (await handle.describe()).info.num_actions > 0

    await eventually(swept)


async def refunded(arena: Arena, card: str = "pm_card_visa") -> tuple[str, str]:
    """An order and its refund, whose workflow has ended."""
    order = (await arena.place(await arena.product(), card=card)).json()["id"]
    await arena.command(order, "cancel")
    refund = (await arena.until(order, payment_status="refunded"))["refunds"][0]["id"]
    await arena.temporal.get_workflow_handle(names.refund_workflow_id(refund)).result()
    return order, refund


async def paid_and_returned(arena: Arena) -> tuple[str, str]:
    """An order and its refund, which the bank sent back after it was paid; nobody was told."""
    arena.stripe.script(refund_turns_ms=1_000, webhooks=DEAF)
    order, refund = await refunded(arena, "pm_card_refundFail")

    async def returned() -> bool:
        return bool((await arena.truth(order))["refunded"] == 0)

    await eventually(returned)
    return order, refund


async def test_a_refund_that_failed_after_it_was_paid_is_found_when_nobody_was_told(arena: Arena) -> None:
    order, refund = await paid_and_returned(arena)
    await stored_and_forgotten(arena, order, refund)

    await sweep(arena)

    after = await arena.until(order, payment_status="completed")
    assert [each["status"] for each in after["refunds"]] == ["failed"]


async def refund_grows_old(arena: Arena, order: str, **by: float) -> None:
    async with arena.database.transaction() as session:
        refunds = update(Refund).where(Refund.order_id == order)
        passed = timedelta(**by)
        await session.execute(refunds.values(created=Refund.created - passed, updated=Refund.updated - passed))


async def test_a_refund_that_failed_days_after_it_was_paid_is_found_without_any_webhook(arena: Arena) -> None:
    order, _ = await paid_and_returned(arena)

    assert (await sweep(arena)).refunds_woken == 0
    await refund_grows_old(arena, order, days=7)
    assert (await sweep(arena)).refunds_woken == 1

    after = await arena.until(order, payment_status="completed")
    assert [(each["status"], each["failed_after_success"]) for each in after["refunds"]] == [("failed", True)]


async def test_a_paid_refund_is_looked_at_again_at_each_age_once(arena: Arena) -> None:
    order, refund = await refunded(arena)
    await refund_grows_old(arena, order, days=30)
    activities, at = SweepActivities(arena.database, TemporalWaker(arena.temporal)), datetime.now(UTC)

    first = await activities.orders(Sweep(at=at, swept=at - timedelta(minutes=1)))
    second = await activities.orders(Sweep(at=at + timedelta(minutes=1), swept=at))

    assert (first.refunds_woken, second.refunds_woken) == (1, 0)
    await arena.temporal.get_workflow_handle(names.refund_workflow_id(refund)).result()
    assert (await arena.order(order))["payment_status"] == "refunded"


async def test_a_refund_that_has_no_end_after_two_weeks_is_a_person_s_matter(arena: Arena) -> None:
    arena.stripe.script(refund_turns_ms=3_600_000)
    order = (await arena.place(await arena.product(), card="pm_card_pendingRefund")).json()["id"]
    await arena.command(order, "cancel")

    async def processing() -> str | None:
        refunds = (await arena.order(order))["refunds"]
        return refunds[0]["id"] if refunds and refunds[0]["status"] == "processing" else None

    refund = await eventually(processing)
    await refund_grows_old(arena, order, days=13)
    assert (await sweep(arena)).reported == 0
    await refund_grows_old(arena, order, days=1)

    assert (await sweep(arena)).reported == 1

    [incident] = (await arena.get("/v1/incidents?open=true", Role.ADMIN))["data"]
    assert (incident["kind"], incident["subject"]) == ("refund_overdue", refund)
