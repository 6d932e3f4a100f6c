"""What a card order may cost in history events and billable actions (architecture, section 3)."""

from collections import Counter

from sqlalchemy import select
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from db.tables import InboundWebhook
from domain.orders import Role
from tests.support.arena import Arena, eventually
from tests.support.workflow_side import workflow_of

E = EventType
# https://docs.temporal.io/cloud/pricing#action: local activities count once for each workflow task they run in.
BILLABLE = {
    E.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    E.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    E.EVENT_TYPE_TIMER_STARTED,
    E.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    E.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
}


# A busy machine makes more of them: one for every four seconds that a local activity takes. Where nothing waits it is
# five to an order's end, three of them with local activities, and two, both with them, to the placing call's answer.
TASKS = {
    E.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    E.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    E.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    E.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
}


def kinds(history: WorkflowHistory, *, up_to: int | None = None) -> Counter[int]:
    """Without workflow tasks."""
    events = (event for event in history.events if up_to is None or event.event_id <= up_to)
    return Counter(event.event_type for event in events if event.event_type not in TASKS)


def billable(seen: Counter[int]) -> int:
    """Without local activities, and without retries: none is made here."""
    return sum(count for kind, count in seen.items() if kind in BILLABLE)


async def test_a_card_order_to_its_end_stays_within_the_budget(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()
    await arena.insist(order, "ship", Role.SELLER)
    await arena.insist(order, "deliver")
    await arena.until(order["id"], status="completed")
    handle = workflow_of(arena, order["id"])
    await handle.result()

    async def all_webhooks_came() -> bool:
        async with arena.database.transaction() as session:
            types = set(await session.scalars(select(InboundWebhook.type)))
        return types >= {"payment_intent.succeeded", "payment_intent.amount_capturable_updated"}

    await eventually(all_webhooks_came)
    history = await handle.fetch_history()
    seen = kinds(history)
    assert seen.total() <= 50 - 5 * 3
    assert billable(seen) <= 16 - 3
    assert seen[E.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED] == 0
    assert seen[E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED] == 2
    assert seen[E.EVENT_TYPE_WORKFLOW_TASK_FAILED] == 0


async def test_up_to_the_answer_of_the_placing_call(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()

    history = await workflow_of(arena, order["id"]).fetch_history()

    answered = next(
        event.event_id
        for event in history.events
        if event.event_type == E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED
    )
    seen = kinds(history, up_to=answered)
    assert seen.total() <= 20 - 2 * 3
    assert billable(seen) <= 6 - 2
    assert seen[E.EVENT_TYPE_TIMER_STARTED] == 0
    assert seen[E.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED] == 0
