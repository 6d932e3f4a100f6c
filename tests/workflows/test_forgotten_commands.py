"""A command that Temporal forgot although somebody counts on it: it is told again, and done once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from activities.sweep import Sweep, SweepActivities
from db.ids import new_id
from db.tables import Request
from domain.orders import Command, Role
from domain.payments import CaptureMode, Choice, PaymentMethod
from domain.repair import HoldReason
from sandbox.temporal import TemporalServer
from tests.support.arena import SOON, Arena, eventually
from tests.support.behind import (
    OLD,
    Fact,
    attempt_opened,
    called_off,
    claimed,
    delivered,
    nothing,
    owed,
    refund_approved,
    shipped,
    sweep,
)
from tests.support.parts import PART, buy
from tests.support.workflow_side import workflow_of
from workflows.order import OrderWorkflow
from workflows.waking import TemporalWaker

TOTAL = 2644
VISA = Choice(method=PaymentMethod.CARD, payment_method_id="pm_card_visa", capture=CaptureMode.AUTOMATIC)


async def nothing_owed(arena: Arena) -> bool:
    return await owed(arena) == []


async def test_an_order_goes_on_after_a_shipment_that_its_workflow_does_not_know(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await shipped(arena, order, await claimed(arena, order, "ship"))

    answer = await arena.insist(order, "deliver")

    assert (answer.status_code, answer.json()["status"]) == (200, "delivered")
    await arena.until(order, status="completed")
    assert await owed(arena) == []
    assert (await arena.audit())[1] == ()


async def test_several_commands_are_told_in_their_order(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await shipped(arena, order, await claimed(arena, order, "ship"))
    await delivered(arena, order, await claimed(arena, order, "deliver", Role.BUYER))

    told = 0

    async def all_told() -> bool:
        nonlocal told
        told += (await sweep(arena)).commands
        return told >= 2

    # The second waits for the first to be carried out.
    await eventually(all_told)
    assert told == 2
    await arena.until(order, status="completed")
    assert await owed(arena) == []


@pytest.mark.parametrize("fact", [nothing, refund_approved])
async def test_a_cancellation_is_told_again_and_refunds_once(arena: Arena, fact: Fact) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await fact(arena, order, await claimed(arena, order, "cancel"))

    assert (await sweep(arena)).commands == 1

    await arena.until(order, status="cancelled", payment_status="refunded")
    assert (await arena.truth(order)).items() >= {"captured": TOTAL, "refunded": TOTAL, "refunds": 1}.items()
    assert (await sweep(arena)).commands == 0


@pytest.mark.parametrize("fact", [nothing, called_off])
async def test_a_part_that_is_called_off_is_told_again_and_refunded_once(arena: Arena, fact: Fact) -> None:
    bought = await buy(arena)
    await fact(arena, bought.id, await claimed(arena, bought.id, "cancel", fulfilment_id=bought.parts[0]))

    assert (await sweep(arena)).commands == 1

    order = await arena.until(bought.id, payment_status="partially_refunded")
    assert (order["status"], (await arena.truth(bought.id))["refunded"]) == ("confirmed", PART)
    assert (await bought.ship(1)).json()["status"] == "shipped"
    assert (await arena.truth(bought.id))["refunds"] == 1
    assert (await sweep(arena)).commands == 0


@pytest.mark.parametrize("fact", [nothing, attempt_opened])
async def test_another_card_is_told_again_and_charged_once(arena: Arena, fact: Fact) -> None:
    order = (await arena.place(await arena.product(), card="pm_card_chargeDeclined")).json()["id"]
    await fact(arena, order, await claimed(arena, order, "pay", Role.BUYER, payment=VISA))

    assert (await sweep(arena)).commands == 1

    await arena.until(order, status="confirmed", payment_status="completed")
    assert (await arena.truth(order)).items() >= {"captured": TOTAL, "captures": 1}.items()


@pytest.mark.lasting_temporal
async def test_a_command_that_was_accepted_outlives_temporal(arena: Arena, temporal_server: TemporalServer) -> None:
    """Until a worker takes it, an update stands in the server's memory only."""
    order = (await arena.place(await arena.product())).json()["id"]
    await arena.stop_workers()
    arena.answer_within(1)
    accepted = await arena.command(order, "ship", Role.SELLER, key="promised")
    assert (accepted.status_code, await owed(arena)) == (202, ["ship"])
    await temporal_server.kill()
    await temporal_server.start()
    await arena.start_workers()
    async with arena.database.transaction() as session:
        await session.execute(update(Request).where(Request.owed).values(created=Request.created - OLD))

    assert (await sweep(arena)).commands == 1

    await arena.until(order, status="shipped")
    arena.answer_within(10)
    repeat = await arena.command(order, "ship", Role.SELLER, key="promised")
    assert (repeat.status_code, repeat.json()["status"]) == (200, "shipped")


async def command_of_claim(arena: Arena, verb: str) -> Command:
    async def standing() -> Any:
        async with arena.database.transaction() as session:
            return await session.scalar(select(Request.command).where(Request.owed, Request.verb == verb))

    return Command.model_validate(await eventually(standing))


async def test_what_only_the_database_could_answer_is_told_at_once(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await arena.stop_workers()
    arena.answer_within(SOON)
    shipping = asyncio.create_task(arena.command(order, "ship", Role.SELLER))
    await shipped(arena, order, await command_of_claim(arena, "ship"))

    answer = await shipping

    assert (answer.status_code, answer.json()["status"]) == (200, "shipped")
    await arena.start_workers()
    await eventually(lambda: nothing_owed(arena))


@pytest.mark.lasting_temporal
async def test_a_repeat_that_only_the_database_could_answer_is_told_at_once(
    arena: Arena, temporal_server: TemporalServer
) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await arena.stop_workers()
    arena.answer_within(1)
    assert (await arena.command(order, "ship", Role.SELLER, key="promised")).status_code == 202
    await shipped(arena, order, await command_of_claim(arena, "ship"))
    await temporal_server.kill()
    await temporal_server.start()
    await arena.start_workers()

    repeat = await arena.command(order, "ship", Role.SELLER, key="promised")

    assert (repeat.status_code, repeat.json()["status"]) == (200, "shipped")
    await eventually(lambda: nothing_owed(arena))


async def test_what_the_order_can_not_take_now_is_told_later(arena: Arena) -> None:
    arena.stripe.script(faults=[{"method": "POST", "path": "/v1/payment_intents", "do": "error_500"}])
    arena.answer_within(1)
    order = (await arena.place(await arena.product())).json()["id"]
    await claimed(arena, order, "cancel", Role.BUYER)

    assert ((await sweep(arena)).commands, await owed(arena)) == (0, ["cancel"])

    arena.stripe.script()
    await arena.until(order, status="confirmed")
    assert ((await sweep(arena)).commands, await owed(arena)) == (1, [])
    await arena.until(order, status="cancelled", payment_status="refunded")


class Patient(TemporalWaker):
    """A waker whose Temporal never answers."""

    async def command(self, order_id: str, verb: str, command: Command) -> bool:
        await asyncio.sleep(3600)
        return await super().command(order_id, verb, command)


async def test_what_could_not_be_told_in_the_time_of_a_sweep_stays_owed(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await claimed(arena, order, "cancel")
    waker, telling = Patient(arena.temporal), timedelta(seconds=0.2)

    swept = await SweepActivities(arena.database, waker, telling).orders(Sweep(at=datetime.now(UTC)))

    assert (swept.commands, swept.reported, await owed(arena)) == (0, 0, ["cancel"])
    assert (await sweep(arena)).commands == 1
    await arena.until(order, status="cancelled")


async def test_a_fact_is_told_when_its_order_is_released(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await shipped(arena, order, await claimed(arena, order, "ship"))
    handle = workflow_of(arena, order)
    held = Command(
        request_id=new_id("req"),
        actor_id=arena.people[Role.ADMIN],
        role=Role.ADMIN,
        correlation_id="by hand",
        hold=HoldReason.ADDRESS_CHECK,
    )
    await handle.execute_update(OrderWorkflow.hold, held)

    assert ((await sweep(arena)).commands, await owed(arena)) == (0, ["ship"])
    await handle.execute_update(OrderWorkflow.release, held.model_copy(update={"request_id": new_id("req")}))

    assert ((await sweep(arena)).commands, await owed(arena)) == (1, [])


async def test_what_nobody_could_take_for_an_hour_is_given_up_and_reported(arena: Arena) -> None:
    arena.stripe.script(faults=[{"method": "POST", "path": "/v1/payment_intents", "do": "error_500"}])
    arena.answer_within(1)
    order = (await arena.place(await arena.product())).json()["id"]
    await claimed(arena, order, "cancel", Role.BUYER, age=timedelta(minutes=61))

    assert ((await sweep(arena)).commands, await owed(arena)) == (0, [])

    incidents = (await arena.get("/v1/incidents?open=true", Role.ADMIN))["data"]
    assert [(each["kind"], each["subject"]) for each in incidents] == [("command_forgotten", order)]
    arena.stripe.script()
    await arena.until(order, status="confirmed")
    assert (await sweep(arena)).commands == 0


async def test_an_old_hold_is_never_told_again(arena: Arena, temporal_server: TemporalServer) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    await temporal_server.kill()

    assert (await arena.command(order, "hold", Role.ADMIN, reason="address_check")).status_code == 503

    assert await owed(arena) == []


async def test_what_is_refused_for_good_is_told_once(arena: Arena) -> None:
    paid = (await arena.place(await arena.product())).json()["id"]
    ended = (await arena.place(await arena.product())).json()["id"]
    await arena.command(ended, "cancel")
    await claimed(arena, paid, "deliver")
    await claimed(arena, ended, "ship")

    assert (await sweep(arena)).commands == 2

    assert await owed(arena) == []
    assert ((await arena.order(paid))["status"], (await arena.order(ended))["status"]) == ("confirmed", "cancelled")


async def test_nothing_is_owed_once_it_was_answered(arena: Arena) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    answers = [await arena.command(order, "deliver"), await arena.command(order, "ship", Role.SELLER)]

    assert [answer.status_code for answer in answers] == [409, 200]
    async with arena.database.transaction() as session:
        assert list(await session.scalars(select(Request.route).where(Request.owed))) == []


async def test_only_what_was_not_refused_is_owed_after_an_outage(arena: Arena, temporal_server: TemporalServer) -> None:
    """A 503 to a command says nothing of its end; one to a placing call says that nothing came of it."""
    order = (await arena.place(await arena.product())).json()["id"]
    await temporal_server.kill()

    answers = [await arena.command(order, "ship", Role.SELLER), await arena.place(await arena.product())]

    assert [answer.status_code for answer in answers] == [503, 503]
    async with arena.database.transaction() as session:
        assert list(await session.scalars(select(Request.route).where(Request.owed))) == [
            f"POST /v1/orders/{order}/ship"
        ]
