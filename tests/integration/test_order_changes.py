"""What people change of an order that stands: notes, and where it goes; and who sees them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from db import contacts, event_log
from db.contacts import By
from db.ids import new_id
from domain.events import Event, EventType
from domain.orders import Role
from tests.support.arena import ADDRESS, Arena, eventually
from tests.support.locks import until_waiting
from tests.support.parts import buy

NEXT_DOOR = {**ADDRESS, "line1": "2 Quay Street"}


async def change(arena: Arena, order: str, who: Role | str = Role.BUYER, **fields: Any) -> httpx2.Response:
    return await arena.http.patch(f"/v1/orders/{order}", json=fields, headers=await arena.headers(who))


async def placed(arena: Arena, **other: Any) -> str:
    return str((await arena.placed(await arena.product(), **other)).json()["id"])


async def test_a_buyer_changes_the_notes_and_takes_them_back(arena: Arena) -> None:
    order = await placed(arena, notes="Ring once.")

    changed = await change(arena, order, notes="Ring twice.")
    assert (changed.status_code, changed.json()["notes"]) == (200, "Ring twice.")
    assert (await arena.get(f"/v1/orders/{order}", Role.SELLER))["notes"] == "Ring twice."
    left = await change(arena, order, shipping_address=NEXT_DOOR)
    assert (left.json()["notes"], left.json()["shipping_address"]["line1"]) == ("Ring twice.", "2 Quay Street")
    taken_back = await change(arena, order, notes=None)

    assert taken_back.json()["notes"] is None
    buyer = arena.people[Role.BUYER]
    assert await arena.logged(order, "order.notes_changed") == [{"actor_id": buyer, "role": "buyer"}] * 2
    assert await arena.logged(order, "order.address_changed") == [{"actor_id": buyer, "role": "buyer"}]
    assert (await arena.audit())[1] == ()


async def test_what_says_the_same_changes_nothing(arena: Arena) -> None:
    order = await placed(arena, notes="Ring once.")
    before = await arena.order(order)

    same = await change(arena, order, notes="Ring once.", shipping_address=ADDRESS)

    assert same.status_code == 200
    assert await arena.order(order) == before
    assert await arena.logged(order, "order.notes_changed") == []
    assert await arena.logged(order, "order.address_changed") == []


async def test_a_seller_s_note_is_seen_by_that_seller_and_by_staff(arena: Arena) -> None:
    bought = await buy(arena)
    first, second = bought.parts

    noted = await change(arena, bought.id, Role.SELLER, seller_notes="Fragile: wrap twice.")
    by_staff = await change(arena, bought.id, Role.ADMIN, seller_notes="Ask Ben.", fulfilment_id=second)

    own = {first: "Fragile: wrap twice."}
    assert noted.json()["seller_notes"] == own
    assert by_staff.json()["seller_notes"] == {**own, second: "Ask Ben."}
    assert (await arena.get(f"/v1/orders/{bought.id}"))["seller_notes"] == {}
    assert (await arena.get(f"/v1/orders/{bought.id}", Role.SELLER))["seller_notes"] == own
    assert len(await arena.logged(bought.id, "fulfilment.noted")) == 2
    for who in (Role.BUYER, Role.SELLER):
        told = (await arena.get(f"/v1/orders/{bought.id}/timeline", who))["data"]
        assert "fulfilment.noted" not in {each["type"] for each in told}
    gone = await change(arena, bought.id, Role.SELLER, seller_notes="")
    assert gone.json()["seller_notes"] == {}


async def test_staff_name_the_part_that_a_note_is_about(arena: Arena) -> None:
    bought = await buy(arena)
    unnamed = await change(arena, bought.id, Role.ADMIN, seller_notes="Ask Ben.")
    another_s = await change(arena, bought.id, Role.SELLER, seller_notes="Mine?", fulfilment_id=bought.parts[1])
    missing = await change(arena, bought.id, Role.ADMIN, seller_notes="Where?", fulfilment_id=new_id("ful"))

    assert (unnamed.status_code, unnamed.json()["code"]) == (422, "fulfilment_required")
    assert (another_s.status_code, missing.status_code) == (404, 404)
    assert (await arena.order(bought.id))["seller_notes"] == {}


@pytest.mark.parametrize(
    ("who", "fields"),
    [
        (Role.BUYER, {"seller_notes": "Hurry."}),
        (Role.SELLER, {"notes": "Leave it at the gate."}),
        (Role.SELLER, {"shipping_address": NEXT_DOOR}),
    ],
)
async def test_nobody_writes_for_another(arena: Arena, who: Role, fields: dict[str, Any]) -> None:
    order = await placed(arena)
    before = await arena.order(order)

    refused = await change(arena, order, who, **fields)

    assert (refused.status_code, refused.json()["code"]) == (403, "role_not_allowed")
    assert await arena.order(order) == before


@pytest.mark.parametrize(
    ("who", "fields"), [(Role.BUYER, {"shipping_address": NEXT_DOOR}), (Role.SELLER, {"seller_notes": "Fragile."})]
)
async def test_an_access_token_that_outlived_a_block_changes_nothing(
    arena: Arena, who: Role, fields: dict[str, Any]
) -> None:
    order = await placed(arena)
    before = await arena.order(order)
    await arena.headers(who)
    blocked = {"status": "blocked", "reason": "abuse"}
    path = f"/v1/accounts/{arena.people[who]}"
    assert (await arena.http.patch(path, json=blocked, headers=await arena.headers(Role.ADMIN))).status_code == 200

    refused = await change(arena, order, who, **fields)

    assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")
    seen = await arena.get(f"/v1/orders/{order}", Role.ADMIN)
    assert (seen["shipping_address"], seen["seller_notes"]) == (before["shipping_address"], {})


@pytest.mark.parametrize(
    ("who", "kind", "fields", "ended"),
    [
        (Role.BUYER, EventType.ORDER_NOTES_CHANGED, {"notes": "Ring once more."}, (409, "commands_exhausted")),
        (Role.BUYER, EventType.ORDER_ADDRESS_CHANGED, {"shipping_address": NEXT_DOOR}, (409, "commands_exhausted")),
        (Role.SELLER, EventType.FULFILMENT_NOTED, {"seller_notes": "Ring no more."}, (409, "commands_exhausted")),
        (Role.ADMIN, EventType.FULFILMENT_NOTED, {"seller_notes": "Ring no more."}, (200, None)),
    ],
)
async def test_nobody_but_staff_changes_an_order_without_end(
    arena: Arena, who: Role, kind: EventType, fields: dict[str, Any], ended: tuple[int, str | None]
) -> None:
    order = await placed(arena)
    data = {"actor_id": arena.people[who]}
    made = Event(type=kind, time=datetime.now(UTC), subject=order, data=data, correlation_id="earlier calls")
    async with arena.database.transaction() as session:
        event_log.append(session, *[made] * 99)

    last, further = await change(arena, order, who, **fields), await change(arena, order, who, **fields)

    assert last.status_code == 200
    assert (further.status_code, further.json().get("code")) == ended
    for other in {Role.BUYER, Role.ADMIN} - {who}:
        assert (await change(arena, order, other, notes="Another's.")).status_code == 200


async def test_a_seller_s_note_is_no_news_for_the_buyer(arena: Arena) -> None:
    order = await placed(arena)
    before = await arena.get(f"/v1/orders/{order}")

    await change(arena, order, Role.SELLER, seller_notes="Fragile.")

    assert await arena.get(f"/v1/orders/{order}") == before


@pytest.mark.parametrize("field", ["country", "region", "postal_code"])
async def test_an_address_in_another_place_is_refused(arena: Arena, field: str) -> None:
    order = await placed(arena)

    refused = await change(arena, order, notes="lost too", shipping_address={**ADDRESS, field: "NV"})

    assert (refused.status_code, refused.json()["code"]) == (409, "address_fixed")
    seen = await arena.order(order)
    assert (seen["notes"], seen["shipping_address"]) == (None, {"line2": "", **ADDRESS})


async def test_the_address_of_what_is_on_its_way_is_fixed(arena: Arena) -> None:
    bought = await buy(arena)
    await bought.ship(0)
    partly = await change(arena, bought.id, shipping_address=NEXT_DOOR)
    order = await placed(arena)
    await arena.insist(order, "cancel")
    cancelled = await change(arena, order, shipping_address=NEXT_DOOR)

    for refused in (partly, cancelled):
        assert (refused.status_code, refused.json()["code"]) == (409, "address_fixed")
    noted = await change(arena, order, notes="It was too dear.")
    assert noted.status_code == 200, noted.text


async def test_the_buyer_of_a_held_order_can_not_send_it_elsewhere_but_staff_can(arena: Arena) -> None:
    order = await placed(arena)
    await arena.insist(order, "hold", Role.ADMIN, reason="address_check")

    refused = await change(arena, order, shipping_address=NEXT_DOOR)
    mended = await change(arena, order, Role.ADMIN, shipping_address=NEXT_DOOR)

    assert (refused.status_code, refused.json()["code"]) == (409, "order_held")
    assert (mended.status_code, mended.json()["shipping_address"]["line1"]) == (200, "2 Quay Street")


async def test_changes_at_once_lose_none(arena: Arena) -> None:
    bought = await buy(arena)
    parts = bought.parts

    answers = await asyncio.gather(
        *(change(arena, bought.id, Role.ADMIN, seller_notes=part, fulfilment_id=part) for part in parts),
        change(arena, bought.id, notes="Ring twice."),
        change(arena, bought.id, shipping_address=NEXT_DOOR),
    )

    assert [each.status_code for each in answers] == [200] * 4
    order = await arena.order(bought.id)
    assert order["seller_notes"] == {part: part for part in parts}
    assert (order["notes"], order["shipping_address"]["line1"]) == ("Ring twice.", "2 Quay Street")


async def test_a_change_waits_for_another_and_keeps_it(arena: Arena, owner_dsn: str) -> None:
    bought = await buy(arena)
    first, second = bought.parts
    by = By(arena.people[Role.ADMIN], Role.ADMIN, datetime.now(UTC), "another call")

    async with arena.database.transaction() as session:
        order, contact = await contacts.lock(session, bought.id, by)
        late = asyncio.create_task(
            change(arena, bought.id, Role.ADMIN, seller_notes="the second", fulfilment_id=second)
        )
        await until_waiting(owner_dsn)
        contacts.note_part(session, order, contact, first, "the first", by)

    assert (await late).json()["seller_notes"] == {first: "the first", second: "the second"}


async def test_an_order_that_is_not_recorded_yet_takes_its_changes_later(arena: Arena) -> None:
    product = await arena.product()
    await arena.stop_workers()
    arena.answer_within(1)
    accepted = await arena.place(product)

    early = await change(arena, accepted.json()["id"], notes="Ring twice.")

    assert (accepted.status_code, early.status_code, early.json()["code"]) == (202, 409, "order_busy")
    assert int(early.headers["Retry-After"]) >= 1
    await arena.start_workers()
    await arena.until(accepted.json()["id"], status="confirmed")
    later = await change(arena, accepted.json()["id"], notes="Ring twice.")
    assert later.json()["notes"] == "Ring twice."


async def test_a_follower_hears_of_a_changed_address(arena: Arena) -> None:
    order = await placed(arena)
    seen = await arena.http.get(f"/v1/orders/{order}", headers=await arena.headers(Role.BUYER))

    async def follow() -> httpx2.Response:
        headers = {**await arena.headers(Role.BUYER), "If-None-Match": seen.headers["ETag"]}
        return await arena.http.get(f"/v1/orders/{order}?wait=30", headers=headers, timeout=60)

    waiting = asyncio.create_task(follow())
    await eventually(lambda: arena.app.state.wiring.live._open.total() == 1)
    await change(arena, order, shipping_address=NEXT_DOOR)

    # After 30 s it would look without being told.
    told = await asyncio.wait_for(waiting, 20)
    assert (told.status_code, told.json()["shipping_address"]["line1"]) == (200, "2 Quay Street")
    timeline = (await arena.get(f"/v1/orders/{order}/timeline", Role.SELLER))["data"]
    assert timeline[-1]["sentence"] == "The delivery address was changed."
