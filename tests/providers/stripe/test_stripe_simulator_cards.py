"""What each test card does: declines, 3-D Secure, and cards that attach but do not pay."""

import httpx2
import pytest
import stripe

from tests.support.stripe_payments import card, intent_for, paid
from tests.support.stripe_sandbox import Inbox, Sandbox

DECLINED = [
    ("4000000000000002", "card_declined", "generic_decline"),
    ("4000000000009995", "card_declined", "insufficient_funds"),
    ("4000000000009987", "card_declined", "lost_card"),
    ("4000000000009979", "card_declined", "stolen_card"),
    ("4000000000000069", "expired_card", "expired_card"),
    ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
    ("4000000000000119", "processing_error", "processing_error"),
    ("4000000000000341", "card_declined", "generic_decline"),
]
DECLINED_TOKENS = [
    ("pm_card_chargeDeclined", "generic_decline"),
    ("pm_card_visa_chargeDeclined", "generic_decline"),
    ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ("pm_card_chargeCustomerFail", "generic_decline"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
]


@pytest.mark.parametrize(("number", "code", "decline_code"), DECLINED)
def test_a_declined_card_leaves_the_intent_open_for_another(
    client: stripe.StripeClient, sandbox: Sandbox, number: str, code: str, decline_code: str
) -> None:
    method = card(client, number)

    with pytest.raises(stripe.CardError) as declined:
        paid(client, payment_method=method.id)

    error = declined.value.error
    assert error is not None
    assert (declined.value.http_status, error.type) == (402, "card_error")
    assert (error.code, error.decline_code) == (code, decline_code)
    assert error.payment_intent is not None
    intent = client.v1.payment_intents.retrieve(error.payment_intent.id)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error is not None
    assert (intent.last_payment_error.code, intent.last_payment_error.decline_code) == (code, decline_code)
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, code)
    assert sandbox.state("ord_1")["authorized"] == 0
    assert sandbox.state("ord_1")["intents"] == 1


@pytest.mark.parametrize(("token", "decline_code"), DECLINED_TOKENS)
def test_a_declining_token_declines_alike(client: stripe.StripeClient, token: str, decline_code: str) -> None:
    with pytest.raises(stripe.CardError) as declined:
        paid(client, payment_method=token)

    assert declined.value.error is not None
    assert declined.value.error.decline_code == decline_code


def test_a_second_try_after_a_decline_pays_the_same_intent(
    client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    intent = intent_for(client)
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})

    done = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    assert (done.status, done.last_payment_error) == ("succeeded", None)
    assert sandbox.state("ord_1")["captures"] == 1
    inbox.wait_for("payment_intent.payment_failed", "charge.failed", "payment_intent.succeeded")


@pytest.mark.parametrize("number", ["4242424242424242", "4000056655665556", "5555555555554444"])
def test_a_good_card_pays(client: stripe.StripeClient, number: str) -> None:
    assert paid(client, payment_method=card(client, number).id).status == "succeeded"


@pytest.mark.parametrize("token", ["tok_visa", "tok_mastercard"])
def test_a_card_can_be_given_as_a_token(client: stripe.StripeClient, token: str) -> None:
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": token}})

    assert paid(client, payment_method=method.id).status == "succeeded"


@pytest.mark.parametrize("number", ["4242424242424241", "4111111111111111"])
def test_a_number_that_is_no_test_card_is_refused(client: stripe.StripeClient, number: str) -> None:
    with pytest.raises(stripe.CardError):
        card(client, number)

    assert client.v1.payment_methods.list({"type": "card"}).data == []


def test_the_card_0341_attaches_and_fails_when_charged(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "a@example.com"})
    method = client.v1.payment_methods.attach(card(client, "4000000000000341").id, {"customer": customer.id})

    with pytest.raises(stripe.CardError):
        paid(client, payment_method=method.id, customer=customer.id)

    assert client.v1.customers.payment_methods.list(customer.id).data[0].id == method.id


def test_a_declining_card_does_not_attach(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({})

    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.attach(card(client, "4000000000000002").id, {"customer": customer.id})

    assert client.v1.customers.payment_methods.list(customer.id).data == []


def test_another_customers_card_is_refused(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    owner, other = client.v1.customers.create({}), client.v1.customers.create({})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": owner.id})

    with pytest.raises(stripe.InvalidRequestError):
        paid(client, payment_method=method.id, customer=other.id)

    assert sandbox.state("ord_1") == {}
    assert client.v1.payment_methods.detach(method.id).customer is None


@pytest.mark.parametrize("method", ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"])
def test_a_passed_challenge_pays(client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox, method: str) -> None:
    intent = paid(client, payment_method=method)
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.type == "use_stripe_sdk"
    assert sandbox.state("ord_1")["authorized"] == 0

    answer = sandbox.challenge(intent.id, "succeed")

    assert answer.json() == {"id": intent.id, "status": "succeeded"}
    assert sandbox.state("ord_1")["captured"] == 1000
    inbox.wait_for("payment_intent.requires_action", "payment_intent.succeeded")


@pytest.mark.parametrize("number", ["4000002500003155", "4000002760003184"])
def test_a_failed_challenge_returns_to_the_method(
    client: stripe.StripeClient, sandbox: Sandbox, inbox: Inbox, number: str
) -> None:
    intent = paid(client, payment_method=card(client, number).id)

    sandbox.challenge(intent.id, "fail")

    after = client.v1.payment_intents.retrieve(intent.id)
    assert (after.status, after.next_action) == ("requires_payment_method", None)
    assert after.last_payment_error is not None
    assert after.last_payment_error.code == "payment_intent_authentication_failure"
    assert sandbox.state("ord_1")["authorized"] == 0
    inbox.wait_for("payment_intent.payment_failed")


def test_a_challenge_with_a_return_url_sends_the_holder_back(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = paid(
        client,
        payment_method="pm_card_authenticationRequired",
        capture_method="manual",
        return_url="https://shop.example/done?cart=7",
    )
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    page = str(intent.next_action.redirect_to_url.url)

    shown = httpx2.get(page)
    back = httpx2.post(page, params={"outcome": "succeed"})

    assert "Complete" in shown.text
    assert back.status_code == 303
    assert back.headers["location"].startswith(f"https://shop.example/done?cart=7&payment_intent={intent.id}&")
    assert back.headers["location"].endswith("redirect_status=succeeded")
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"
    assert sandbox.state("ord_1")["authorized"] == 1000


def test_a_challenge_is_posed_once(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = paid(client, payment_method="pm_card_authenticationRequired")

    sandbox.challenge(intent.id, "succeed")
    again = sandbox.challenge(intent.id, "succeed")

    assert again.status_code == 409
    assert sandbox.state("ord_1")["captures"] == 1


def test_a_card_can_pass_the_challenge_and_still_be_declined(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = paid(client, payment_method="pm_card_threeDSecureRequiredChargeDeclined")

    sandbox.challenge(intent.id, "succeed")

    after = client.v1.payment_intents.retrieve(intent.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error is not None
    assert after.last_payment_error.decline_code == "generic_decline"
    assert sandbox.state("ord_1")["authorized"] == 0


def test_a_challenge_with_nobody_there_is_a_decline(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    customer = client.v1.customers.create({})
    method = client.v1.payment_methods.attach(card(client, "4000002760003184").id, {"customer": customer.id})

    with pytest.raises(stripe.CardError) as declined:
        paid(client, payment_method=method.id, customer=customer.id, off_session=True)

    assert declined.value.code == "authentication_required"
    assert sandbox.state("ord_1")["authorized"] == 0


def test_the_card_3155_asks_no_more_once_it_is_set_up(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    customer = client.v1.customers.create({})
    method = card(client, "4000002500003155")
    first = paid(client, payment_method=method.id, customer=customer.id, setup_future_usage="off_session")
    sandbox.challenge(first.id, "succeed")

    second = paid(client, "ord_2", payment_method=method.id, customer=customer.id, off_session=True)

    assert second.status == "succeeded"
    assert client.v1.payment_methods.retrieve(method.id).customer == customer.id


def test_with_manual_confirmation_a_passed_challenge_awaits_the_merchant(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    intent = paid(client, payment_method="pm_card_authenticationRequired", confirmation_method="manual")

    sandbox.challenge(intent.id, "succeed")
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_confirmation"
    assert sandbox.state("ord_1")["captured"] == 0
    done = client.v1.payment_intents.confirm(intent.id)

    assert done.status == "succeeded"
