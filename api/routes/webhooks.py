"""Webhooks in (P9): checked on the raw body, stored, then told to the workflow, which reads the provider itself."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from activities.telling import tell_refund
from api.deps import Wired, Wiring, now
from db import webhooks
from db.tables import WebhookState
from domain.errors import ResourceNotFound
from domain.gateway import InboundEvent
from workflows.waking import TemporalWaker

router = APIRouter(tags=["Webhooks"])


@router.post("/v1/webhooks/{provider}", operation_id="receiveWebhook", status_code=204, responses={400: {}, 413: {}})
async def receive_webhook(
    provider: str,
    request: Request,
    wired: Wired,
    signature: Annotated[str, Header(alias="Stripe-Signature")] = "",
) -> Response:
    """Take a provider's webhook; 2xx only once it is stored, and told where it matters."""
    verifier = wired.webhooks.get(provider)
    if verifier is None:
        raise ResourceNotFound(resource="provider", id=provider)
    body = await request.body()
    event = verifier.verify(body, signature)
    async with wired.database.transaction() as session:
        state = await webhooks.store(session, event, now())
    if state is WebhookState.RECEIVED:
        told = await _tell(wired, event)
        async with wired.database.transaction() as session:
            await webhooks.settle(session, event, told, now())
    return Response(status_code=204)


async def _tell(wired: Wiring, event: InboundEvent) -> WebhookState:
    """Wake the workflow; one that has ended needs no waking, unless it ended without the money that came now."""
    assert event.order_id is not None, "only webhooks about our orders are told"
    waker = TemporalWaker(wired.temporal)
    if event.refund_id is None:
        woken = await waker.order(event.order_id)
    else:
        woken = await tell_refund(wired.database, waker, event.refund_id)
    if event.paid and not woken:
        async with wired.database.transaction() as session:
            await webhooks.report_late(session, event, now())
    return WebhookState.SIGNALLED if woken else WebhookState.IGNORED
