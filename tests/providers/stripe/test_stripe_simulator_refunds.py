"""Refunds: to the limit, over it, and the ones that turn later."""

import pytest
import stripe

from tests.support.stripe_payments import card, held, intent_for, paid
from tests.support.stripe_sandbox import Inbox, Sandbox


def test_a_refund_gives_everything_back(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    intent = paid(client)

    refund = client.v1.refunds.create(
        {"payment_intent": intent.id, "reason": "requested_by_customer", "metadata": {"refund_id": "ref_1"}}
    )

    assert (refund.amount, refund.status, refund.charge) == (1000, "succeeded", intent.latest_charge)
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    assert sandbox.state("ord_1")["refunded"] == 1000
    assert sandbox.state("ord_1")["refunds"] == 1
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    inbox.wait_for("refund.created", "charge.refunded")


def test_refunds_add_up_to_the_charge_and_no_further(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = paid(client)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 300})
    client.v1.refunds.create({"charge": str(intent.latest_charge), "amount": 600})

    with pytest.raises(stripe.InvalidRequestError) as too_much:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 101})
    assert "Refund amount (€1.01) is greater than unrefunded amount on charge (€1.00)" in str(too_much.value)
    assert sandbox.state("ord_1")["refunded"] == 900

    assert client.v1.refunds.create({"payment_intent": intent.id}).amount == 100
    with pytest.raises(stripe.InvalidRequestError) as nothing_left:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 1})
    assert nothing_left.value.code == "charge_already_refunded"
    assert sandbox.state("ord_1")["refunded"] == 1000
    assert sandbox.state("ord_1")["refunds"] == 3


def test_only_what_was_captured_can_be_refunded(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = client.v1.payment_intents.capture(held(client).id, {"amount_to_capture": 600})

    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 601})
    assert sandbox.state("ord_1")["refunded"] == 0

    assert client.v1.refunds.create({"payment_intent": intent.id}).amount == 600
    assert sandbox.state("ord_1")["refunded"] == 600


def test_a_hold_an_unpaid_or_a_cancelled_intent_has_nothing_to_refund(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    hold = held(client, "ord_1")
    unpaid = intent_for(client, "ord_2")
    cancelled = client.v1.payment_intents.cancel(held(client, "ord_3").id)

    for intent in (hold, unpaid, cancelled):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.refunds.create({"payment_intent": intent.id})

    assert [sandbox.state(order)["refunds"] for order in ("ord_1", "ord_2", "ord_3")] == [0, 0, 0]


def test_a_refund_can_fail_after_it_succeeded(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    sandbox.script(refund_turns_ms=50)
    intent = paid(client, payment_method=card(client, "4000000000005126").id)

    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "succeeded"
    inbox.wait_for("refund.created", "refund.updated", "refund.failed")

    failed = client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert sandbox.state("ord_1")["refunded"] == 0
    assert client.v1.charges.retrieve(str(intent.latest_charge)).amount_refunded == 0
    assert client.v1.refunds.create({"payment_intent": intent.id, "amount": 400}).amount == 400


def test_a_pending_refund_settles_later(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    sandbox.script(refund_turns_ms=300)
    intent = paid(client, payment_method="pm_card_pendingRefund")

    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "pending"
    inbox.wait_for("refund.updated")

    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert sandbox.state("ord_1")["refunded"] == 1000


def test_a_card_refund_cannot_be_cancelled(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    refund = client.v1.refunds.create({"payment_intent": paid(client).id})

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.cancel(refund.id)

    assert sandbox.state("ord_1")["refunded"] == 1000


def test_refunds_are_listed_by_intent_and_by_charge(client: stripe.StripeClient) -> None:
    intent, other = paid(client, "ord_1"), paid(client, "ord_2")
    first = client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    second = client.v1.refunds.create({"payment_intent": intent.id, "amount": 200})
    client.v1.refunds.create({"payment_intent": other.id})

    by_intent = client.v1.refunds.list({"payment_intent": intent.id}).data
    by_charge = client.v1.refunds.list({"charge": str(intent.latest_charge)}).data

    assert [refund.id for refund in by_intent] == [second.id, first.id]
    assert [refund.id for refund in by_charge] == [second.id, first.id]
    expanded = client.v1.charges.retrieve(str(intent.latest_charge), {"expand": ["refunds"]})
    assert expanded.refunds is not None
    assert [refund.id for refund in expanded.refunds.data] == [second.id, first.id]


def test_a_refunds_metadata_can_be_changed(client: stripe.StripeClient) -> None:
    refund = client.v1.refunds.create({"payment_intent": paid(client).id})

    changed = client.v1.refunds.update(refund.id, {"metadata": {"note": "x"}})

    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"note": "x"}
