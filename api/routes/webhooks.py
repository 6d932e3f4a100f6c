"""Webhooks in (P9): checked on the raw body, stored, then told to the workflow, which reads the provider itself."""

import json
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from temporalio.service import RPCError, RPCStatusCode

from api.deps import Wired, Wiring, now
from db import webhooks
from db.tables import WebhookState
from domain.errors import ResourceNotFound, WorkflowsUnavailable
from domain.gateway import InboundEvent
from workflows.names import order_workflow_id, refund_workflow_id

router = APIRouter(tags=["Webhooks"])

# Providers wait some seconds for an answer and then send the webhook again.
_TELLING = timedelta(seconds=5)


@router.post("/v1/webhooks/{provider}", operation_id="receiveWebhook", status_code=204)
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
        state = await webhooks.store(session, event, json.loads(body), now())
    if state is WebhookState.RECEIVED:
        told = await _tell(wired, event)
        async with wired.database.transaction() as session:
            await webhooks.settle(session, event, told, now())
    return Response(status_code=204)


async def _tell(wired: Wiring, event: InboundEvent) -> WebhookState:
    """Wake the workflow; one that has ended needs no waking."""
    assert event.order_id is not None, "only webhooks about our orders are told"
    workflow_id = refund_workflow_id(event.refund_id) if event.refund_id else order_workflow_id(event.order_id)
    signal = "provider_changed" if event.refund_id else "payment_changed"
    try:
        await wired.temporal.get_workflow_handle(workflow_id).signal(signal, rpc_timeout=_TELLING)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return WebhookState.IGNORED
        raise WorkflowsUnavailable from error
    except RuntimeError as error:
        # A lazy client raises it when its first connection fails.
        raise WorkflowsUnavailable from error
    return WebhookState.SIGNALLED
