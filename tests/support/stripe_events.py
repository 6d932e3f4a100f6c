"""Stripe's webhooks as tests forge and sign them."""

import json
import time
from typing import Any

from sandbox.stripe.courier import signature
from tests.support.stripe_sandbox import SECRET

CREATED = 1_772_323_200


def event_body(
    kind: str = "payment_intent.succeeded", *, identity: str = "evt_1", metadata: Any = None, **thing: Any
) -> bytes:
    """An event about an intent; `metadata` is what would make it ours."""
    told = {"id": "pi_1", "object": "payment_intent", "metadata": metadata, **thing}
    body = {"id": identity, "object": "event", "type": kind, "created": CREATED, "data": {"object": told}}
    return json.dumps(body).encode()


def signed(body: bytes, secret: str = SECRET) -> str:
    return signature(secret, body, int(time.time()))
