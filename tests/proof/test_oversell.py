"""More buyers than pieces, at once: exactly the pieces are sold, and only they are paid."""

import asyncio

from domain.orders import Role
from tests.proof.sizes import sized
from tests.support.arena import Arena, order_body

BUYERS = sized(120, 600)
PIECES = 25


async def test_exactly_what_there_is_gets_sold(arena: Arena) -> None:
    product = await arena.product(on_hand=PIECES)
    double = order_body(product)
    double["items"] = double["items"] * 2

    answers = await asyncio.gather(
        *(arena.post("/v1/orders", double if buyer % 6 == 0 else order_body(product)) for buyer in range(BUYERS))
    )

    accepted = [answer.json()["id"] for answer in answers if answer.status_code in {201, 202}]
    refused = [answer.json()["code"] for answer in answers if answer.status_code == 409]
    assert len(accepted) + len(refused) == BUYERS
    assert set(refused) == {"out_of_stock"}
    orders = [await arena.until(order, status="confirmed") for order in accepted]
    assert sum(line["quantity"] for order in orders for line in order["lines"]) == PIECES
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 0
    truths = [await arena.truth(order) for order in accepted]
    assert all((truth["intents"], truth["captures"]) == (1, 1) for truth in truths)
    assert len((await arena.get("/v1/orders?limit=100", Role.ADMIN))["data"]) == len(accepted)
