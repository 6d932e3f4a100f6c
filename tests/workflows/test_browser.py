"""Cards that the buyer's browser gives to the provider: with the client secret, at once or after a failed try."""

import asyncio
from typing import Any

import pytest
from stripe import CardError, StripeClient

from domain.orders import Role
from tests.support.arena import SOON, Arena

TOTAL = 2644


def browser(arena: Arena) -> StripeClient:
    """What runs on the buyer's page: a publishable key."""
    return StripeClient("pk_test_page", base_addresses={"api": arena.stripe.url}, max_network_retries=0)


def pay(arena: Arena, order: dict[str, Any], card: str = "pm_card_visa") -> None:
    secret = order["next_action"]["client_secret"]
    intent = secret.partition("_secret_")[0]
    # The SDK's types know the server's calls only.
    given: Any = {"payment_method": card, "client_secret": secret}
    browser(arena).v1.payment_intents.confirm(intent, given)


async def placed(arena: Arena, product: str, capture: str = "automatic") -> dict[str, Any]:
    answer = await arena.place(product, payment={"method": "card", "capture": capture})
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    assert (order["status"], order["payment_status"]) == ("pending", "requires_action")
    assert order["next_action"]["type"] == "confirm_card"
    return order


async def test_a_card_given_in_the_browser_pays_the_order(arena: Arena) -> None:
    order = await placed(arena, await arena.product())

    pay(arena, order)

    done = await arena.until(order["id"], status="confirmed", payment_status="completed")
    assert (done["next_action"], done["payments"][0]["captured"]["amount"]) == (None, TOTAL)
    assert (await arena.audit())[1] == ()


async def test_a_card_given_in_the_browser_can_be_held(arena: Arena) -> None:
    order = await placed(arena, await arena.product(), capture="manual")

    pay(arena, order)

    await arena.until(order["id"], status="confirmed", payment_status="authorized")
    assert (await arena.audit())[1] == ()


async def test_a_buyer_who_is_declined_pays_on_the_same_page_after_all(arena: Arena) -> None:
    order = await placed(arena, await arena.product())
    with pytest.raises(CardError):
        pay(arena, order, "pm_card_chargeDeclined")
    await arena.until(order["id"], payment_status="failed")

    pay(arena, order)

    done = await arena.until(order["id"], status="confirmed", payment_status="completed")
    assert [each["status"] for each in done["payments"][0]["attempts"]] == ["succeeded"]
    assert (await arena.truth(order["id"]))["captures"] == 1
    assert (await arena.audit())[1] == ()


async def test_a_buyer_who_gives_no_card_in_time_loses_the_goods_and_can_not_pay_any_more(arena: Arena) -> None:
    arena.rule(payment_deadline=SOON)
    product = await arena.product(on_hand=3)
    order = await placed(arena, product)

    expired = await arena.until(order["id"], status="cancelled", payment_status="cancelled")

    assert expired["cancel_reason"] == "expired"
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 3
    intent = arena.stripe.client().v1.payment_intents.list().data[0]
    assert intent.status == "canceled"
    assert (await arena.audit())[1] == ()


async def test_after_a_decline_the_browser_may_be_asked_for_the_card(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), card="pm_card_chargeDeclined")).json()

    again = (await arena.insist(order, "pay", payment={"method": "card"})).json()

    assert again["next_action"]["type"] == "confirm_card"
    pay(arena, again)
    done = await arena.until(order["id"], status="confirmed", payment_status="completed")
    assert [each["status"] for each in done["payments"][0]["attempts"]] == ["declined", "succeeded"]
    assert (await arena.truth(order["id"]))["captures"] == 1
    assert (await arena.audit())[1] == ()


async def test_a_buyer_who_is_declined_and_then_asked_by_the_bank_pays_after_all(arena: Arena) -> None:
    order = await placed(arena, await arena.product())
    with pytest.raises(CardError):
        pay(arena, order, "pm_card_chargeDeclined")
    await arena.until(order["id"], payment_status="failed")

    pay(arena, order, "pm_card_authenticationRequired")

    await arena.until(order["id"], status="pending", payment_status="requires_action")
    intent = order["next_action"]["client_secret"].partition("_secret_")[0]
    (await asyncio.to_thread(arena.stripe.challenge, intent, "succeed")).raise_for_status()
    await arena.until(order["id"], status="confirmed", payment_status="completed")
    assert (await arena.audit())[1] == ()


@pytest.mark.parametrize(("first", "then"), [("manual", "automatic"), ("automatic", "manual")])
async def test_a_later_choice_says_whether_money_is_held_or_taken(arena: Arena, first: str, then: str) -> None:
    order = (await arena.place(await arena.product(), card="pm_card_chargeDeclined", capture=first)).json()
    again = (await arena.insist(order, "pay", payment={"method": "card", "capture": then})).json()

    pay(arena, again)

    status = {"automatic": "completed", "manual": "authorized"}[then]
    await arena.until(order["id"], status="confirmed", payment_status=status)
    assert (await arena.audit())[1] == ()
    shipped = await arena.insist(order["id"], "ship", Role.SELLER)
    assert (shipped.status_code, shipped.json()["payment_status"]) == (200, "completed")
    assert (await arena.truth(order["id"])).items() >= {"captures": 1, "captured": TOTAL}.items()
    assert (await arena.audit())[1] == ()


async def paid_otherwise(arena: Arena, asked: str) -> tuple[dict[str, Any], str]:
    """A paid order and its intent, of which somebody changed in the dashboard whether the money is taken at once."""
    order = await placed(arena, await arena.product(), capture=asked)
    intent = order["next_action"]["client_secret"].partition("_secret_")[0]
    changed: Any = {"capture_method": {"automatic": "manual", "manual": "automatic"}[asked]}
    arena.stripe.client().v1.payment_intents.update(intent, changed)
    pay(arena, order)
    return order, intent


@pytest.mark.parametrize(("asked", "done"), [("automatic", "authorized"), ("manual", "completed")])
async def test_money_is_booked_as_the_provider_moved_it(arena: Arena, asked: str, done: str) -> None:
    order, _ = await paid_otherwise(arena, asked)

    await arena.until(order["id"], status="confirmed", payment_status=done)
    assert (await arena.audit())[1] == ()
    await arena.insist(order["id"], "ship", Role.SELLER)
    assert (await arena.truth(order["id"])).items() >= {"captures": 1, "captured": TOTAL}.items()
    assert (await arena.audit())[1] == ()


@pytest.mark.parametrize("part", [1000, TOTAL])
async def test_what_is_captured_of_money_that_was_to_be_taken_at_once_is_booked_once(arena: Arena, part: int) -> None:
    order, intent = await paid_otherwise(arena, "automatic")
    await arena.until(order["id"], status="confirmed", payment_status="authorized")

    arena.stripe.client().v1.payment_intents.capture(intent, {"amount_to_capture": part})

    taken = await arena.until(order["id"], payment_status="completed")
    amounts = {name: taken["payments"][0][name]["amount"] for name in ("authorized", "captured")}
    assert amounts == {"authorized": TOTAL, "captured": part}
    assert (await arena.audit())[1] == ()
