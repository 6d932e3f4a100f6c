"""Carts as buyers use them over the API."""

from typing import Any

import httpx2

from domain.orders import Role
from tests.support.arena import ADDRESS, Arena
from tests.support.catalogue import Who, send

# A carton of goods goes to California by the standard method.
THERE = "country=US&region=CA&postal_code=94601"


def checkout(card: str = "pm_card_visa", **more: Any) -> dict[str, Any]:
    return {"shipping_address": ADDRESS, "payment": {"method": "card", "payment_method_id": card}, **more}


async def new_cart(arena: Arena, *goods: tuple[str, int], who: Who = Role.BUYER) -> dict[str, Any]:
    """A cart with so many pieces of each product."""
    made = await send(arena, "POST", "/v1/carts", who)
    assert made.status_code == 201, made.text
    cart: dict[str, Any] = made.json()
    for product, quantity in goods:
        cart = (await put(arena, cart, product, quantity, who)).json()
    return cart


async def put(
    arena: Arena, cart: dict[str, Any], product: str, quantity: int = 1, who: Who = Role.BUYER, match: str | None = None
) -> httpx2.Response:
    body = {"product_id": product, "quantity": quantity}
    return await send(arena, "POST", f"/v1/carts/{cart['id']}/items", who, body, match=match)


async def seen(arena: Arena, cart: dict[str, Any], who: Who = Role.BUYER) -> dict[str, Any]:
    answer = await send(arena, "GET", f"/v1/carts/{cart['id']}", who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def check_out(
    arena: Arena, cart: dict[str, Any], key: str | None = None, who: Who = Role.BUYER, **more: Any
) -> httpx2.Response:
    return await send(arena, "POST", f"/v1/carts/{cart['id']}/checkout", who, checkout(**more), key=key)


def in_it(cart: dict[str, Any]) -> list[tuple[str, int]]:
    """What is in a cart, or in an order: products and their quantities."""
    return [(each["product_id"], each["quantity"]) for each in cart.get("items", cart.get("lines", []))]
