"""Lists, cursors, filters, and a search that lags."""

import time

import pytest
import stripe

from tests.support.stripe_payments import intent_for, paid
from tests.support.stripe_sandbox import Sandbox, wait_until


def test_a_list_is_newest_first_and_pages_both_ways(client: stripe.StripeClient) -> None:
    ids = [intent_for(client, f"ord_{number}").id for number in range(5)][::-1]

    first = client.v1.payment_intents.list({"limit": 2})
    second = client.v1.payment_intents.list({"limit": 2, "starting_after": ids[1]})
    last = client.v1.payment_intents.list({"limit": 2, "starting_after": ids[3]})
    back = client.v1.payment_intents.list({"limit": 2, "ending_before": ids[3]})

    assert ([intent.id for intent in first.data], first.has_more) == (ids[:2], True)
    assert ([intent.id for intent in second.data], second.has_more) == (ids[2:4], True)
    assert ([intent.id for intent in last.data], last.has_more) == (ids[4:], False)
    assert ([intent.id for intent in back.data], back.has_more) == (ids[1:3], True)
    assert [intent.id for intent in client.v1.payment_intents.list({"limit": 2}).auto_paging_iter()] == ids


def test_a_list_filters_by_customer_and_by_time(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "a@example.com"})
    mine, other = intent_for(client, customer=customer.id), intent_for(client)

    def found(**asked: object) -> list[str]:
        return [intent.id for intent in client.v1.payment_intents.list(asked).data]  # type: ignore[arg-type] # a spread

    assert found(customer=customer.id) == [mine.id]
    assert found(created={"gte": mine.created}) == [other.id, mine.id]
    assert found(created={"gt": other.created}) == []
    assert found(customer=customer.id, created={"gte": mine.created, "lte": mine.created}) == [mine.id]
    assert found(customer=customer.id, created={"lt": mine.created}) == []


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_one_to_a_hundred_rows(client: stripe.StripeClient, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.list({"limit": limit})


def test_charges_are_listed_by_intent_and_customer(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({})
    intent = paid(client, customer=customer.id)
    paid(client, "ord_2")

    by_intent = client.v1.charges.list({"payment_intent": intent.id}).data
    by_customer = client.v1.charges.list({"customer": customer.id, "expand": ["data.payment_intent"]}).data

    assert [charge.id for charge in by_intent] == [intent.latest_charge]
    assert [charge.id for charge in by_customer] == [intent.latest_charge]
    assert isinstance(by_customer[0].payment_intent, stripe.PaymentIntent)


def test_customers_are_listed_by_email(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "a@example.com", "name": "A"})
    client.v1.customers.create({"email": "b@example.com"})
    client.v1.customers.update(customer.id, {"description": "regular"})

    (found,) = client.v1.customers.list({"email": "a@example.com"}).data

    assert (found.id, found.name, found.description) == (customer.id, "A", "regular")
    assert client.v1.customers.retrieve(customer.id).email == "a@example.com"


def search(client: stripe.StripeClient, query: str) -> list[str]:
    return [intent.id for intent in client.v1.payment_intents.search({"query": query}).data]


def test_the_search_does_not_see_what_is_fresh(client: stripe.StripeClient) -> None:
    intent = intent_for(client)

    assert search(client, "metadata['order_id']:'ord_1'") == []
    assert client.v1.payment_intents.list().data[0].id == intent.id


def test_the_search_sees_what_is_older_than_its_lag(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.script(search_lag_ms=500)
    began = time.monotonic()
    intent = intent_for(client)

    wait_until(lambda: search(client, "metadata['order_id']:'ord_1'") == [intent.id])

    assert time.monotonic() - began >= 0.5


def test_the_search_finds_by_metadata_and_status(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.script(search_lag_ms=0)
    done, waiting = paid(client, "ord_1"), intent_for(client, "ord_1")
    intent_for(client, "ord_2")

    assert search(client, "metadata['order_id']:'ord_1'") == [waiting.id, done.id]
    assert search(client, "metadata['order_id']:'ord_1' AND status:'succeeded'") == [done.id]
    assert search(client, 'metadata["order_id"]:"ord_9"') == []
    page = client.v1.payment_intents.search({"query": "currency:'eur'", "limit": 2})
    rest = client.v1.payment_intents.search({"query": "currency:'eur'", "limit": 2, "page": str(page.next_page)})
    assert (len(page.data), page.has_more, len(rest.data), rest.has_more) == (2, True, 1, False)


def test_a_query_the_search_does_not_know_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="knows metadata"):
        search(client, "colour~'red'")


def test_what_does_not_expand_is_refused(client: stripe.StripeClient) -> None:
    intent = intent_for(client)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.retrieve(intent.id, {"expand": ["amount"]})

    assert refused.value.code == "property_cannot_be_expanded"
