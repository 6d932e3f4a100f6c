"""Each fault a script can order, and that it strikes when and only when it should."""

import time
from typing import Any

import httpx2
import pytest
import stripe

from sandbox.faults import Casting, Do, SeenRequest
from sandbox.stripe.script import StripeScript
from tests.support.stripe_payments import held, intent_for, paid
from tests.support.stripe_sandbox import Inbox, Sandbox, wait_until

INTENTS = "/v1/payment_intents*"


def impatient(sandbox: Sandbox) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_holdfast",
        base_addresses={"api": sandbox.url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=0.5),
    )


@pytest.mark.parametrize("kind", ["timeout_before", "drop_connection"])
def test_nothing_happened_when_the_answer_is_lost_before(sandbox: Sandbox, kind: str) -> None:
    sandbox.script(faults=[{"method": "POST", "path": INTENTS, "times": 1, "do": kind}])
    client = impatient(sandbox)

    with pytest.raises(stripe.APIConnectionError):
        paid(client, key="k")
    assert sandbox.state("ord_1") == {}

    assert paid(client, key="k").status == "succeeded"
    assert sandbox.state("ord_1")["captures"] == 1


@pytest.mark.parametrize("kind", ["timeout_after", "drop_connection_after"])
def test_it_happened_when_the_answer_is_lost_after(sandbox: Sandbox, kind: str) -> None:
    sandbox.script(faults=[{"method": "POST", "path": INTENTS, "times": 1, "do": kind}])
    client = impatient(sandbox)

    with pytest.raises(stripe.APIConnectionError):
        paid(client, key="k")
    assert sandbox.state("ord_1")["captured"] == 1000

    assert paid(client, key="k").status == "succeeded"
    assert sandbox.state("ord_1")["intents"] == 1
    assert sandbox.state("ord_1")["captures"] == 1


def test_a_dropped_connection_ends_at_once_and_a_timeout_does_not(sandbox: Sandbox) -> None:
    sandbox.script(
        faults=[{"path": "/v1/charges", "do": "drop_connection"}, {"path": "/v1/events", "do": "timeout_before"}]
    )
    headers = {"Authorization": "Bearer sk_test_x"}

    with pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(f"{sandbox.url}/v1/charges", headers=headers, timeout=30)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(f"{sandbox.url}/v1/events", headers=headers, timeout=0.3)


def test_an_error_before_the_effect_leaves_the_key_unused(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.script(faults=[{"path": INTENTS, "times": 1, "do": "error_500"}])

    with pytest.raises(stripe.APIError) as broken:
        paid(client, key="k")
    assert broken.value.http_status == 500
    assert sandbox.state("ord_1") == {}

    assert paid(client, key="k").status == "succeeded"


def test_an_error_after_the_effect_is_replayed_under_its_key(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.script(faults=[{"path": INTENTS, "times": 1, "do": "error_500_after"}])

    for _ in range(2):
        with pytest.raises(stripe.APIError) as broken:
            paid(client, key="k")
        assert broken.value.http_status == 500

    assert sandbox.state("ord_1")["intents"] == 1
    assert sandbox.state("ord_1")["captured"] == 1000
    assert [intent.status for intent in client.v1.payment_intents.list().data] == ["succeeded"]


@pytest.mark.parametrize(("code", "said"), [(None, "rate_limit"), ("lock_timeout", "lock_timeout")])
def test_a_rate_limit_says_when_to_come_back(sandbox: Sandbox, code: str | None, said: str) -> None:
    sandbox.script(faults=[{"path": INTENTS, "times": 1, "do": "rate_limit", "code": code}])
    data = {"amount": "1000", "currency": "eur", "metadata[order_id]": "ord_1"}

    answer = sandbox.post("/v1/payment_intents", data, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"]["code"] == said
    assert sandbox.state("ord_1") == {}

    assert sandbox.post("/v1/payment_intents", data, **{"Idempotency-Key": "k"}).status_code == 200


def test_a_scripted_decline_strikes_confirmations_only(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.script(faults=[{"path": INTENTS, "times": 1, "do": "decline", "code": "insufficient_funds"}])
    intent = intent_for(client)

    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert declined.value.error is not None
    assert declined.value.error.decline_code == "insufficient_funds"
    assert sandbox.state("ord_1")["authorized"] == 0

    assert client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"}).status == "succeeded"


def test_slow_is_slow_and_then_answers(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.script(faults=[{"path": INTENTS, "times": 1, "do": "slow", "ms": 400}])
    began = time.monotonic()

    assert paid(client).status == "succeeded"
    assert time.monotonic() - began >= 0.4


def test_a_refund_told_to_fail_later_does(sandbox: Sandbox, client: stripe.StripeClient, inbox: Inbox) -> None:
    intent = paid(client)
    sandbox.script(refund_turns_ms=50, faults=[{"times": 1, "do": "refund_fails_later"}])

    assert client.v1.refunds.create({"payment_intent": intent.id}).status == "succeeded"

    inbox.wait_for("refund.failed")
    assert sandbox.state("ord_1")["refunded"] == 0
    assert client.v1.refunds.create({"payment_intent": intent.id}).status == "succeeded"
    assert sandbox.state("ord_1")["refunded"] == 1000


def test_a_fault_strikes_only_its_method_and_path(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.script(faults=[{"method": "POST", "path": "/v1/payment_intents/*/capture", "do": "error_500"}])
    intent = held(client)

    with pytest.raises(stripe.APIError):
        client.v1.payment_intents.capture(intent.id)

    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"
    assert [(seen["method"], seen["status"], seen["fault"]) for seen in sandbox.requests()] == [
        ("POST", 200, None),
        ("POST", 500, "error_500"),
        ("GET", 200, None),
    ]


def test_the_request_log_tells_key_params_order_and_fault(sandbox: Sandbox) -> None:
    client = impatient(sandbox)
    intent = held(client, key="k")
    sandbox.script(faults=[{"path": "*/capture", "do": "timeout_after"}])
    with pytest.raises(stripe.APIConnectionError):
        client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 600})
    sandbox.script()
    client.v1.refunds.create({"payment_intent": intent.id})

    created, captured, refunded = sandbox.requests()

    assert (created["path"], created["key"], created["order_id"]) == ("/v1/payment_intents", "k", "ord_1")
    assert created["params"]["amount"] == "1000"
    assert (captured["status"], captured["fault"], captured["order_id"]) == (None, "timeout_after", "ord_1")
    assert captured["params"] == {"amount_to_capture": "600"}
    assert (refunded["status"], refunded["fault"], refunded["order_id"]) == (200, None, "ord_1")
    assert created["time"] <= captured["time"] <= refunded["time"]


def test_reset_forgets_script_requests_and_state(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.script(faults=[{"path": "/v1/refunds", "do": "error_500"}])
    intent = paid(client, key="k")

    sandbox.reset()

    assert httpx2.get(f"{sandbox.url}/_sandbox/script").json()["faults"] == []
    assert sandbox.requests() == []
    assert httpx2.get(f"{sandbox.url}/_sandbox/state").json() == {"payments": {}}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.retrieve(intent.id)
    assert paid(client, key="k").id != intent.id


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ({"faults": [{"do": "explode"}]}, "faults.0.do"),
        ({"faults": [{"do": "slow"}]}, "slow needs 'ms'"),
        ({"faults": [{"do": "decline"}]}, "a decline needs a 'code'"),
        ({"faults": [{"do": "decline", "code": "bored"}]}, "knows no code 'bored'"),
        ({"faults": [{"do": "error_500", "probability": 1.5}]}, "faults.0.probability"),
        ({"faults": [{"do": "error_500", "times": 0}]}, "faults.0.times"),
        ({"fault": []}, "fault"),
        ({"webhooks": {"drop": 2}}, "webhooks.drop"),
        ([], "valid dictionary"),
    ],
)
def test_an_invalid_script_is_refused_and_the_old_one_stays(sandbox: Sandbox, script: Any, complaint: str) -> None:
    sandbox.script(seed=9, faults=[{"do": "error_500", "path": "/v1/refunds"}])

    answer = httpx2.put(f"{sandbox.url}/_sandbox/script", json=script)

    assert answer.status_code == 422
    assert complaint in answer.text
    kept = httpx2.get(f"{sandbox.url}/_sandbox/script").json()
    assert (kept["seed"], kept["faults"][0]["do"]) == (9, "error_500")


def test_a_script_that_is_no_json_is_refused(sandbox: Sandbox) -> None:
    assert httpx2.put(f"{sandbox.url}/_sandbox/script", content=b"{").status_code == 422


def strikes(seed: int, paths: list[str]) -> list[str | None]:
    faults = [
        {"path": "/a*", "probability": 0.5, "do": "error_500"},
        {"path": "*", "probability": 0.3, "do": "rate_limit"},
    ]
    casting = Casting(StripeScript.model_validate({"seed": seed, "faults": faults}))
    drawn = [casting.draw(SeenRequest("GET", path, None, {}, None, 0.0), lambda *_: True) for path in paths]
    return [fault.do if fault else None for fault in drawn]


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    paths = ["/a", "/b"] * 50

    assert strikes(7, paths) == strikes(7, paths)
    assert strikes(7, paths) != strikes(8, paths)
    assert {Do.ERROR_500, Do.RATE_LIMIT, None} == set(strikes(7, paths))


def test_a_rules_draws_do_not_depend_on_what_else_was_asked() -> None:
    alone = strikes(7, ["/a"] * 40)
    mixed = strikes(7, ["/a", "/b", "/b"] * 40)[::3]

    assert [do == Do.ERROR_500 for do in alone] == [do == Do.ERROR_500 for do in mixed]


def test_a_replaced_script_starts_over(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    script = {"seed": 3, "faults": [{"path": "/v1/charges", "probability": 0.5, "do": "error_500"}]}

    def run() -> list[int]:
        sandbox.script(**script)
        headers = {"Authorization": "Bearer sk_test_x"}
        return [httpx2.get(f"{sandbox.url}/v1/charges", headers=headers).status_code for _ in range(20)]

    first = run()

    assert set(first) == {200, 500}
    assert run() == first
    assert client.v1.charges.retrieve is not None


async def test_the_sandbox_routes_answer_loopback_clients_only() -> None:
    from sandbox.stripe import create_app  # noqa: PLC0415 - the only test that calls it in-process

    statuses = []
    for client in ("127.0.0.1", "::1", "127.8.0.1", "10.0.0.7", "192.0.2.1"):
        transport = httpx2.ASGITransport(create_app(None, "whsec_x"), client=(client, 5))
        async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox") as http:
            statuses.append((await http.get("/_sandbox/state")).status_code)

    assert statuses == [200, 200, 200, 403, 403]


def test_a_held_connection_is_let_go_when_its_client_leaves(sandbox: Sandbox) -> None:
    sandbox.script(faults=[{"path": "/v1/charges", "times": 1, "do": "timeout_before"}])
    headers = {"Authorization": "Bearer sk_test_x"}
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(f"{sandbox.url}/v1/charges", headers=headers, timeout=0.2)

    answered = wait_until(lambda: httpx2.get(f"{sandbox.url}/v1/charges", headers=headers).status_code == 200)

    assert answered
