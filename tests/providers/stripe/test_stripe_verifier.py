"""Stripe's webhooks: only what Stripe signed, lately, is believed; and only what is about ours is acted on."""

import json
import time
from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from db.ids import new_id
from domain.errors import SignatureInvalid
from domain.gateway import InboundEvent, MovedOutside
from domain.payments import PaymentStatus
from providers.stripe.webhooks import StripeWebhooks
from sandbox.stripe.courier import signature
from tests.support.stripe_events import event_body
from tests.support.stripe_payments import paid
from tests.support.stripe_sandbox import SECRET, Inbox

ORDER, REFUND = new_id("ord"), new_id("ref")
OLD = "whsec_before_the_rotation"
PAID = {"completed", "partially_refunded", "refunded", "disputed"}


def event(kind: str = "payment_intent.succeeded", *, metadata: Any = None, **thing: Any) -> bytes:
    return event_body(kind, metadata={"order_id": ORDER} if metadata is None else metadata, **thing)


def verified(body: bytes, secret: str = SECRET, *, age: float = 0) -> InboundEvent:
    return StripeWebhooks([SECRET]).verify(body, signature(secret, body, int(time.time() - age)))


def test_what_stripe_sends_of_a_payment_is_understood(inbox: Inbox, client: stripe.StripeClient) -> None:
    intent = paid(client, ORDER, metadata={"order_id": ORDER})
    delivery = inbox.wait_for("payment_intent.succeeded")[0]

    told = StripeWebhooks([SECRET]).verify(delivery.body, delivery.signature)

    assert told == InboundEvent(
        provider="stripe",
        event_id=delivery.event["id"],
        type="payment_intent.succeeded",
        created=told.created,
        order_id=ORDER,
        refund_id=None,
        tells=frozenset(PAID),
        paid=True,
        kept=told.kept,
    )
    assert told.created.timestamp() == delivery.event["created"]
    assert delivery.event["data"]["object"]["id"] == intent.id


def test_what_stripe_sends_of_a_refund_names_the_refund(inbox: Inbox, client: stripe.StripeClient) -> None:
    intent = paid(client, ORDER, metadata={"order_id": ORDER})
    client.v1.refunds.create({"payment_intent": intent.id, "metadata": {"order_id": ORDER, "refund_id": REFUND}})
    delivery = inbox.wait_for("refund.created")[0]

    told = StripeWebhooks([SECRET]).verify(delivery.body, delivery.signature)

    assert (told.order_id, told.refund_id) == (ORDER, REFUND)


@pytest.mark.parametrize("change", [lambda b: b + b" ", lambda b: b.replace(b"succeeded", b"canceled!"), lambda _: b""])
def test_a_changed_body_is_refused(change: Any) -> None:
    body = event()
    signed = signature(SECRET, body, int(time.time()))

    with pytest.raises(SignatureInvalid):
        StripeWebhooks([SECRET]).verify(change(body), signed)


def test_a_signature_of_another_secret_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        verified(event(), "whsec_of_somebody_else")


def test_a_signature_is_believed_for_five_minutes() -> None:
    assert verified(event(), age=290).event_id == "evt_1"

    for age in (310, 86_400):
        with pytest.raises(SignatureInvalid):
            verified(event(), age=age)


def test_the_time_is_signed_too() -> None:
    body, now = event(), int(time.time())
    signed = signature(SECRET, body, now - 1000).replace(str(now - 1000), str(now))

    with pytest.raises(SignatureInvalid):
        StripeWebhooks([SECRET]).verify(body, signed)


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_both_secrets_count_during_a_rotation(secret: str) -> None:
    body = event()

    told = StripeWebhooks([SECRET, OLD]).verify(body, signature(secret, body, int(time.time())))

    assert told.order_id == ORDER


def test_without_a_secret_nothing_is_believed() -> None:
    body = event()

    with pytest.raises(SignatureInvalid):
        StripeWebhooks([]).verify(body, signature(SECRET, body, int(time.time())))


def test_one_right_signature_among_several_is_enough() -> None:
    body, now = event(), int(time.time())
    ours = signature(SECRET, body, now)

    told = StripeWebhooks([SECRET]).verify(body, f"{ours.replace('v1=', 'v1=00')},{ours.partition(',')[2]},v0=1")

    assert told.order_id == ORDER


@pytest.mark.parametrize(
    "header",
    ["", " ", ",", "=", "t", "t=", "t=1", "v1=ab", "t=,v1=", "t=x,v1=y", "t=1,v1", "t=1=2=3,v1=1", "v1=é,t=1",
     "t=99999999999,v1=é", f"t={10**400},v1=1", "t=-1,v1=1", "t=٣,v1=1", "\x00", "null"],
)  # fmt: skip
def test_a_header_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(SignatureInvalid):
        StripeWebhooks([SECRET]).verify(event(), header)


@settings(deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="tv01=,é-.x", max_size=40))
def test_no_header_breaks_the_check(header: str) -> None:
    with pytest.raises(SignatureInvalid):
        StripeWebhooks([SECRET]).verify(event(), header)


@pytest.mark.parametrize("body", [b"", b"not json", b"\xff\xfe", b'{"object":"v2.core.event"}'])
def test_what_is_signed_but_no_event_is_refused(body: bytes) -> None:
    header = signature(SECRET, body, int(time.time()))

    with pytest.raises(SignatureInvalid):
        StripeWebhooks([SECRET]).verify(body, header)


@pytest.mark.parametrize(
    "body",
    [
        event("charge.succeeded"),
        event("customer.created", object="customer"),
        event("invoice.paid"),
        event("account.updated"),
        event(metadata={}),
        event(metadata={"order_id": "4711"}),
        event(metadata={"order_id": ""}),
        event(metadata={"order_id": ORDER.upper()}),
        event(metadata={"order_id": new_id("pay")}),
        event("refund.updated", metadata={"order_id": "4711", "refund_id": "r-1"}),
    ],
)
def test_what_is_not_about_an_order_of_ours_is_about_nothing(body: bytes) -> None:
    told = verified(body)

    assert (told.event_id, told.order_id, told.refund_id) == ("evt_1", None, None)


def test_an_object_without_metadata_is_about_nothing() -> None:
    body = json.loads(event())
    del body["data"]["object"]["metadata"]

    assert verified(json.dumps(body).encode()).order_id is None


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("payment_intent.succeeded", "completed"),
        ("payment_intent.payment_failed", "failed"),
        ("payment_intent.canceled", "cancelled"),
        ("payment_intent.requires_action", "requires_action"),
        ("payment_intent.amount_capturable_updated", "authorized"),
        ("payment_intent.processing", "processing"),
    ],
)
def test_an_event_is_no_news_in_the_state_that_it_tells_and_always_in_an_unknown_one(kind: str, status: str) -> None:
    told = verified(event(kind))

    assert status in told.tells
    assert "unknown" not in told.tells
    assert told.tells <= set(PaymentStatus)


def test_a_refund_that_failed_is_news_after_it_succeeded() -> None:
    metadata = {"order_id": ORDER, "refund_id": REFUND}

    failed = verified(event("refund.failed", metadata=metadata, status="failed"))
    succeeded = verified(event("refund.updated", metadata=metadata, status="succeeded"))
    pending = verified(event("refund.updated", metadata=metadata, status="pending"))

    assert failed.tells == {"failed"}
    assert succeeded.tells == {"completed", "failed", "reversed"}
    assert pending.tells == set()


def test_nothing_about_a_person_is_kept(inbox: Inbox, client: stripe.StripeClient) -> None:
    person = {"name": "Zzyzx", "email": "zzyzx@example.com", "address": {"line1": "Zzyzx 1"}}
    told = verified(
        event(
            amount=1000,
            currency="usd",
            receipt_email="zzyzx@example.com",
            description="for Zzyzx",
            shipping=person,
            last_payment_error={"payment_method": {"billing_details": person}},
            latest_charge={"id": "ch_1", "billing_details": person},
            payment_intent=["Zzyzx"],
        )
    )
    intent = paid(client, ORDER, metadata={"order_id": ORDER})
    real = inbox.wait_for("payment_intent.succeeded")[0]
    sent = StripeWebhooks([SECRET]).verify(real.body, real.signature).kept

    assert "zzyzx" not in json.dumps(told.kept).lower()
    assert told.kept["data"]["object"] == {"id": "pi_1", "object": "payment_intent", "amount": 1000, "currency": "usd"}
    assert (sent["id"], sent["type"]) == (real.event["id"], "payment_intent.succeeded")
    assert sent["data"]["object"].items() >= {"id": intent.id, "status": "succeeded", "amount": intent.amount}.items()


MOVED = {"id": "re_1", "payment_intent": "pi_1", "amount": 5, "currency": "usd"}
OURS = {"order_id": ORDER, "refund_id": REFUND}


@pytest.mark.parametrize(
    ("body", "outside"),
    [
        (event("refund.created", metadata={}, **MOVED), True),
        (event("refund.created", **MOVED), True),
        (event("refund.created", metadata={}, **MOVED, status="pending"), True),
        (event("refund.created", metadata={}, **MOVED, status="succeeded", balance_transaction="txn_1"), True),
        (event("charge.dispute.created", metadata={}, **MOVED), True),
        # Stripe releases what was held as a refund that moves nothing.
        (event("refund.created", metadata={}, **MOVED, status="succeeded", balance_transaction=None), False),
        (event("refund.created", metadata=OURS, **MOVED), False),
        (event("refund.created", metadata={}, **MOVED | {"payment_intent": None}), False),
        (event("refund.updated", metadata={}, **MOVED), False),
        (event("payment_intent.succeeded", **MOVED), False),
    ],
)
def test_money_that_did_not_move_by_us_is_told_apart(body: bytes, outside: bool) -> None:
    told = verified(body)

    kind = json.loads(body)["type"]
    moved = MovedOutside(id="re_1", payment_reference="pi_1", what=f"{kind}, 5 usd in Stripe's units")
    assert told.outside == (moved if outside else None)
    assert (told.order_id is None) or not outside
