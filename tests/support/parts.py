"""An order of several sellers, and what can be done with one part of it."""

from typing import Any

from domain.orders import Role
from tests.support.arena import Arena

# A piece at 19.99 and 7.25 % tax on it: what a part of an order costs. Shipping is 5.00.
PART = 2144
SHIPPING = 500


class Bought:
    """An order of one piece from each of several sellers; the first is the arena's own."""

    def __init__(self, arena: Arena, order: dict[str, Any], products: list[str]) -> None:
        self.arena, self.id, self.products = arena, order["id"], products
        by_seller = {each["seller_id"]: each["id"] for each in order["fulfilments"]}
        self.parts = [by_seller[line["seller_id"]] for line in order["lines"]]

    async def call_off(self, number: int, who: Role = Role.ADMIN, **body: Any) -> Any:
        return await self.arena.insist(self.id, "cancel", who, fulfilment_id=self.parts[number], **body)

    async def ship(self, number: int, **body: Any) -> Any:
        return await self.arena.insist(self.id, "ship", Role.ADMIN, fulfilment_id=self.parts[number], **body)

    async def deliver(self, number: int, who: Role) -> Any:
        return await self.arena.insist(self.id, "deliver", who, fulfilment_id=self.parts[number])

    async def stock(self) -> list[int]:
        return [(await self.arena.get(f"/v1/products/{each}"))["stock"] for each in self.products]

    async def money(self) -> dict[str, int]:
        truth = await self.arena.truth(self.id)
        return {name: truth[name] for name in ("authorized", "captured", "refunded", "voided")}


async def buy(arena: Arena, sellers: int = 2, capture: str = "automatic", **other: Any) -> Bought:
    people = ["", *[await arena.new_account(Role.SELLER) for _ in range(sellers - 1)]]
    products = [await arena.product(on_hand=5, seller=seller) for seller in people]
    items = [{"product_id": each, "quantity": 1} for each in products]
    order = (await arena.place(products[0], items=items, capture=capture, **other)).json()
    assert order["totals"]["total"]["amount"] == sellers * PART + SHIPPING
    return Bought(arena, order, products)
