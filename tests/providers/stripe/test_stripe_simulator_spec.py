"""Every route is asked and answered in the words of Stripe's own description."""

import json
import re

import stripe

from sandbox.stripe.forms import parse
from sandbox.stripe.operations import OPERATIONS
from tests.support.stripe_payments import card, held, intent_for, paid
from tests.support.stripe_sandbox import Sandbox
from tests.support.stripe_spec import needs_specs, stripe_spec


def visit_every_route(client: stripe.StripeClient) -> None:
    api = client.v1
    customer = api.customers.create({"email": "a@example.com", "address": {"city": "Bonn", "country": "DE"}})
    api.customers.retrieve(customer.id)
    api.customers.update(customer.id, {"name": "A"})
    api.customers.list()
    method = card(client, "4242424242424242")
    api.payment_methods.update(method.id, {"metadata": {"a": "b"}})
    api.payment_methods.attach(method.id, {"customer": customer.id})
    api.payment_methods.retrieve(method.id)
    api.payment_methods.list({"customer": customer.id, "type": "card"})
    api.customers.payment_methods.list(customer.id)
    intent = intent_for(client, customer=customer.id, description="d", statement_descriptor_suffix="S")
    api.payment_intents.update(intent.id, {"amount": 1100})
    api.payment_intents.confirm(intent.id, {"payment_method": method.id, "expand": ["latest_charge", "customer"]})
    api.payment_intents.retrieve(intent.id, {"expand": ["latest_charge.balance_transaction", "payment_method"]})
    api.payment_intents.capture(held(client).id, {"amount_to_capture": 500})
    api.payment_intents.cancel(held(client).id, {"cancellation_reason": "abandoned"})
    paid(client, payment_method="pm_card_authenticationRequired")
    api.payment_intents.list({"limit": 3, "created": {"gte": 1}})
    api.payment_intents.search({"query": "metadata['order_id']:'ord_1'"})
    refund = api.refunds.create({"payment_intent": intent.id, "amount": 100, "reason": "duplicate"})
    api.refunds.retrieve(refund.id, {"expand": ["charge", "payment_intent"]})
    api.refunds.update(refund.id, {"metadata": {"a": "b"}})
    api.refunds.list({"payment_intent": intent.id})
    (charge,) = api.charges.list({"payment_intent": intent.id}).data
    api.charges.retrieve(charge.id, {"expand": ["refunds"]})
    api.balance_transactions.retrieve(str(charge.balance_transaction))
    api.balance_transactions.list()
    api.events.retrieve(api.events.list({"limit": 100}).data[-1].id)
    api.payment_methods.detach(method.id)


@needs_specs
def test_every_route_speaks_as_stripe_describes_it(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    spec = stripe_spec()
    assert spec is not None

    visit_every_route(client)

    for spoken in sandbox.spoken:
        sent, reply = parse(spoken.sent), json.loads(spoken.reply)
        assert spoken.status == 200
        assert spec.problems_of_request(spoken.method, spoken.path, sent) == []
        assert spec.problems_of_reply(spoken.method, spoken.path, 200, reply) == [], spoken.path
    # A refund's cancel is refused for cards, which the refund tests cover.
    routes = [(each.method, each.path) for each in OPERATIONS if each.path != "/v1/refunds/{id}/cancel"]
    said = {(spoken.method, spoken.path) for spoken in sandbox.spoken}
    for method, path in routes:
        pattern = path.replace("{id}", r"[a-z]+_\w+")
        assert any(verb == method and re.fullmatch(pattern, place) for verb, place in said), (method, path)


@needs_specs
def test_objects_have_every_field_that_stripes_examples_have(client: stripe.StripeClient) -> None:
    spec = stripe_spec()
    assert spec is not None
    customer = client.v1.customers.create({})
    intent = paid(client, customer=customer.id)
    method = client.v1.payment_methods.retrieve(str(intent.payment_method))
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    charge = client.v1.charges.retrieve(str(intent.latest_charge), {"expand": ["refunds"]})
    # Preview fields, and the card object of old, that a present-day account does not see.
    absent = {
        "payment_intent": {"source", "managed_payments"},
        "charge": {"source"},
        "refund": {"customer", "customer_account", "payment_method"},
    }

    for shown in (customer, intent, method, refund, charge):
        body = shown.to_dict()
        missing = spec.example(body["object"]).keys() - body.keys()
        assert missing == absent.get(body["object"], set())


@needs_specs
def test_the_validator_finds_what_is_wrong(client: stripe.StripeClient) -> None:
    spec = stripe_spec()
    assert spec is not None
    good = json.loads(json.dumps(intent_for(client).to_dict()))
    path = "/v1/payment_intents"

    assert spec.problems_of_reply("POST", path, 200, good) == []
    assert spec.problems_of_reply("POST", path, 200, {**good, "status": "failed"})
    assert spec.problems_of_reply("POST", path, 200, {**good, "colour": "red"})
    assert spec.problems_of_reply("POST", path, 200, {key: good[key] for key in good if key != "status"})
    assert spec.problems_of_request("POST", path, {"amount": "1000", "currency": "eur"}) == []
    assert spec.problems_of_request("POST", path, {"amount": "ten", "currency": "eur"})
    assert spec.problems_of_request("POST", path, {"currency": "eur"})
    assert spec.problems_of_request("POST", path, {"amount": "1", "currency": "eur", "colour": "red"})
    assert spec.problems_of_request("GET", path, {"limit": "many"})
