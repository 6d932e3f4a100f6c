"""One key, one effect: replay, conflicts, and what is not kept."""

import asyncio
from typing import Any

import httpx2
import pytest
import stripe

from tests.support.stripe_payments import held, intent_for, paid
from tests.support.stripe_sandbox import Sandbox, wait_until

CREATE = {
    "amount": "1000",
    "currency": "eur",
    "payment_method_types[]": "card",
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "metadata[order_id]": "ord_1",
}


def create(sandbox: Sandbox, key: str, caller: str = "sk_test_holdfast", **changes: str) -> httpx2.Response:
    headers = {"Idempotency-Key": key, "Authorization": f"Bearer {caller}"}
    return sandbox.post("/v1/payment_intents", {**CREATE, **changes}, **headers)


def test_a_repeated_create_is_replayed_word_for_word(sandbox: Sandbox) -> None:
    first, second = create(sandbox, "k"), create(sandbox, "k")

    assert (second.status_code, second.content) == (200, first.content)
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["original-request"] == first.headers["request-id"]
    assert second.headers["request-id"] != first.headers["request-id"]
    assert sandbox.state("ord_1")["intents"] == 1


def test_twenty_at_once_make_one_intent(sandbox: Sandbox) -> None:
    sandbox.script(faults=[{"path": "/v1/payment_intents", "do": "slow", "ms": 300}])

    async def all_at_once() -> list[int]:
        headers = {"Authorization": "Bearer sk_test_x", "Idempotency-Key": "k"}
        async with httpx2.AsyncClient(limits=httpx2.Limits(max_connections=20), timeout=10) as http:
            url = f"{sandbox.url}/v1/payment_intents"
            answers = await asyncio.gather(*(http.post(url, data=CREATE, headers=headers) for _ in range(20)))
        busy = [answer.json()["error"] for answer in answers if answer.status_code == 409]
        assert {(error["type"], error["code"]) for error in busy} <= {("idempotency_error", "idempotency_key_in_use")}
        return sorted(answer.status_code for answer in answers)

    with asyncio.Runner() as runner:
        statuses = runner.run(all_at_once())

    assert statuses == [200, *[409] * 19]
    assert sandbox.state("ord_1")["intents"] == 1
    assert sandbox.state("ord_1")["captured"] == 1000


def test_twenty_at_once_through_the_sdk_make_one_intent(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    async def all_at_once() -> set[str]:
        tries = (asyncio.to_thread(paid, client, key="k") for _ in range(20))
        return {intent.id for intent in await asyncio.gather(*tries)}

    with asyncio.Runner() as runner:
        ids = runner.run(all_at_once())

    assert len(ids) == 1
    assert sandbox.state("ord_1")["intents"] == 1


def test_other_parameters_under_the_same_key_are_refused(sandbox: Sandbox) -> None:
    create(sandbox, "k")

    answer = create(sandbox, "k", amount="2000")

    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")
    assert sandbox.state("ord_1")["intents"] == 1
    assert sandbox.state("ord_1")["captured"] == 1000


def test_another_endpoint_under_the_same_key_is_refused(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    first = held(client, "ord_1", key="k")

    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.payment_intents.capture(first.id, {}, {"idempotency_key": "k"})

    assert sandbox.state("ord_1")["captured"] == 0


def test_another_account_has_keys_of_its_own(sandbox: Sandbox) -> None:
    create(sandbox, "k", "sk_test_a")
    create(sandbox, "k", "sk_test_b")

    assert sandbox.state("ord_1")["intents"] == 2


def test_a_decline_is_replayed_and_not_tried_again(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    errors: list[Any] = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            paid(client, payment_method="pm_card_chargeDeclined", key="k")
        errors.append(declined.value.json_body)

    assert errors[0] == errors[1]
    assert sandbox.state("ord_1")["intents"] == 1
    assert len(client.v1.charges.list().data) == 1


@pytest.mark.parametrize("wrong", [{"amount": "0"}, {"colour": "red"}, {"payment_method": "pm_none"}])
def test_a_malformed_request_does_not_use_up_its_key(sandbox: Sandbox, wrong: dict[str, str]) -> None:
    assert create(sandbox, "k", **wrong).status_code == 400

    assert create(sandbox, "k").status_code == 200
    assert sandbox.state("ord_1")["intents"] == 1


def test_a_rejected_api_key_does_not_use_up_the_idempotency_key(sandbox: Sandbox) -> None:
    assert create(sandbox, "k", "sk_live_x").status_code == 401

    assert create(sandbox, "k").status_code == 200


def test_a_refusal_by_state_is_replayed(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    intent = intent_for(client)
    path = f"/v1/payment_intents/{intent.id}/capture"

    early = sandbox.post(path, {}, **{"Idempotency-Key": "k"})
    client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa", "capture_method": "manual"})
    again = sandbox.post(path, {}, **{"Idempotency-Key": "k"})

    assert early.json()["error"]["code"] == "payment_intent_unexpected_state"
    assert again.content == early.content
    assert sandbox.state("ord_1")["captured"] == 0


def test_capture_cancel_and_refund_happen_once_under_their_key(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    captured, cancelled = held(client, "ord_1"), held(client, "ord_2")
    for _ in range(3):
        client.v1.payment_intents.capture(captured.id, {"amount_to_capture": 600}, {"idempotency_key": "c"})
        client.v1.payment_intents.cancel(cancelled.id, {}, {"idempotency_key": "v"})
        client.v1.refunds.create({"payment_intent": captured.id, "amount": 100}, {"idempotency_key": "r"})

    assert sandbox.state("ord_1")["captured"] == 600
    assert sandbox.state("ord_1")["refunds"] == 1
    assert sandbox.state("ord_1")["refunded"] == 100
    assert sandbox.state("ord_2")["voided"] == 1000


def test_a_pruned_key_acts_anew(sandbox: Sandbox) -> None:
    sandbox.script(idempotency_ttl_ms=0)
    first = create(sandbox, "k")

    second = wait_until(lambda: (again := create(sandbox, "k")).json()["id"] != first.json()["id"] and again)

    assert second is not False
    assert "idempotent-replayed" not in second.headers
    assert sandbox.state("ord_1")["intents"] == 2


def test_a_read_takes_no_notice_of_a_key(sandbox: Sandbox) -> None:
    headers = {"Authorization": "Bearer sk_test_x", "Idempotency-Key": "k"}
    intent_id = create(sandbox, "c").json()["id"]
    before = httpx2.get(f"{sandbox.url}/v1/payment_intents/{intent_id}", headers=headers)
    sandbox.post(f"/v1/payment_intents/{intent_id}", {"description": "new"})

    after = httpx2.get(f"{sandbox.url}/v1/payment_intents/{intent_id}", headers=headers)

    assert (before.json()["description"], after.json()["description"]) == (None, "new")
