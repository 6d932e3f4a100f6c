"""Many orders cancelled by one call: each ends for itself, and the call can be repeated."""

from typing import Any

from db.ids import new_id
from domain.orders import Role
from tests.support.arena import Arena

CANCEL = "/v1/orders/cancel"


async def cancel(arena: Arena, ids: list[str], who: Role = Role.ADMIN, key: str | None = None) -> Any:
    return await arena.post(CANCEL, {"ids": ids, "reason": "recalled"}, who, key)


async def test_every_order_of_a_batch_ends_for_itself(arena: Arena) -> None:
    product = await arena.product(on_hand=10)
    held = (await arena.place(product, capture="manual")).json()["id"]
    paid = (await arena.place(product)).json()["id"]
    shipped = (await arena.place(product)).json()["id"]
    await arena.insist(shipped, "ship", Role.SELLER)
    nobody_s = new_id("ord")

    answer = await cancel(arena, [held, shipped, nobody_s, paid])

    assert answer.status_code == 200, answer.text
    results = answer.json()["data"]
    assert [each["order_id"] for each in results] == [held, shipped, nobody_s, paid]
    assert [each["status"] for each in results] == [200, 409, 404, 200]
    assert [each["code"] for each in results] == [None, "order_not_cancellable", "not_found", None]
    assert results[0]["order"]["status"] == "cancelled"
    await arena.until(paid, status="cancelled", payment_status="refunded")
    await arena.until(held, status="cancelled", payment_status="cancelled")
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 9
    assert (await arena.audit())[1] == ()


async def test_a_batch_that_is_repeated_gets_the_first_outcomes_and_refunds_once(arena: Arena) -> None:
    product = await arena.product(on_hand=10)
    ids = [(await arena.place(product)).json()["id"] for _ in range(3)]

    first = await cancel(arena, ids, key="recall")
    again = await cancel(arena, ids, key="recall")

    assert first.json() == again.json()
    for order in ids:
        await arena.until(order, payment_status="refunded")
        assert (await arena.truth(order))["refunds"] == 1


async def test_a_batch_is_for_staff_and_names_each_order_once(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]

    assert (await cancel(arena, [order], Role.BUYER)).status_code == 403
    assert (await cancel(arena, [order], Role.SELLER)).status_code == 403
    assert (await cancel(arena, [order, order])).status_code == 422
    assert (await cancel(arena, [])).status_code == 422
    assert (await arena.order(order))["status"] == "confirmed"
