"""What is wrong with a request is said in Stripe's words, and nothing happens."""

from typing import Any

import httpx2
import pytest
import stripe

from sandbox.stripe.forms import parse
from tests.support.stripe_payments import intent_for, paid
from tests.support.stripe_sandbox import Sandbox

REFUSED: list[tuple[dict[str, str], str | None, str]] = [
    ({"currency": "eur"}, "parameter_missing", "amount"),
    ({"amount": "1000"}, "parameter_missing", "currency"),
    ({"amount": "ten", "currency": "eur"}, "parameter_invalid_integer", "amount"),
    ({"amount": "10.5", "currency": "eur"}, "parameter_invalid_integer", "amount"),
    ({"amount": "0", "currency": "eur"}, "parameter_invalid_integer", "amount"),
    ({"amount": "-5", "currency": "eur"}, "parameter_invalid_integer", "amount"),
    ({"amount": "49", "currency": "eur"}, "amount_too_small", "amount"),
    ({"amount": "29", "currency": "gbp"}, "amount_too_small", "amount"),
    ({"amount": "49", "currency": "jpy"}, "amount_too_small", "amount"),
    ({"amount": "100000000", "currency": "eur"}, "amount_too_large", "amount"),
    ({"amount": "1005", "currency": "kwd"}, "parameter_invalid_integer", "amount"),
    ({"amount": "1000", "currency": "zzz"}, None, "currency"),
    ({"amount": "1000", "currency": "eur", "colour": "red"}, "parameter_unknown", "colour"),
    ({"amount": "1000", "currency": "eur", "confirm": "yes"}, None, "confirm"),
    ({"amount": "1000", "currency": "eur", "capture_method": "late"}, None, "capture_method"),
    ({"amount": "1000", "currency": "eur", "customer": "cus_x"}, "resource_missing", "customer"),
    ({"amount": "1000", "currency": "eur", "payment_method": "pm_x"}, "resource_missing", "payment_method"),
    (
        {"amount": "1000", "currency": "eur", "automatic_payment_methods[on]": "true"},
        "parameter_unknown",
        "automatic_payment_methods[on]",
    ),
]


@pytest.mark.parametrize(("data", "code", "param"), REFUSED)
def test_a_malformed_create_is_refused_and_makes_nothing(
    client: stripe.StripeClient, sandbox: Sandbox, data: dict[str, str], code: str | None, param: str
) -> None:
    answer = sandbox.post("/v1/payment_intents", {**data, "metadata[order_id]": "ord_1"})

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error.get("code"), error["param"]) == ("invalid_request_error", code, param)
    assert answer.headers["request-id"].startswith("req_")
    assert client.v1.payment_intents.list().data == []


@pytest.mark.parametrize(
    ("amount", "currency"), [(50, "eur"), (50, "jpy"), (30, "gbp"), (1010, "kwd"), (99_999_999, "usd"), (1, "bif")]
)
def test_the_least_and_the_largest_amounts_pass(client: stripe.StripeClient, amount: int, currency: str) -> None:
    assert paid(client, amount=amount, currency=currency).amount_received == amount


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/payment_intents/pi_x"),
        ("POST", "/v1/payment_intents/pi_x/confirm"),
        ("POST", "/v1/payment_intents/pi_x/capture"),
        ("POST", "/v1/payment_intents/pi_x/cancel"),
        ("GET", "/v1/charges/ch_x"),
        ("GET", "/v1/refunds/re_x"),
        ("GET", "/v1/customers/cus_x"),
        ("GET", "/v1/payment_methods/pm_x"),
        ("GET", "/v1/events/evt_x"),
    ],
)
def test_an_unknown_object_is_not_found(sandbox: Sandbox, method: str, path: str) -> None:
    answer = httpx2.request(method, sandbox.url + path, headers={"Authorization": "Bearer sk_test_x"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")


def test_an_unknown_route_is_answered_in_stripes_shape(sandbox: Sandbox) -> None:
    answer = httpx2.get(f"{sandbox.url}/v1/nonsense", headers={"Authorization": "Bearer sk_test_x"})

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Unrecognized request URL (GET: /v1/nonsense)."


def test_a_request_without_a_key_is_refused(sandbox: Sandbox) -> None:
    answer = httpx2.post(f"{sandbox.url}/v1/payment_intents", data={"amount": "1000", "currency": "eur"})

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_key_may_come_as_a_basic_user_as_curl_sends_it(sandbox: Sandbox) -> None:
    answer = httpx2.get(f"{sandbox.url}/v1/payment_intents", auth=("sk_test_x", ""))

    assert answer.json()["data"] == []


def test_metadata_merges_and_an_empty_value_removes_its_key(client: stripe.StripeClient) -> None:
    intent = intent_for(client, metadata={"order_id": "ord_1", "a": "1", "b": "2"})

    changed = client.v1.payment_intents.update(intent.id, {"metadata": {"a": "", "c": "3"}})
    cleared = client.v1.payment_intents.update(intent.id, {"metadata": ""})

    assert changed.metadata.to_dict() == {"order_id": "ord_1", "b": "2", "c": "3"}
    assert cleared.metadata.to_dict() == {}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a[b]=1&a[c][d]=2", {"a": {"b": "1", "c": {"d": "2"}}}),
        ("a[0]=x&a[1]=y", {"a": ["x", "y"]}),
        ("a[]=x&a[]=y", {"a": ["x", "y"]}),
        ("a[1]=y&a[0][k]=x", {"a": [{"k": "x"}, "y"]}),
        ("metadata[order%20id]=%C3%A4", {"metadata": {"order id": "ä"}}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
    ],
)
def test_bracketed_forms_nest(text: str, read: dict[str, Any]) -> None:
    assert parse(text) == read
