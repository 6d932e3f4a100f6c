"""Raw inbound webhooks: stored before they are acted on; only one that can change something is acted on at all."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import false, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db import incidents
from db.tables import InboundWebhook, Payment, PaymentOperation, Refund, WebhookState
from domain.gateway import InboundEvent, MovedOutside
from domain.incidents import IncidentKind
from domain.payments import TAKEN, OperationState, PaymentStatus

# How many a sweep sees to at once.
_MOST = 1000


async def store(session: AsyncSession, event: InboundEvent, at: datetime) -> WebhookState:
    """Keep the webhook once; returns what is left to do with it (`received` means: signal the workflow).

    Money of ours that was moved by another's hand is reported with it.
    """
    first, done = await _first_state(session, event)
    order_id = event.order_id if event.outside is None else await _paid_by(session, event.provider, event.outside)
    added = await session.scalar(
        insert(InboundWebhook)
        .values(
            provider=event.provider,
            event_id=event.event_id,
            type=event.type,
            order_id=order_id,
            refund_id=event.refund_id,
            payload=event.kept,
            paid=event.paid,
            state=first,
            received=at,
            settled=at if done else None,
        )
        .on_conflict_do_nothing()
        .returning(InboundWebhook.event_id)
    )
    if added is not None and order_id is not None and event.outside is not None:
        details = f"{event.outside.what}, of {order_id}"
        await incidents.report(session, IncidentKind.MONEY_MOVED_OUTSIDE, event.outside.id, at, details)
    state = await session.scalar(
        select(InboundWebhook.state).where(
            InboundWebhook.provider == event.provider, InboundWebhook.event_id == event.event_id
        )
    )
    assert state is not None, "the webhook was inserted, or stood there"
    return state


async def settle(session: AsyncSession, event: InboundEvent, state: WebhookState, at: datetime) -> None:
    """Write down what was done with it."""
    await session.execute(
        update(InboundWebhook)
        .where(InboundWebhook.provider == event.provider, InboundWebhook.event_id == event.event_id)
        .values(state=state, settled=at)
    )


class Unheard(NamedTuple):
    """A stored webhook about one of our orders that nothing came of yet.

    It is `news` to the order's workflow however the payment stands, for none was told of it; or, while money is only
    held, for what superseded it may have ended otherwise. `paid` when it says that money was taken.
    """

    provider: str
    event_id: str
    order_id: str
    refund_id: str | None
    news: bool
    paid: bool


async def unheard(session: AsyncSession, before: datetime) -> list[Unheard]:
    """Webhooks that came before a time and that no workflow was told of, the oldest first, a thousand at most.

    Those that were superseded when they came are among them once: what superseded them may have ended otherwise.
    """
    received, held = InboundWebhook.state == WebhookState.RECEIVED, Payment.status == PaymentStatus.AUTHORIZED
    rows = await session.execute(
        select(
            InboundWebhook.provider,
            InboundWebhook.event_id,
            InboundWebhook.order_id,
            InboundWebhook.refund_id,
            InboundWebhook.refund_id.is_(None) & or_(received, func.coalesce(held, false())),
            InboundWebhook.paid,
        )
        .outerjoin(Payment, Payment.order_id == InboundWebhook.order_id)
        .where(
            InboundWebhook.settled.is_(None),
            InboundWebhook.state != WebhookState.IGNORED,
            InboundWebhook.received < before,
        )
        .order_by(received.desc(), InboundWebhook.received)
        .limit(_MOST)
    )
    return [
        Unheard(provider, event, order, refund, news, paid)
        for provider, event, order, refund, news, paid in rows
        if order is not None
    ]


async def hear(session: AsyncSession, webhook: Unheard, at: datetime, *, heard: bool) -> None:
    """Write down that the sweep saw to a webhook; `heard` when a workflow was told."""
    row = await session.get_one(InboundWebhook, (webhook.provider, webhook.event_id))
    row.settled = at
    if heard:
        row.state = WebhookState.SIGNALLED
    elif row.state is WebhookState.RECEIVED:
        row.state = WebhookState.IGNORED


async def report_late(session: AsyncSession, webhook: Unheard | InboundEvent, at: datetime) -> bool:
    """Report money that came for an order without a workflow, unless the books have it; False when that is no news.

    What is no order of ours, by an id like ours, is another deployment's on the same account.
    """
    assert webhook.order_id is not None, "only webhooks about our orders are late for one"
    status = await session.scalar(select(Payment.status).where(Payment.order_id == webhook.order_id))
    if status is None or status in TAKEN:
        return False
    return await incidents.report(session, IncidentKind.MONEY_AFTER_END, webhook.order_id, at, webhook.event_id)


async def _paid_by(session: AsyncSession, provider: str, moved: MovedOutside) -> str | None:
    """The order of the payment that the provider knows by the reference; None when it is none of ours."""
    query = select(Payment.order_id)
    return await session.scalar(query.where(Payment.provider == provider, Payment.reference == moved.payment_reference))


async def _first_state(session: AsyncSession, event: InboundEvent) -> tuple[WebhookState, bool]:
    """What is to be done with a webhook, and whether that is all there ever will be."""
    if event.order_id is None:
        return WebhookState.IGNORED, True
    # Looked for first: an answer that is recorded between the two looks is known by the second.
    in_flight = await _in_flight(session, event)
    if await _known(session, event):
        return WebhookState.SUPERSEDED, True
    return (WebhookState.SUPERSEDED, False) if in_flight else (WebhookState.RECEIVED, False)


async def _in_flight(session: AsyncSession, event: InboundEvent) -> bool:
    """Whether we are waiting for the provider's answer on this order ourselves."""
    found = await session.scalar(
        select(PaymentOperation.key)
        .join(Payment, Payment.id == PaymentOperation.payment_id)
        .where(Payment.order_id == event.order_id, PaymentOperation.state == OperationState.INTENDED)
        .limit(1)
    )
    return found is not None


async def _known(session: AsyncSession, event: InboundEvent) -> bool:
    """Whether our record already says what the webhook tells."""
    if event.refund_id is not None:
        refund = await session.scalar(select(Refund.status).where(Refund.id == event.refund_id))
        return refund in event.tells
    payment = await session.scalar(select(Payment.status).where(Payment.order_id == event.order_id))
    return payment in event.tells
