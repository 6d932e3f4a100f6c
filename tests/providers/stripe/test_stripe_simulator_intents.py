"""Every move of a PaymentIntent, and every move it refuses."""

from typing import Any

import pytest
import stripe

from tests.support.stripe_payments import held, intent_for, paid
from tests.support.stripe_sandbox import Inbox, Sandbox

WEEK = 7 * 24 * 3600


def test_an_intent_without_a_method_waits_for_one(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = intent_for(client)

    assert intent.status == "requires_payment_method"
    assert intent.id.startswith("pi_")
    assert intent.client_secret is not None
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert intent.amount_received == 0
    assert intent.latest_charge is None
    assert sandbox.state("ord_1") == {
        "currency": "EUR",
        "authorized": 0,
        "captured": 0,
        "refunded": 0,
        "voided": 0,
        "disputed": 0,
        "intents": 1,
        "captures": 0,
        "refunds": 0,
    }


def test_an_intent_with_a_method_waits_for_confirmation(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = intent_for(client, payment_method="pm_card_visa")

    assert intent.status == "requires_confirmation"
    assert sandbox.state("ord_1")["authorized"] == 0


def test_a_confirmed_intent_succeeds_and_takes_the_money(
    client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    intent = paid(client)

    assert intent.status == "succeeded"
    assert intent.amount_received == 1000
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.captured, charge.amount_captured, charge.paid) == (True, 1000, True)
    assert sandbox.state("ord_1")["captured"] == 1000
    assert sandbox.state("ord_1")["captures"] == 1
    inbox.wait_for("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.updated")


def test_a_manual_intent_holds_the_money_for_a_week(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = held(client)

    assert intent.status == "requires_capture"
    assert (intent.amount_capturable, intent.amount_received) == (1000, 0)
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert charge.captured is False
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert charge.payment_method_details.card.capture_before == pytest.approx(charge.created + WEEK, abs=1)
    assert sandbox.state("ord_1")["authorized"] == 1000
    assert sandbox.state("ord_1")["captured"] == 0


def test_a_capture_takes_the_whole_hold(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    intent = client.v1.payment_intents.capture(held(client).id)

    assert intent.status == "succeeded"
    assert (intent.amount_capturable, intent.amount_received) == (0, 1000)
    assert sandbox.state("ord_1")["captured"] == 1000
    assert sandbox.state("ord_1")["voided"] == 0
    inbox.wait_for("payment_intent.amount_capturable_updated", "charge.captured", "payment_intent.succeeded")


def test_a_partial_capture_gives_the_rest_back(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = client.v1.payment_intents.capture(held(client).id, {"amount_to_capture": 600})

    assert (intent.amount, intent.amount_received, intent.amount_capturable) == (1000, 600, 0)
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (600, 400, False)
    assert sandbox.state("ord_1")["captured"] == 600
    assert sandbox.state("ord_1")["voided"] == 400


def test_a_capture_above_the_hold_is_refused(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = held(client)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1001})

    assert refused.value.code == "amount_too_large"
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"
    assert sandbox.state("ord_1")["captured"] == 0


def test_cancelling_a_hold_releases_it(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    intent = client.v1.payment_intents.cancel(held(client).id, {"cancellation_reason": "requested_by_customer"})

    assert (intent.status, intent.cancellation_reason) == ("canceled", "requested_by_customer")
    assert intent.amount_capturable == 0
    assert intent.canceled_at is not None
    assert sandbox.state("ord_1")["voided"] == 1000
    assert sandbox.state("ord_1")["captured"] == 0
    assert sandbox.state("ord_1")["refunded"] == 0
    inbox.wait_for("payment_intent.canceled")


def test_an_uncaptured_hold_lapses_by_itself(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    sandbox.script(hold_ms=50)
    intent = held(client)

    inbox.wait_for("payment_intent.canceled", "charge.expired")

    assert client.v1.payment_intents.retrieve(intent.id).cancellation_reason == "automatic"
    assert sandbox.state("ord_1")["voided"] == 1000


@pytest.mark.parametrize("verb", ["capture", "cancel", "confirm"])
@pytest.mark.parametrize("status", ["succeeded", "canceled"])
def test_a_finished_intent_refuses_every_verb(
    client: stripe.StripeClient, sandbox: Sandbox, verb: str, status: str
) -> None:
    intent = paid(client) if status == "succeeded" else client.v1.payment_intents.cancel(intent_for(client).id)
    before = sandbox.state("ord_1")

    with pytest.raises(stripe.InvalidRequestError) as refused:
        getattr(client.v1.payment_intents, verb)(intent.id)

    assert refused.value.code == "payment_intent_unexpected_state"
    assert refused.value.error is not None
    assert refused.value.error.payment_intent is not None
    assert refused.value.error.payment_intent.status == status
    assert sandbox.state("ord_1") == before


@pytest.mark.parametrize("method", [None, "pm_card_visa", "pm_card_authenticationRequired"])
def test_only_a_hold_can_be_captured(client: stripe.StripeClient, sandbox: Sandbox, method: str | None) -> None:
    asked: dict[str, Any] = {"payment_method": method} if method else {}
    if method == "pm_card_authenticationRequired":
        asked["confirm"] = True
    intent = intent_for(client, **asked)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(intent.id)

    assert refused.value.code == "payment_intent_unexpected_state"
    assert sandbox.state("ord_1")["captured"] == 0


@pytest.mark.parametrize("method", [None, "pm_card_visa", "pm_card_authenticationRequired"])
def test_an_unpaid_intent_can_be_cancelled(client: stripe.StripeClient, method: str | None) -> None:
    asked: dict[str, Any] = {"payment_method": method} if method else {}
    if method == "pm_card_authenticationRequired":
        asked["confirm"] = True

    assert client.v1.payment_intents.cancel(intent_for(client, **asked).id).status == "canceled"


def test_a_hold_refuses_a_second_confirmation(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = held(client)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    assert refused.value.code == "payment_intent_unexpected_state"
    assert sandbox.state("ord_1")["authorized"] == 1000


def test_confirming_without_a_method_is_refused(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = intent_for(client)

    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.v1.payment_intents.confirm(intent.id)

    assert sandbox.state("ord_1")["authorized"] == 0


def test_a_confirmation_that_might_redirect_needs_a_return_url(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="must provide a `return_url`"):
        client.v1.payment_intents.create(
            {"amount": 1000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
        )

    assert client.v1.payment_intents.list().data == []
    assert [request["status"] for request in sandbox.requests()] == [400, 200]


def test_an_update_changes_amount_and_metadata_until_the_money_moves(client: stripe.StripeClient) -> None:
    intent = intent_for(client, metadata={"order_id": "ord_1", "note": "a"})

    changed = client.v1.payment_intents.update(intent.id, {"amount": 1200, "metadata": {"note": ""}})
    done = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    assert (changed.amount, changed.metadata.to_dict()) == (1200, {"order_id": "ord_1"})
    assert done.amount_received == 1200
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.update(intent.id, {"amount": 1300})
    assert refused.value.code == "payment_intent_unexpected_state"
    assert client.v1.payment_intents.retrieve(intent.id).amount == 1200


def test_the_charge_expands_on_request(client: stripe.StripeClient) -> None:
    intent = paid(client)

    expanded = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge.balance_transaction"]})

    assert isinstance(expanded.latest_charge, stripe.Charge)
    assert isinstance(expanded.latest_charge.balance_transaction, stripe.BalanceTransaction)
    assert expanded.latest_charge.balance_transaction.fee == 59
    assert expanded.latest_charge.balance_transaction.net == 941


def test_a_bank_debit_is_processing_before_it_clears(
    client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}, "billing_details": {"name": "A"}}
    sandbox.script(processing_ms=50)

    intent = intent_for(client, confirm=True, payment_method_data=debit)

    assert intent.status == "processing"
    inbox.wait_for("payment_intent.processing", "payment_intent.succeeded")
    assert sandbox.state("ord_1")["captured"] == 1000


def test_a_bank_debit_can_bounce(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox) -> None:
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": "DE62370400440532013001"}, "billing_details": {"name": "A"}}
    sandbox.script(processing_ms=50)

    intent = intent_for(client, confirm=True, payment_method_data=debit)

    inbox.wait_for("payment_intent.payment_failed")
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"
    assert sandbox.state("ord_1")["captured"] == 0


def test_a_hold_can_be_asked_for_by_the_cards_own_option(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = paid(client, payment_method_options={"card": {"capture_method": "manual"}})

    assert intent.status == "requires_capture"
    assert sandbox.state("ord_1")["captured"] == 0


def test_a_challenge_can_be_asked_for_on_any_card(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = paid(client, payment_method_options={"card": {"request_three_d_secure": "challenge"}})

    assert intent.status == "requires_action"
    assert sandbox.state("ord_1")["authorized"] == 0


def test_an_option_the_simulator_does_not_act_on_is_refused(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        paid(client, payment_method_options={"card": {"request_overcapture": "if_available"}})

    assert refused.value.code == "parameter_unknown"
    assert sandbox.state("ord_1") == {}


def test_a_method_can_be_taken_back(client: stripe.StripeClient) -> None:
    intent = intent_for(client, payment_method="pm_card_visa")

    changed = client.v1.payment_intents.update(intent.id, {"payment_method": ""})

    assert (changed.status, changed.payment_method) == ("requires_payment_method", None)
