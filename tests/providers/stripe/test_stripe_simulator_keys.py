"""Who may call what: secret keys, browser keys, and no others."""

import httpx2
import pytest
import stripe

from tests.support.stripe_payments import intent_for
from tests.support.stripe_sandbox import Sandbox


def test_a_browser_key_confirms_and_reads_one_intent_by_its_secret(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    intent = intent_for(client)
    browser = sandbox.client("pk_test_holdfast")
    assert intent.client_secret is not None
    secret = intent.client_secret

    read = browser.v1.payment_intents.retrieve(intent.id, {"client_secret": secret})
    done = httpx2.post(
        f"{sandbox.url}/v1/payment_intents/{intent.id}/confirm",
        data={"client_secret": secret, "payment_method": "pm_card_visa", "use_stripe_sdk": "true"},
        headers={"Authorization": "Bearer pk_test_holdfast"},
    )

    assert "metadata" not in read.to_dict()
    assert done.json()["status"] == "succeeded"
    with pytest.raises(stripe.InvalidRequestError):
        browser.v1.payment_intents.retrieve(intent.id, {"client_secret": "wrong"})
    with pytest.raises(stripe.AuthenticationError):
        browser.v1.payment_intents.cancel(intent.id)
    with pytest.raises(stripe.AuthenticationError):
        browser.v1.payment_intents.list()


@pytest.mark.parametrize("key", ["sk_live_x", "nonsense", "sk_test_"])
def test_any_other_key_is_unknown(sandbox: Sandbox, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError) as refused:
        intent_for(sandbox.client(key))

    assert refused.value.http_status == 401
    assert sandbox.state("ord_1") == {}
