"""The same key: one effect and the first answer, at once, later, after the history is gone, after the API died."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, update
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError, RPCStatusCode

from api.deps import Principal
from api.idempotency import Call
from db.ids import new_id
from db.tables import Product, Request
from domain.orders import Role
from tests.support.arena import Arena, eventually, order_body, same
from workflows.names import order_workflow_id

ONE_CHARGE = {"intents": 1, "captures": 1, "captured": 2644}


async def forget_answers(owner_dsn: str) -> None:
    """Leave what an API leaves that dies between the fact and its answer: the claim without an answer."""
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        await connection.execute("UPDATE requests SET status = NULL, response = NULL")


async def delete_history(arena: Arena, order_id: str) -> None:
    """What retention does to a closed workflow."""
    workflow_id = order_workflow_id(order_id)
    await arena.temporal.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=arena.temporal.namespace, workflow_execution=WorkflowExecution(workflow_id=workflow_id)
        )
    )

    async def gone() -> bool:
        try:
            await arena.temporal.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        return False

    await eventually(gone)


async def test_twenty_identical_posts_at_once_make_one_order_and_one_charge(arena: Arena) -> None:
    product = await arena.product(on_hand=30)

    answers = await asyncio.gather(*(arena.place(product, key="once") for _ in range(20)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len((await arena.get("/v1/orders?limit=100", Role.ADMIN))["data"]) == 1
    assert (await arena.truth(answers[0].json()["id"])).items() >= ONE_CHARGE.items()
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 29


async def test_the_same_key_with_another_body_is_refused(arena: Arena) -> None:
    product = await arena.product()
    first = await arena.place(product, key="mine")

    refused = await arena.place(product, 2, key="mine")

    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")
    assert same(await arena.place(product, key="mine"), first)
    assert len((await arena.get("/v1/orders", Role.ADMIN))["data"]) == 1


async def test_the_same_key_of_another_buyer_is_another_order(arena: Arena) -> None:
    product = await arena.product()
    stranger = await arena.new_account(Role.BUYER)

    mine, theirs = await arena.place(product, key="k"), await arena.place(product, key="k", who=stranger)

    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


async def test_a_post_without_a_key_does_nothing(arena: Arena) -> None:
    headers = await arena.headers(Role.BUYER)
    del headers["Idempotency-Key"]

    refused = await arena.http.post("/v1/orders", json=order_body(await arena.product()), headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_required")
    assert (await arena.get("/v1/orders", Role.ADMIN))["data"] == []


async def test_a_repeat_after_the_workflow_closed_gets_the_first_answer(arena: Arena) -> None:
    product = await arena.product()
    first = await arena.place(product, key="again")
    order = first.json()
    await arena.command(order, "ship", Role.SELLER)
    await arena.command(order, "deliver")
    await arena.until(order["id"], status="completed")

    repeat = await arena.place(product, key="again")

    assert same(repeat, first)
    assert repeat.headers["Idempotency-Replayed"] == "true"
    assert (await arena.truth(order["id"])).items() >= ONE_CHARGE.items()


async def test_a_repeat_after_the_api_died_gets_the_first_answer(arena: Arena, owner_dsn: str) -> None:
    product = await arena.product()
    first = await arena.place(product, key="again")
    await arena.command(first.json(), "ship", Role.SELLER)
    await forget_answers(owner_dsn)

    repeat = await arena.place(product, key="again")

    assert same(repeat, first)
    assert (await arena.truth(first.json()["id"])).items() >= ONE_CHARGE.items()


async def test_a_repeat_after_the_api_died_and_the_history_is_gone_gets_the_first_answer(
    arena: Arena, owner_dsn: str
) -> None:
    product = await arena.product()
    first = await arena.place(product, key="again")
    await arena.command(first.json(), "cancel")
    await arena.until(first.json()["id"], payment_status="refunded")
    await forget_answers(owner_dsn)
    await delete_history(arena, first.json()["id"])

    repeat = await arena.place(product, key="again")

    assert same(repeat, first)
    assert (await arena.truth(first.json()["id"])).items() >= ONE_CHARGE.items()


async def test_a_second_run_of_a_forgotten_order_charges_nothing(arena: Arena, owner_dsn: str) -> None:
    product = await arena.product(on_hand=5)
    first = await arena.place(product, key="again")
    await arena.command(first.json(), "cancel")
    await arena.until(first.json()["id"], payment_status="refunded")
    await forget_answers(owner_dsn)
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        # Without the stored outcome the API has to start the workflow again: only the first run id stops it.
        await connection.execute("DELETE FROM commands")
    await delete_history(arena, first.json()["id"])

    repeat = await arena.place(product, key="again")

    assert (repeat.status_code, repeat.json()["status"]) == (202, "cancelled")
    assert (await arena.truth(first.json()["id"])).items() >= ONE_CHARGE.items()
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 5


async def test_a_refusal_is_replayed_although_it_could_succeed_by_now(arena: Arena, owner_dsn: str) -> None:
    product = await arena.product(on_hand=1)
    refused = await arena.place(product, 2, key="too many")
    await arena.post(f"/v1/products/{product}/stock", {"delta": 5, "reason": "received"}, Role.SELLER)

    replayed = await arena.place(product, 2, key="too many")
    await forget_answers(owner_dsn)
    recalled = await arena.place(product, 2, key="too many")

    assert refused.json()["code"] == "out_of_stock"
    assert same(replayed, refused)
    assert (recalled.status_code, recalled.json()["code"]) == (409, "out_of_stock")
    assert arena.stripe.requests() == []


async def test_a_command_repeated_after_the_api_died_gets_the_first_answer(arena: Arena, owner_dsn: str) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()
    first = await arena.insist(order, "ship", Role.SELLER, key="ship it")
    await arena.insist(order, "deliver")
    await arena.until(order["id"], status="completed")
    await forget_answers(owner_dsn)

    repeat = await arena.command(order, "ship", Role.SELLER, key="ship it")

    assert same(repeat, first)
    assert (await arena.truth(order["id"]))["captures"] == 1


async def test_a_key_is_claimed_per_route(arena: Arena) -> None:
    order = (await arena.place(await arena.product(), key="one")).json()

    cancelled = await arena.command(order, "cancel", key="one")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


async def test_an_order_that_stands_is_not_refused_because_its_goods_are_off_sale_by_now(arena: Arena) -> None:
    product = await arena.product()
    arena.stripe.script(faults=[{"method": "POST", "path": "/v1/payment_intents", "do": "error_500"}])
    arena.answer_within(1)
    accepted = await arena.place(product, key="slow")

    async def stands() -> bool:
        return "lines" in await arena.order(accepted.json()["id"])

    await eventually(stands)
    async with arena.database.transaction() as session:
        await session.execute(update(Product).where(Product.id == product).values(active=False))

    repeat = await arena.place(product, key="slow")

    assert (accepted.status_code, repeat.status_code) == (202, 202)
    arena.stripe.script(faults=[])
    await arena.until(accepted.json()["id"], status="confirmed", payment_status="completed")
    assert (await arena.place(product, key="slow")).status_code == 201
    refused = await arena.place(product, key="another")
    assert (refused.status_code, refused.json()["code"]) == (422, "product_unavailable")
    assert (await arena.truth(accepted.json()["id"])).items() >= ONE_CHARGE.items()


@pytest.mark.parametrize(("who", "often"), [(Role.BUYER, 100), (Role.SELLER, 1500)])
async def test_who_asks_too_much_of_an_order_leaves_room_for_its_merchant(arena: Arena, who: Role, often: int) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    async with arena.database.transaction() as session:
        session.add_all(asked(arena.people[who], order) for _ in range(often))

    refused = await arena.command(order, "cancel", key="mine")
    again = await arena.command(order, "cancel", key="mine")

    assert [(each.status_code, each.json()["code"]) for each in (refused, again)] == [(409, "commands_exhausted")] * 2
    assert (await arena.command(order, "cancel", Role.ADMIN)).json()["status"] == "cancelled"


async def test_who_asks_too_much_of_an_order_leaves_room_for_the_others(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    async with arena.database.transaction() as session:
        session.add_all(asked(arena.people[Role.SELLER], order) for _ in range(100))

    refused = await arena.command(order, "ship", Role.SELLER)

    assert (refused.status_code, refused.json()["code"]) == (409, "commands_exhausted")
    assert (await arena.command(order, "cancel")).json()["status"] == "cancelled"


def asked(account: str, order: str) -> Request:
    """A command's claim of a minute ago."""
    request = new_id("req")
    return Request(
        id=request,
        account_id=account,
        route=f"POST /v1/orders/{order}/cancel",
        key=request,
        fingerprint=b"",
        resource_id=order,
        body={},
        verb="cancel",
        created=datetime.now(UTC) - timedelta(minutes=1),
    )


async def test_no_answer_is_kept_beside_a_body_that_was_erased(arena: Arena) -> None:
    product = await arena.product()
    first = await arena.place(product, key="erased")
    async with arena.database.transaction() as session:
        await session.execute(update(Request).values(body=None, status=None, response=None))

    again = await arena.place(product, key="erased")

    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    async with arena.database.transaction() as session:
        assert list(await session.scalars(select(Request.response))) == [None]


def test_a_field_that_is_left_out_is_the_same_call_as_one_that_is_null_or_empty() -> None:
    old, new = (called({"reason": "mine", **more}) for more in ({}, {"fulfilment_id": None, "note": ""}))

    assert old.fingerprint == new.fingerprint
    assert called({"reason": "mine", "restock": False}).fingerprint != old.fingerprint


def called(body: dict[str, Any]) -> Call[None]:
    """A call with this body, which nobody makes."""

    async def unused(*_: Any) -> Any:
        raise AssertionError

    caller = Principal(account_id=new_id("acc"), role=Role.BUYER)
    return Call(caller, "POST /v1/orders", body, new_id("ord"), recall=unused, prepare=unused, act=unused)
