"""Signed events: that they arrive, are retried, and misbehave as scripted."""

import threading
import time
from functools import partial
from pathlib import Path

import pytest
import stripe

from tests.support.stripe_payments import held, intent_for, paid
from tests.support.stripe_sandbox import SECRET, Inbox, Sandbox, open_inbox, open_sandbox, wait_until

PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.updated"]


def test_an_event_is_signed_as_stripes_library_checks_it(client: stripe.StripeClient, inbox: Inbox) -> None:
    intent = paid(client)

    (delivery,) = inbox.wait_for("payment_intent.succeeded")

    event = stripe.Webhook.construct_event(delivery.body, delivery.signature, SECRET)
    assert (event.type, event.data.object["id"]) == ("payment_intent.succeeded", intent.id)
    assert event.data.object["metadata"]["order_id"] == "ord_1"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(delivery.body, delivery.signature, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(delivery.body + b" ", delivery.signature, SECRET)


def test_events_tell_which_request_made_them(client: stripe.StripeClient, inbox: Inbox) -> None:
    intent = paid(client, key="k")

    (delivery,) = inbox.wait_for("payment_intent.created")

    assert intent.last_response is not None
    assert delivery.event["request"] == {"id": intent.last_response.request_id, "idempotency_key": "k"}


def test_a_replayed_request_announces_nothing_anew(client: stripe.StripeClient, inbox: Inbox) -> None:
    paid(client, "ord_1", key="k")
    paid(client, "ord_1", key="k")
    paid(client, "ord_2")

    wait_until(lambda: len(inbox.deliveries) >= 2 * len(PAID))

    assert sorted(inbox.types()) == sorted(PAID * 2)


def test_events_can_be_listed_and_read(client: stripe.StripeClient, inbox: Inbox) -> None:
    paid(client)
    (delivery,) = inbox.wait_for("payment_intent.succeeded")

    listed = client.v1.events.list().data

    assert [event.type for event in listed] == PAID[::-1]
    assert client.v1.events.retrieve(delivery.event["id"]).type == "payment_intent.succeeded"
    assert [event.type for event in client.v1.events.list({"types": PAID[:2]}).data] == PAID[1::-1]
    assert len(client.v1.events.list({"type": "charge.succeeded"}).data) == 1


def test_an_event_is_retried_until_the_endpoint_takes_it(client: stripe.StripeClient, inbox: Inbox) -> None:
    inbox.answers[:] = [500, 302, 404]
    intent_for(client)

    wait_until(lambda: len(inbox.deliveries) == 4)

    assert len({delivery.event["id"] for delivery in inbox.deliveries}) == 1
    event_id = inbox.deliveries[0].event["id"]
    wait_until(lambda: client.v1.events.retrieve(event_id).pending_webhooks == 0)


def test_an_undelivered_event_is_pending(client: stripe.StripeClient, inbox: Inbox) -> None:
    inbox.answers[:] = [500] * 50
    intent_for(client)
    (delivery, *_) = inbox.wait_for("payment_intent.created")

    assert client.v1.events.retrieve(delivery.event["id"]).pending_webhooks == 1


def test_an_event_is_given_up_when_the_retries_are_used_up(inbox: Inbox) -> None:
    inbox.answers[:] = [500] * 3
    with open_sandbox(inbox.url, retry_after=(0.01, 0.01)) as sandbox:
        client = sandbox.client()
        intent_for(client)
        wait_until(lambda: client.v1.events.list().data[0].pending_webhooks == 0)

        assert inbox.types() == ["payment_intent.created"] * 3
        paid(client, "ord_2")
        inbox.wait_for("payment_intent.succeeded")

    assert inbox.types().count("payment_intent.created") == 4


def test_an_endpoint_that_is_down_gets_its_events_when_it_is_back(tmp_path: Path) -> None:
    with open_inbox() as gone:
        pass
    with open_sandbox(gone.url, tmp_path / "stripe.db", retry_after=(0.01,) * 1000) as sandbox:
        intent = intent_for(sandbox.client())
        assert sandbox.client().v1.events.list().data[0].pending_webhooks == 1

    with open_inbox() as inbox, open_sandbox(inbox.url, tmp_path / "stripe.db") as sandbox:
        (delivery,) = inbox.wait_for("payment_intent.created")
        assert delivery.event["data"]["object"]["id"] == intent.id


def test_a_duplicated_event_comes_as_often_as_told(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    sandbox.script(webhooks={"duplicate": 3})
    paid(client)

    wait_until(lambda: len(inbox.deliveries) == 3 * len(PAID))

    assert {inbox.types().count(type_) for type_ in PAID} == {3}
    assert len({delivery.event["id"] for delivery in inbox.deliveries}) == len(PAID)


def test_reordered_events_arrive_in_another_order(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    sandbox.script(seed=1, webhooks={"reorder": True})
    paid(client)

    wait_until(lambda: len(inbox.deliveries) == len(PAID))

    assert sorted(inbox.types()) == sorted(PAID)
    assert inbox.types() != PAID


def test_the_same_seed_reorders_alike(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    orders = []
    for _ in range(2):
        inbox.deliveries.clear()
        sandbox.script(seed=5, webhooks={"reorder": True})
        paid(client)
        wait_until(lambda: len(inbox.deliveries) == len(PAID))
        orders.append(inbox.types())

    assert orders[0] == orders[1]


def test_a_delayed_event_comes_no_sooner(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    sandbox.script(webhooks={"delay_ms": 400})
    began = time.monotonic()
    paid(client)

    inbox.wait_for(*PAID)

    assert time.monotonic() - began >= 0.4


def test_dropped_events_never_come_but_are_listed(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    sandbox.script(webhooks={"drop": 1.0})
    paid(client)
    sandbox.script()
    held(client)
    inbox.wait_for("payment_intent.amount_capturable_updated", "charge.succeeded", "payment_intent.created")

    assert "payment_intent.succeeded" not in inbox.types()
    assert len(inbox.deliveries) == 3
    assert [event.pending_webhooks for event in client.v1.events.list({"type": "payment_intent.succeeded"}).data] == [0]


def test_the_same_seed_drops_the_same_events(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    arrived = []
    for _ in range(2):
        sandbox.script(seed=11, webhooks={"drop": 0.5})
        intents = [intent_for(client).id for _ in range(12)]
        sandbox.script()
        marker = intent_for(client).id
        wait_until(partial(inbox.tells_of, marker))
        wait_until(lambda: not any(event.pending_webhooks for event in client.v1.events.list({"limit": 13}).data))
        arrived.append([inbox.tells_of(intent) for intent in intents])

    assert arrived[0] == arrived[1]
    assert set(arrived[0]) == {True, False}


def test_a_slow_endpoint_does_not_hold_up_the_api(client: stripe.StripeClient, inbox: Inbox) -> None:
    asleep = threading.Event()
    inbox.before_answer = lambda: asleep.wait(5)
    try:
        began = time.monotonic()
        for number in range(20):
            intent_for(client, f"ord_{number}")
        assert time.monotonic() - began < 4
        wait_until(lambda: len(inbox.deliveries) == 8)
    finally:
        asleep.set()
    wait_until(lambda: len(inbox.deliveries) == 20)
