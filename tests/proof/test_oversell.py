"""More buyers than pieces, at once: exactly the pieces are sold, and only they are paid."""

import asyncio
from functools import partial
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.orders import Role
from tests.proof.sizes import sized
from tests.support.arena import Arena, answered, eventually, order_body

BUYERS = sized(120, 600)
PIECES = 25
# When more come at once than a small machine can serve, the last are done after minutes.
PATIENCE_SECONDS = sized(60, 400)
PROVES = f"{BUYERS} buyers for {PIECES} pieces"


@pytest.mark.timeout(sized(300, 1200))
async def test_exactly_what_there_is_gets_sold(arena: Arena) -> None:
    product = await arena.product(on_hand=PIECES)
    double = order_body(product)
    double["items"] = double["items"] * 2

    answers = await asyncio.gather(
        *(_placed(arena, double if buyer % 6 == 0 else order_body(product)) for buyer in range(BUYERS))
    )

    accepted = [answer.json()["id"] for answer in answers if answer.status_code in {201, 202}]
    refused = [answer.json()["code"] for answer in answers if answer.status_code == 409]
    assert len(accepted) + len(refused) == BUYERS
    ended = [await eventually(partial(_ended, arena, order), seconds=PATIENCE_SECONDS) for order in accepted]
    sold = [order for order in ended if order["status"] == "confirmed"]
    # On a slow machine an order may be accepted before it is refused.
    refused += [order["refusal"] for order in ended if order["status"] == "failed"]
    assert set(refused) == {"out_of_stock"}
    assert sum(line["quantity"] for order in sold for line in order["lines"]) == PIECES
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 0
    truths = [await arena.truth(order["id"]) for order in sold]
    assert all((truth["intents"], truth["captures"]) == (1, 1) for truth in truths)
    assert len((await arena.get("/v1/orders?limit=100", Role.ADMIN))["data"]) == len(sold)
    assert (await arena.audit())[1] == ()


async def _placed(arena: Arena, body: dict[str, Any]) -> httpx2.Response:
    """Who is told to come again does so, with the same key."""
    key = str(uuid4())
    return await answered(
        lambda: arena.post("/v1/orders", body, key=key),
        seconds=PATIENCE_SECONDS,
        enough=lambda answer: answer.status_code != 503,
    )


async def _ended(arena: Arena, order_id: str) -> dict[str, Any] | None:
    order: dict[str, Any] = await arena.order(order_id)
    return order if order["status"] in {"confirmed", "failed"} else None
