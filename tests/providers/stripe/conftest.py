"""A fresh simulator per test; whatever it was asked and answered is judged by Stripe's own description."""

import json
from collections.abc import Iterator

import pytest
import stripe

from sandbox.stripe.forms import parse
from tests.support.stripe_sandbox import Inbox, Sandbox, Spoken, open_inbox, open_sandbox
from tests.support.stripe_spec import StripeSpec, stripe_spec


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with open_inbox() as inbox:
        yield inbox
    spec = stripe_spec()
    for delivery in inbox.deliveries if spec else ():
        assert spec is not None
        assert spec.problems_of_object(delivery.event) == []
        assert spec.problems_of_object(delivery.event["data"]["object"]) == [], delivery.type


@pytest.fixture
def sandbox(inbox: Inbox) -> Iterator[Sandbox]:
    with open_sandbox(inbox.url) as sandbox:
        yield sandbox
    spec = stripe_spec()
    for spoken in sandbox.spoken if spec else ():
        assert spec is not None
        _judge(spec, spoken)


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return sandbox.client()


def _judge(spec: StripeSpec, spoken: Spoken) -> None:
    # What the simulator itself refused as malformed, or as no route of Stripe's, is no request to hold to the spec.
    if spoken.status in {200, 402}:
        assert spec.problems_of_request(spoken.method, spoken.path, parse(spoken.sent)) == [], spoken
    if spoken.status not in {404, 429}:
        problems = spec.problems_of_reply(spoken.method, spoken.path, spoken.status, json.loads(spoken.reply))
        assert problems == [], (spoken.method, spoken.path, spoken.status)
