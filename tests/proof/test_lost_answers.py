"""An answer lost before or after its effect: the call is repeated until it is answered, and has one effect."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from domain.orders import Role
from tests.proof.sizes import FULL, SEED, sized
from tests.support.arena import Arena, eventually

ROUNDS = sized(5, 100)
ORDERS = 3
PROVES = f"at least {ROUNDS} lost answers of each call before, and as many after its effect"
TOTAL = 2644
# Each round loses answers in another way; a call is lost twice at the most, as attempts follow each other.
LOST = {
    "before": ("drop_connection", "timeout_before", "error_500"),
    "after": ("drop_connection_after", "timeout_after"),
}

Step = Callable[[Arena, str], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Operation:
    """Which calls lose their answers, how to get there, what to do then, and what must be true in the end."""

    path: str
    capture: str
    card: str
    act: Step
    truth: dict[str, int]


async def _confirmed(arena: Arena, order: str) -> dict[str, Any]:
    return await arena.until(order, status="confirmed")


async def _say(arena: Arena, order: str, verb: str, who: Role = Role.BUYER, **body: Any) -> None:
    """A command that is done in the end, although lost answers outlast the API's patience."""
    said = await arena.insist(order, verb, who, patience=180, **body)
    assert said.status_code == 200, said.text


async def _pay(arena: Arena, order: str) -> dict[str, Any]:
    await _say(arena, order, "pay", payment={"method": "card", "payment_method_id": "pm_card_visa"})
    return await arena.until(order, status="confirmed", payment_status="completed")


async def _ship(arena: Arena, order: str) -> dict[str, Any]:
    await _say(arena, order, "ship", Role.SELLER)
    return await arena.until(order, status="shipped", payment_status="completed")


async def _void(arena: Arena, order: str) -> dict[str, Any]:
    await _say(arena, order, "cancel")
    return await arena.until(order, status="cancelled", payment_status="cancelled")


async def _refund(arena: Arena, order: str) -> dict[str, Any]:
    await _say(arena, order, "cancel")
    return await arena.until(order, status="cancelled", payment_status="refunded")


VISA, DECLINED = "pm_card_visa", "pm_card_chargeDeclined"
PAID = {"intents": 1, "captures": 1, "captured": TOTAL, "refunds": 0, "voided": 0}
OPERATIONS = {
    "create": Operation("/v1/payment_intents", "automatic", VISA, _confirmed, PAID),
    "confirm": Operation("/v1/payment_intents/*/confirm", "automatic", DECLINED, _pay, PAID),
    "capture": Operation("/v1/payment_intents/*/capture", "manual", VISA, _ship, PAID),
    "cancel": Operation(
        "/v1/payment_intents/*/cancel", "manual", VISA, _void, {"intents": 1, "captures": 0, "voided": TOTAL}
    ),
    "refund": Operation(
        "/v1/refunds", "automatic", VISA, _refund, {"intents": 1, "captures": 1, "refunds": 1, "refunded": TOTAL}
    ),
}


@pytest.mark.timeout(sized(300, 2400))
@pytest.mark.parametrize("when", LOST)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_lost_answer_has_no_second_effect(arena: Arena, name: str, when: str) -> None:
    operation, lost = OPERATIONS[name], 0
    for number in range(ROUNDS):
        product, seed = await arena.product(), 1000 * SEED + number
        fault = {
            "method": "POST",
            "path": operation.path,
            "times": 1 + number % 2,
            "probability": 0.7 if number % 2 else 1.0,
            "do": LOST[when][number % len(LOST[when])],
        }
        script = {"seed": seed, "faults": [fault]}
        if name == "create":
            arena.stripe.script(**script)
        placed = await asyncio.gather(
            *(arena.place(product, card=operation.card, capture=operation.capture) for _ in range(ORDERS))
        )
        assert {answer.status_code for answer in placed} <= {201, 202}
        if name != "create":
            arena.stripe.script(**script)

        orders = [answer.json()["id"] for answer in placed]
        await asyncio.gather(*(operation.act(arena, order) for order in orders))

        asked = [request for request in arena.stripe.requests() if request["order_id"] in orders]
        lost += sum(request["fault"] is not None for request in asked)
        arena.stripe.script()
        for order in orders:
            truth = await arena.truth(order)
            assert truth.items() >= operation.truth.items(), (seed, order, truth)
    assert lost >= ROUNDS
    await _books_are_right(arena)


async def _books_are_right(arena: Arena) -> None:
    """As soon as the last step of the last order is written down."""

    async def sound() -> bool:
        return (await arena.audit())[1] == ()

    await eventually(sound, why="something stays off in the books")


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_stored_server_error_is_looked_up_and_has_no_second_effect(arena: Arena, name: str) -> None:
    operation = OPERATIONS[name]
    fault = {"method": "POST", "path": operation.path, "times": 1, "do": "error_500_after"}
    if name == "create":
        arena.stripe.script(faults=[fault])
    placed = await arena.place(await arena.product(), card=operation.card, capture=operation.capture)
    if name != "create":
        arena.stripe.script(faults=[fault])

    await operation.act(arena, placed.json()["id"])

    assert (await arena.truth(placed.json()["id"])).items() >= operation.truth.items()
    await _books_are_right(arena)
    assert [each["fault"] for each in arena.stripe.requests() if each["fault"]] == ["error_500_after"]


@pytest.mark.skipif(not FULL, reason="another key waits until nothing can come of the first: a minute")
async def test_a_refund_whose_key_is_spent_on_a_failure_is_made_under_another(arena: Arena) -> None:
    operation = OPERATIONS["refund"]
    order = (await arena.place(await arena.product())).json()["id"]
    arena.stripe.script(faults=[{"method": "POST", "path": operation.path, "times": 1, "do": "error_500_stored"}])
    await _say(arena, order, "cancel")

    async def refunded() -> bool:
        return bool((await arena.order(order))["payment_status"] == "refunded")

    await eventually(refunded, seconds=120)

    assert (await arena.truth(order)).items() >= operation.truth.items()
    assert [each["fault"] for each in arena.stripe.requests() if each["fault"]] == ["error_500_stored"]
